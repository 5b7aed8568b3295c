"""`/v1/whereabouts` and `/v1/windows`: where each sample is, by identity, and windows that the oracle finds exact."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from control_plane.oracle import judge
from metrics_core import limits
from metrics_core.ledger import format_ledger
from metrics_core.sample import Sample
from metrics_core.wire import encode_batch, join_batches
from pipeline_http_redis.jobs import apply_claim
from pipeline_http_redis.store import keys, whereabouts
from pipeline_http_redis.store.applier import Applier
from pipeline_http_redis.store.intake import Intake
from pipeline_http_redis.store.whereabouts import Looker, Whereabouts
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import NOW_US, a_run, a_sample, rough_stream
from tests.support.waiting import until

T = TypeVar("T")


@pytest.fixture(scope="module", params=["valkey", "redis-server"])
def running_store(request: pytest.FixtureRequest) -> Iterator[Pipelines]:
    """A store and nothing else: no worker takes what the tests put there."""
    program = redis_server() if request.param == "redis-server" else None
    with temporary_pipelines(program, FSYNC="no") as running:
        running.start("store")
        yield running


class Store:
    """Groups in by the ingest's own way, moved by hand."""

    def __init__(self, running: Pipelines) -> None:
        self.url, self.redis = running.redis_url, running.redis
        self.redis.flushall()
        self.applier = Applier(self.redis)

    def with_intake(self, ask: Callable[[Intake], Awaitable[T]]) -> T:
        async def run() -> T:
            intake = Intake(self.url)
            try:
                return await ask(intake)
            finally:
                await intake.redis.aclose()

        return asyncio.run(run())

    def commit(self, name: str, *batches: list[Sample]) -> None:
        body = join_batches([encode_batch(batch) for batch in batches])
        self.with_intake(lambda intake: intake.commit(name, body, sum(map(len, batches))))

    def pop(self) -> str:
        popped = self.redis.lmove(keys.QUEUE, keys.INTERMEDIATE, "RIGHT", "LEFT")
        assert isinstance(popped, bytes)
        return popped.decode()

    def start(self, name: str) -> None:
        self.redis.lrem(keys.INTERMEDIATE, 1, name)
        self.redis.zadd(keys.STARTED, {f"{name}:an-execution": time.time() + 5})

    def look(self) -> Whereabouts:
        return self.with_intake(lambda intake: Looker(intake.redis).look())


@pytest.fixture
def store(running_store: Pipelines) -> Store:
    return Store(running_store)


def places(found: Whereabouts) -> dict[str, Any]:
    return {place: format_ledger(ledger) for place, ledger in found.places.items() if ledger}


# -- where samples are ----------------------------------------------------------------------------------------------


def test_a_group_on_its_way_is_told_in_each_place(store: Store) -> None:
    store.commit("one", a_run("a", 1, range(5)), [a_sample("b", 2, 7)])
    own = {"a": {"1": [[0, 4]]}, "b": {"2": [[7, 7]]}}
    assert places(store.look()) == {"queued": own}
    assert store.pop() == "one"
    assert places(store.look()) == {"popped": own}
    store.start("one")
    assert places(store.look()) == {"running": own}
    apply_claim(store.applier, "one", NOW_US)
    found = store.look()
    assert places(found) == {}, "applied; that its job is not cleared away yet says nothing"
    assert found.counts == {
        "accepted": 6, "processed": 6, "duplicates": 0, "dead_lettered": 0, "waiting": 0, "unique": 6,
    }  # fmt: skip


def test_a_job_that_was_given_out_again_is_told_once(store: Store) -> None:
    store.commit("one", a_run("a", 1, range(5)))
    store.pop()
    store.start("one")
    store.redis.lpush(keys.QUEUE, "one")
    found = store.look()
    assert places(found) == {"running": {"a": {"1": [[0, 4]]}}}
    assert found.counts["waiting"] == 5


def test_repeats_wait_too_and_count_as_arrivals(store: Store) -> None:
    store.commit("one", a_run("a", 1, range(5)))
    store.commit("two", a_run("a", 1, range(3, 8)))
    assert (store.look().counts["accepted"], store.look().counts["waiting"]) == (10, 10)
    assert places(store.look()) == {"queued": {"a": {"1": [[0, 7]]}}}
    apply_claim(store.applier, "one", NOW_US)
    apply_claim(store.applier, "two", NOW_US)
    found = store.look()
    assert (found.counts["processed"], found.counts["duplicates"], found.counts["unique"]) == (8, 2, 8)


def test_a_foreign_job_says_nothing_and_a_foreign_claim_is_not_counted(store: Store) -> None:
    store.redis.rpush(keys.QUEUE, b"\xff:strange", "no-claim")
    assert store.look().counts["waiting"] == 0
    store.redis.rpush(keys.QUEUE, "by-hand")
    store.redis.set(keys.claim("by-hand"), b"not json")
    store.redis.hset(keys.job("by-hand"), "description", "what is this")
    found = store.look()
    assert places(found) == {}
    assert found.counts["waiting"] is None, "how many wait is not known"


# -- dead letters ---------------------------------------------------------------------------------------------------


def test_dead_letters_are_known_by_identity(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit("failed", a_run("a", 1, range(5)), a_run("a", 1, range(9, 11)))
    assert store.applier.set_aside("failed", 7)
    monkeypatch.setattr(limits, "MAX_PRODUCERS", 1)
    store.commit("limited", a_run("a", 1, range(20, 22)), a_run("b", 3, range(2)))
    apply_claim(store.applier, "limited", NOW_US)
    store.commit("one-too-many", [a_sample("c", 4, 4)])
    apply_claim(store.applier, "one-too-many", NOW_US)
    found = store.look()
    dead = found.places["dead_lettered"]
    assert format_ledger(dead).items() >= {"a": {"1": [[0, 4], [9, 10]]}, "c": {"4": [[4, 4]]}}.items()
    assert found.unnamed_dead == 0
    assert found.counts["dead_lettered"] == 10
    assert found.counts["waiting"] is not None


def test_dead_letters_without_a_name_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "DEAD_RUNS_KEPT", 3)
    store.redis.set(keys.claim("poison"), b"not json")
    store.applier.set_aside("poison", 7)
    assert store.look().unnamed_dead == 7
    for seq in range(0, 10, 2):
        store.commit(f"failed-{seq}", [a_sample("a", 1, seq)])
        store.applier.set_aside(f"failed-{seq}", 1)
    found = store.look()
    assert format_ledger(found.places["dead_lettered"]) == {"a": {"1": [[4, 4], [6, 6], [8, 8]]}}
    assert found.unnamed_dead == 7 + 2
    assert store.redis.llen(keys.DEAD_RUNS) == 3


# -- bounds ---------------------------------------------------------------------------------------------------------


def test_a_waiting_group_is_read_once_and_forgotten_when_it_is_settled(store: Store) -> None:
    store.commit("one", a_run("a", 1, range(5)))
    store.commit("two", a_run("b", 1, range(5)))

    async def twice(intake: Intake) -> tuple[int, Whereabouts]:
        looker = Looker(intake.redis)
        await looker.look()
        store.redis.config_resetstat()
        apply_claim(store.applier, "one", NOW_US)
        found = await looker.look()
        stats: dict[str, Any] = store.redis.info("commandstats")
        return stats.get("cmdstat_mget", {}).get("calls", 0), found

    calls, found = store.with_intake(twice)
    assert calls == 0
    assert places(found) == {"queued": {"b": {"1": [[0, 4]]}}}


@pytest.mark.parametrize("bound, n", [("MOST_JOBS", 2), ("MOST_BYTES", 3_000)])
def test_more_than_one_look_reads_is_said(
    store: Store, monkeypatch: pytest.MonkeyPatch, bound: str, n: int
) -> None:
    for number in range(3):
        store.commit(f"group-{number}", a_run("a", 1, range(10 * number, 10 * number + 10)))
    assert not store.look().truncated
    monkeypatch.setattr(whereabouts, bound, n)
    found = store.look()
    assert found.truncated
    assert (found.counts["waiting"] is None) == (bound == "MOST_JOBS")


def test_marks_are_added_up_to_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = rough_stream(1, NOW_US)
    for number, batch in enumerate(stream):
        store.commit(f"group-{number}", batch)
        apply_claim(store.applier, f"group-{number}", NOW_US)
    unique = len({(s.producer, s.epoch, s.seq) for batch in stream for s in batch})
    counts = store.look().counts
    assert counts["unique"] == counts["processed"] == unique
    assert counts["accepted"] == sum(map(len, stream)) == unique + (counts["duplicates"] or 0)
    monkeypatch.setattr(whereabouts, "MOST_MARK_KEYS", 2)
    assert store.look().counts["unique"] is None


# -- while everything moves -----------------------------------------------------------------------------------------


def test_no_sample_is_out_of_sight_while_workers_work(pipeline_a: Pipelines) -> None:
    """Whatever was acked before a look is in one of the places, or processed by the time of the next look."""
    acked: list[int] = []
    ended = threading.Event()
    producer = f"seen-{time.time_ns()}"

    def send() -> None:
        with H1Client(pipeline_a.ingest_port) as client:
            seq = 0
            while not ended.is_set():
                batch = a_run(producer, 1, range(seq, seq + 3), sampled_at_us=time.time_ns() // 1000)
                if client.post(encode_batch(batch)).status == 202:
                    seq += 3
                    acked.append(seq)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    waited = 0
    try:
        until(lambda: acked, "the first is acked")
        for _ in range(60):
            upto = acked[-1]
            found = pipeline_a.get(pipeline_a.ingest_port, "/v1/whereabouts")
            ledger = pipeline_a.ledger_json()
            counts = found["counts"]
            settled = counts["processed"] + counts["duplicates"] + counts["dead_lettered"]
            assert counts["accepted"] == settled + counts["waiting"], "one moment"
            assert counts["processed"] == counts["unique"], "one moment"
            known = [*ledger["producers"].get(producer, {}).get("1", [])]
            for place in ("queued", "popped", "running", "dead_lettered"):
                part = found["places"][place].get(producer, {}).get("1", [])
                waited += sum(high - low + 1 for low, high in part)
                known += part
            seen = {seq for low, high in known for seq in range(low, high + 1)}
            assert seen >= set(range(upto)), "out of sight"
    finally:
        ended.set()
        sender.join(10)
    assert waited, "some were on their way at some look"


# -- windows --------------------------------------------------------------------------------------------------------


def made(stream: list[list[Sample]]) -> list[bytes]:
    once = {(s.producer, s.epoch, s.seq): s for batch in reversed(stream) for s in reversed(batch)}
    return [encode_batch([sample]) for sample in once.values()]


@pytest.mark.parametrize("seed", [11, 12])
def test_the_oracle_finds_the_windows_of_both_exact(
    pipelines: Pipelines, pipeline_a: Pipelines, seed: int
) -> None:
    now_us = time.time_ns() // 1000
    stream = rough_stream(seed, now_us, f"exact-{'valkey' if pipeline_a is pipelines else 'redis'}-{seed}")
    with H1Client(pipeline_a.ingest_port) as client:
        assert {client.post(encode_batch(batch)).status for batch in stream} == {202}
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as connection:
        for batch in stream:
            connection.send(encode_batch(batch))
        assert connection.verdicts(len(stream)) == {}
    until(pipeline_a.settled, "everything committed is applied")
    for running, pipeline, port in (
        (pipeline_a, "http_redis", pipeline_a.ingest_port),
        (pipelines, "websocket", pipelines.websocket_port),
    ):
        windows = running.get(port, "/v1/windows")
        assert windows["pipeline"] == pipeline
        findings = judge(made(stream), running.ledger_json(pipeline), windows, now_us)
        assert findings[0].expected == findings[0].found > 0
        assert findings[1].expected == findings[1].found == 4, [each.as_line() for each in findings]
