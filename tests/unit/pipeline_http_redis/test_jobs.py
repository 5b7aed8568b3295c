"""The one job: what a batch folds to, and how it is folded again without what the store excludes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.errors import Malformed
from metrics_core.histogram import bucket_of
from metrics_core.limits import MAX_FUTURE_US
from metrics_core.runs import split_runs
from metrics_core.sample import Sample
from metrics_core.trace import Trace, begin, decode_traces
from metrics_core.wire import BatchDecoder, encode_batch, join_batches
from pipeline_http_redis.jobs import CannotSettle, apply_claim, fold
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.applier import Applier, Excluded, FoldedBatch
from tests.support.oracle import Oracle
from tests.support.samples import NOW_US, a_run, a_sample, one_identity_one_reading, samples

groups_of_batches = st.lists(st.lists(samples(), min_size=1, max_size=5), min_size=1, max_size=5)


class FakeApplier:
    """Knows marks and limits as the store does, and keeps what was applied."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self.marked: set[tuple[str, str, int]] = set()
        self.limited: dict[str, str] = {}
        self.overtaken_by: list[list[Sample]] = []
        self.applied: list[FoldedBatch] = []
        self.dead: bytes = b""
        self.traced: list[int] = []
        self.calls = 0

    def body(self, batch_id: str) -> bytes | None:
        assert batch_id == "the-batch"
        return self._body

    def apply(self, batch_id: str, batch: FoldedBatch, dead: bytes, traces: bytes = b"") -> Excluded | None:
        self.calls += 1
        msgspec.msgpack.encode(batch)  # it must be fit to send
        if self.overtaken_by:
            self.marked |= {(s.producer, str(s.epoch), s.seq) for s in self.overtaken_by.pop(0)}
        excluded = Excluded([], [])
        for number, (producer, epoch, runs) in enumerate(batch.groups):
            seqs = [seq for low, high in runs for seq in range(low, high + 1)]
            excluded.overlaps += [(number, seq, seq) for seq in seqs if (producer, epoch, seq) in self.marked]
            if producer in self.limited:
                excluded.limited.append((number, self.limited[producer]))
        if excluded.overlaps or excluded.limited:
            return excluded
        for producer, epoch, runs in batch.groups:
            self.marked |= {(producer, epoch, seq) for low, high in runs for seq in range(low, high + 1)}
        self.applied.append(batch)
        self.dead = dead
        self.traced = [trace.seq for trace in decode_traces(traces)] if traces else []
        return None


def apply(applier: FakeApplier, now_us: int = NOW_US, traces: Sequence[Trace] = ()) -> None:
    apply_claim(cast(Applier, applier), "the-batch", now_us, traces)


def claim_of(*batches: list[Sample]) -> bytes:
    return join_batches([encode_batch(batch) for batch in batches])


def identities(batch: FoldedBatch) -> set[tuple[str, str, int]]:
    return {(p, e, seq) for p, e, runs in batch.groups for low, high in runs for seq in range(low, high + 1)}


@given(groups_of_batches, groups_of_batches)
def test_a_group_is_folded_as_the_oracle_says_without_what_was_seen_before(
    before: list[list[Sample]], group: list[list[Sample]]
) -> None:
    readings = iter(one_identity_one_reading([s for batch in before + group for s in batch]))
    before = [[next(readings) for _ in batch] for batch in before]
    group = [[next(readings) for _ in batch] for batch in group]
    oracle = Oracle()
    for batch in before:
        oracle.add(batch, NOW_US)
    counted = (oracle.processed, oracle.duplicates, oracle.future, dict(oracle.buckets))
    applier = FakeApplier(claim_of(*group))
    applier.marked = {(p, str(e), seq) for p, e, seq in oracle.seen}
    known = set(applier.marked)
    apply(applier)
    for batch in group:
        oracle.add(batch, NOW_US)
    applied = applier.applied[0]
    assert identities(applied) == {(p, str(e), seq) for p, e, seq in oracle.seen} - known
    assert applied.duplicates == oracle.duplicates - counted[1]
    assert applied.future == oracle.future - counted[2]
    assert len(applied.times) + applied.future == oracle.processed - counted[0]
    buckets = dict(counted[3])
    for taken in applied.times:
        buckets[bucket_of(NOW_US - taken)] = buckets.get(bucket_of(NOW_US - taken), 0) + 1
    assert buckets == oracle.buckets
    for name, last, summaries in applied.producers:
        own = [
            s for s in oracle.timely if s.producer == name and (s.producer, str(s.epoch), s.seq) not in known
        ]
        assert last == tuple(
            msgspec.structs.astuple(max(own, key=lambda s: (s.sampled_at_us, s.epoch, s.seq)))
        )
        assert sum(summary.n for summary in summaries) == len(own)


def test_a_batch_applied_before_changes_nothing() -> None:
    applier = FakeApplier(None)
    apply(applier)
    assert identities(applier.applied[0]) == set()
    assert (applier.applied[0].duplicates, applier.applied[0].producers) == (0, [])


def test_two_epochs_of_one_producer_are_one_entry() -> None:
    applier = FakeApplier(claim_of(a_run("a", 1, range(2)), a_run("a", 2, range(3))))
    apply(applier)
    applied = applier.applied[0]
    assert [(p, e, runs) for p, e, runs in applied.groups] == [("a", "1", [[0, 1]]), ("a", "2", [[0, 2]])]
    assert [(name, summaries[0].n) for name, _, summaries in applied.producers] == [("a", 5)]


def test_identities_marked_in_between_are_left_out_of_the_next_fold() -> None:
    run = a_run("a", 1, range(10))
    applier = FakeApplier(claim_of(run))
    applier.overtaken_by = [run[:3], run[5:6], []]
    apply(applier)
    assert applier.calls == 3
    assert applier.applied[0].groups == [("a", "1", [[3, 4], [6, 9]])]
    assert (applier.applied[0].duplicates, len(applier.applied[0].times)) == (4, 6)


def test_a_batch_that_is_overtaken_for_ever_is_given_back() -> None:
    run = a_run("a", 1, range(50))
    applier = FakeApplier(claim_of(run))
    applier.overtaken_by = [[sample] for sample in run]
    with pytest.raises(CannotSettle, match="overtaken 10 times"):
        apply(applier)
    assert applier.applied == []


def test_groups_over_a_limit_are_set_aside_and_the_others_applied() -> None:
    good, bad = a_run("good", 1, range(3)), a_run("bad", 1, range(4))
    applier = FakeApplier(claim_of(good, bad))
    applier.limited = {"bad": "more than 3 producers"}
    apply(applier)
    applied = applier.applied[0]
    assert (applied.groups, applied.dead, applied.duplicates) == ([("good", "1", [[0, 2]])], 4, 0)
    assert BatchDecoder().decode(applier.dead) == bad


def test_traces_of_repeats_and_of_what_is_set_aside_end_here() -> None:
    good, bad = a_run("good", 1, range(9)), a_run("bad", 1, range(4))
    traces = [found for run in (good, bad) for seq in (0, 2, 8) if (found := begin(run, seq, 1, 2, 3))]
    assert len(traces) == 5
    applier = FakeApplier(claim_of(good, bad))
    applier.overtaken_by = [good[:1], []]
    applier.limited = {"bad": "more than 3 producers"}
    apply(applier, traces=traces)
    assert applier.traced == [2, 8]


def test_repeats_are_repeats_also_where_a_limit_is_reached() -> None:
    """A group with repeats is looked at again without them before a limit may set it aside."""
    run = a_run("a", 1, range(4))
    applier = FakeApplier(claim_of(run))
    applier.marked = {("a", "1", seq) for seq in range(4)}
    applier.limited = {"a": "more than 4 gaps"}
    apply(applier)
    applied = applier.applied[0]
    assert (applied.groups, applied.dead, applied.duplicates) == ([], 0, 4)


@given(st.integers(-2, 2))
def test_the_edge_of_the_future(offset_us: int) -> None:
    sample = a_sample(sampled_at_us=NOW_US + MAX_FUTURE_US + offset_us)
    folded = fold(split_runs([sample])[0], 0, 0, NOW_US)
    assert folded.future == (offset_us > 0)
    assert len(folded.times) == len(folded.producers) == (offset_us <= 0)
    assert folded.groups == [("web-01", "1", [[0, 0]])], "it is processed either way"


@pytest.mark.parametrize("stored", [b"", b"[{}]", b"not json"])
def test_a_damaged_claim_fails_the_job(stored: bytes) -> None:
    with pytest.raises(Malformed, match="stored batch"):
        apply(FakeApplier(stored))


def test_a_stored_producer_reads_back() -> None:
    folded = fold(split_runs(a_run("a", 1, range(3)))[0], 0, 0, NOW_US)
    _, last, summaries = folded.producers[0]
    stored = keys.unpack_producer(keys.pack([last, summaries]))
    assert stored.last_sample() == a_sample("a", 1, 2)
    assert stored.windows == summaries
    assert keys.unpack_producer(keys.pack([False, []])).last_sample() is None
