"""`apply.lua` mirrors `metrics_core`: the same windows, buckets, marks and limits, on Valkey and on Redis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline_http_redis.store
from metrics_core import limits
from metrics_core.histogram import MAX_VALUE_US, bucket_of
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import format_ledger
from metrics_core.runs import split_runs
from metrics_core.sample import Sample
from metrics_core.summary import Windows, rank
from metrics_core.wire import BatchDecoder, encode_batch, join_batches
from pipeline_http_redis.jobs import apply_claim, fold
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.applier import Applier
from pipeline_http_redis.store.counters import totals_of, unfinished_jobs
from pipeline_http_redis.store.ledger import read_ledger
from pipeline_websocket.aggregator import Aggregator
from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines
from tests.support.samples import NOW_US, a_run, a_sample, one_identity_one_reading, rough_stream, samples

SCRIPT: Final = Path(pipeline_http_redis.store.__file__).with_name("apply.lua").read_text()
streams = st.lists(st.lists(samples(), min_size=1, max_size=6), min_size=1, max_size=6)
with_a_store = settings(max_examples=60)


@pytest.fixture(scope="module", params=["valkey", "redis-server"])
def running_store(request: pytest.FixtureRequest) -> Iterator[Pipelines]:
    """A store and nothing else: no worker takes what the tests put there."""
    program = redis_server() if request.param == "redis-server" else None
    with temporary_pipelines(program, FSYNC="no") as running:
        running.start("store")
        yield running


@pytest.fixture
def store(running_store: Pipelines) -> Any:
    running_store.redis.flushall()
    return running_store.redis


class Store:
    """Batches in, aggregates out, one claim after the other."""

    def __init__(self, connection: Any) -> None:
        self.redis = connection
        self.applier = Applier(connection)
        self._claims = 0

    def take(self, *batches: list[Sample]) -> str:
        """Commit a group as the ingest does, and apply it as a worker does."""
        self._claims += 1
        claim = f"claim-{self._claims}"
        self.redis.set(keys.claim(claim), join_batches([encode_batch(batch) for batch in batches]))
        apply_claim(self.applier, claim, NOW_US)
        return claim

    @property
    def totals(self) -> dict[str, int]:
        return totals_of(self.redis.hgetall(keys.TOTALS))

    def producer(self, name: str) -> keys.StoredProducer:
        return keys.unpack_producer(self.redis.hget(keys.PRODUCERS, name))

    @property
    def ledger(self) -> dict[str, dict[str, list[list[int]]]]:
        async def read() -> dict[str, dict[str, list[list[int]]]]:
            path = self.redis.connection_pool.connection_kwargs["path"]
            async with redis.asyncio.Redis(unix_socket_path=path) as connection:
                return (await read_ledger(connection))[1]

        return asyncio.run(read())


def test_buckets_are_those_of_the_histogram(store: Any) -> None:
    """The script's own function, on every edge of every octave and on ages in between."""
    found = re.search(r"^local function bucket_of.*?^end$", SCRIPT, re.DOTALL | re.MULTILINE)
    assert found
    ages = [-(10**15), -1, 0, MAX_VALUE_US - 1, MAX_VALUE_US, MAX_VALUE_US + 1, 2**50]
    for power in range(1, 43):
        ages += [2**power - 1, 2**power, 2**power + 1, 2**power + 2**power // 3, int(2**power * 1.999)]
    ages += list(range(20_000))
    code = f"{found[0]}\nlocal r = {{}} for i, age in ipairs(ARGV) do r[i] = bucket_of(tonumber(age)) end return r"
    for first in range(0, len(ages), 5_000):
        part = ages[first : first + 5_000]
        assert store.eval(code, 0, *map(str, part)) == [bucket_of(age) for age in part]


@given(streams)
@with_a_store
def test_aggregates_are_those_of_python_to_the_bit(
    running_store: Pipelines, stream: list[list[Sample]]
) -> None:
    running_store.redis.flushall()
    store = Store(running_store.redis)
    compare_with_python(store, one_reading(stream))


@pytest.mark.parametrize("seed", range(3))
def test_a_rough_network(store: Any, seed: int) -> None:
    compare_with_python(Store(store), rough_stream(seed, NOW_US))


def one_reading(stream: list[list[Sample]]) -> list[list[Sample]]:
    readings = iter(one_identity_one_reading([sample for batch in stream for sample in batch]))
    return [[next(readings) for _ in batch] for batch in stream]


def compare_with_python(store: Store, stream: list[list[Sample]]) -> None:
    windows: dict[str, Windows] = {}
    last: dict[str, Sample] = {}
    aggregator = Aggregator(16)
    seen: set[tuple[str, int, int]] = set()
    late = 0
    for batch in stream:
        store.take(batch)
        aggregator.add(batch, NOW_US)
        fresh = [s for s in batch if (s.producer, s.epoch, s.seq) not in seen]
        seen |= {(s.producer, s.epoch, s.seq) for s in batch}
        for name, newest, summaries in fold(split_runs(fresh)[0] if fresh else [], 0, 0, NOW_US).producers:
            assert newest is not None
            sample = Sample(*newest)
            if name not in last or rank(sample) > rank(last[name]):
                last[name] = sample
            for summary in summaries:
                late += windows.setdefault(name, Windows()).add(summary)
    for name, kept in windows.items():
        stored = store.producer(name)
        assert msgspec.json.encode(stored.windows) == msgspec.json.encode(kept.summaries)
        assert stored.last_sample() == last[name]
    assert store.ledger == format_ledger(aggregator.ledger())
    totals = store.totals
    assert (totals["processed"], totals["duplicates"]) == (aggregator.processed, aggregator.duplicates)
    assert (totals["future"], totals["late"]) == (aggregator.future, late)
    assert totals["dead_lettered"] == 0
    assert sum(map(int, store.redis.hvals(keys.PROCESSED))) == totals["processed"] - totals["future"]


# -- once, and all or nothing ----------------------------------------------------------------------------------------


def everything(connection: Any) -> dict[bytes, object]:
    """All that the store holds, but for what counts how often something was tried."""
    return {key: connection.dump(key) for key in sorted(connection.keys("*"))}


def test_a_claim_is_applied_once(store: Any) -> None:
    applying = Store(store)
    claim = applying.take(a_run("web-01", 1, range(5)))
    assert store.exists(keys.claim(claim)) == 0
    before = everything(store)
    for _ in range(3):
        apply_claim(applying.applier, claim, NOW_US)
    assert applying.totals["redelivered"] == 3
    store.hdel(keys.TOTALS, "redelivered")
    assert everything(store).keys() == before.keys()
    assert applying.totals["processed"] == 5
    assert store.xlen(keys.STREAM) == 1


def test_a_batch_with_repeats_writes_nothing_before_it_is_folded_again(store: Any) -> None:
    applying = Store(store)
    applying.take(a_run("web-01", 1, range(5)))
    store.set(keys.claim("mixed"), join_batches([encode_batch(a_run("web-01", 1, range(3, 8)))]))
    before = everything(store)
    groups, _ = split_runs(a_run("web-01", 1, range(3, 8)))
    excluded = applying.applier.apply("mixed", fold(groups, 0, 0, NOW_US), b"")
    assert excluded is not None
    assert (excluded.overlaps, excluded.limited) == ([(0, 3, 4)], [])
    assert everything(store) == before
    apply_claim(applying.applier, "mixed", NOW_US)
    assert (applying.totals["processed"], applying.totals["duplicates"]) == (8, 2)
    assert applying.ledger == {"web-01": {"1": [[0, 7]]}}


def test_each_applied_batch_is_one_stream_entry_with_its_producers(store: Any) -> None:
    applying = Store(store)
    applying.take([a_sample("a"), a_sample("b")])
    applying.take([a_sample("a")])  # a repeat
    applying.take([a_sample("c")], [a_sample("d"), a_sample("c", seq=1)])
    entries = store.xrange(keys.STREAM)
    named = [
        (int(fields[b"batch"]), sorted(keys.unpack_names(fields[b"producers"]))) for _, fields in entries
    ]
    assert named == [(1, ["a", "b"]), (2, []), (3, ["c", "d"])]


def test_a_batch_of_2_000_producers(store: Any) -> None:
    applying = Store(store)
    batch = [a_sample(f"web-{n:04}", 1, seq) for n in range(2_000) for seq in range(2)]
    applying.take(batch)
    assert applying.totals["processed"] == 4_000
    assert store.hlen(keys.PRODUCERS) == 2_000
    assert applying.ledger["web-1999"] == {"1": [[0, 1]]}


def test_identities_at_the_ends_of_the_number_range(store: Any) -> None:
    applying, most = Store(store), limits.MAX_EXACT_INTEGER - 1
    applying.take(
        [a_sample(epoch=most, seq=most), a_sample(epoch=most, seq=0), a_sample(epoch=0, seq=most - 1)]
    )
    applying.take([a_sample(epoch=most, seq=most - 1), a_sample(epoch=0, seq=most)])
    assert applying.ledger == {"web-01": {str(most): [[0, 0], [most - 1, most]], "0": [[most - 1, most]]}}
    applying.take([a_sample(epoch=most, seq=most)])
    assert applying.totals["duplicates"] == 1


# -- limits ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), max_size=15))
@with_a_store
def test_a_batch_is_set_aside_exactly_when_its_epoch_would_need_too_many_intervals(
    running_store: Pipelines, batches: list[list[int]]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "MAX_INTERVALS_PER_EPOCH", 3)
        running_store.redis.flushall()
        store, seen, duplicates, dead = Store(running_store.redis), IntervalSet(), 0, 0
        for seqs in batches:
            fresh = {seq for seq in seqs if seq not in seen}
            duplicates += len(seqs) - len(fresh)
            wanted = IntervalSet([*seen, *((seq, seq) for seq in fresh)])
            store.take([a_sample(seq=seq) for seq in seqs])
            if len(wanted) > 3:
                dead += len(fresh)
            else:
                seen = wanted
        assert store.ledger.get("web-01", {}).get("1", []) == seen.as_lists()
        totals = store.totals
        assert (totals["processed"], totals["duplicates"], totals["dead_lettered"]) == (
            seen.size,
            duplicates,
            dead,
        )


def test_producers_and_restarts_are_bounded_and_what_is_over_is_kept_aside(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PRODUCERS", 2)
    monkeypatch.setattr(limits, "MAX_EPOCHS_PER_PRODUCER", 2)
    applying = Store(store)
    applying.take([a_sample("a"), a_sample("b"), a_sample("c", seq=7)])
    applying.take([a_sample("a", epoch=2), a_sample("a", epoch=3), a_sample("b", seq=1)])
    assert applying.ledger == {"a": {"1": [[0, 0]], "2": [[0, 0]]}, "b": {"1": [[0, 1]]}}
    assert applying.totals["dead_lettered"] == 2
    dead = store.lrange(keys.DEAD, 0, -1)
    aside = [BatchDecoder().decode(text)[0] for text in dead]
    assert [(s.producer, s.epoch, s.seq) for s in aside] == [("a", 3, 0), ("c", 1, 7)]
    assert store.hlen(keys.PRODUCERS) == 2


def test_the_dead_list_is_bounded(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PRODUCERS", 0)
    monkeypatch.setattr(keys, "DEAD_KEPT", 3)
    applying = Store(store)
    for seq in range(5):
        applying.take([a_sample(seq=seq)])
    assert store.llen(keys.DEAD) == 3
    assert applying.totals["dead_lettered"] == 5


# -- the small scripts -----------------------------------------------------------------------------------------------


def test_a_claim_is_set_aside_once(store: Any) -> None:
    applying = Store(store)
    store.set(keys.claim("poison"), b"not json")
    assert applying.applier.set_aside("poison", 7)
    assert not applying.applier.set_aside("poison", 7)
    assert not applying.applier.set_aside("unknown", 7)
    assert applying.totals["dead_lettered"] == 7
    assert store.lrange(keys.DEAD, 0, -1) == [b"not json"]
    assert store.exists(keys.claim("poison")) == 0


def test_a_popped_job_is_pushed_back_once_and_only_if_it_exists(store: Any) -> None:
    applier = Applier(store)
    store.rpush(keys.QUEUE, "waiting")
    store.rpush(keys.INTERMEDIATE, "popped", "ghost")
    store.hset(keys.job("popped"), "data", b"x")
    assert applier.push_back("popped")
    assert not applier.push_back("popped"), "another worker was faster"
    assert not applier.push_back("ghost"), "its job is done and gone"
    assert store.lrange(keys.QUEUE, 0, -1) == [b"popped", b"waiting"]
    assert unfinished_jobs(store) == (2, 0, 0)
