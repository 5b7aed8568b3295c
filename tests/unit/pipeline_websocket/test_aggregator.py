"""The aggregator against an oracle of plain dictionaries: any batches, any order, folded at any time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core import limits
from metrics_core.errors import LimitReached
from metrics_core.intervals import IntervalSet
from metrics_core.limits import MAX_FUTURE_US, WINDOW_US
from metrics_core.sample import METRICS, Sample
from pipeline_websocket import aggregator as module
from pipeline_websocket.aggregator import Aggregator
from tests.support.oracle import Oracle
from tests.support.samples import NOW_US, a_run, a_sample, one_identity_one_reading, rough_stream, samples

streams = st.lists(st.lists(samples(), min_size=1, max_size=8), min_size=1, max_size=10)
moments = st.lists(st.integers(0, 2_000_000), min_size=10, max_size=10)
folds = st.lists(st.booleans(), min_size=10, max_size=10)


def members(found: IntervalSet) -> set[int]:
    return {n for low, high in found for n in range(low, high + 1)}


def compare(aggregator: Aggregator, oracle: Oracle) -> None:
    assert aggregator.processed == oracle.processed
    assert aggregator.duplicates == oracle.duplicates
    found = {
        name: {epoch: members(seen) for epoch, seen in epochs.items()}
        for name, epochs in aggregator.ledger().items()
    }
    assert found == oracle.ledger()
    assert aggregator.processed_latency.counts == oracle.buckets
    assert aggregator.future == oracle.future
    views = aggregator.take_changes()
    assert views.keys() == oracle.ledger().keys()
    for name, view in views.items():
        assert view.last == oracle.last(name)
        window = view.windows[-1].as_window() if view.windows else None
        assert (window is None) == (oracle.window(name) is None)
        for metric, (low, high, n) in (oracle.window(name) or {}).items():
            assert window is not None
            assert (window[metric]["min"], window[metric]["max"], window[metric]["n"]) == (low, high, n)


@given(streams, moments, folds)
def test_any_batches_folded_at_any_time(
    stream: list[list[Sample]], steps_us: list[int], folded: list[bool]
) -> None:
    readings = iter(one_identity_one_reading([s for batch in stream for s in batch]))
    aggregator, oracle, now_us = Aggregator(8), Oracle(), NOW_US
    for batch, step_us, fold in zip(stream, steps_us, folded, strict=False):
        same = [next(readings) for _ in batch]
        now_us += step_us
        aggregator.add(same, now_us)
        oracle.add(same, now_us)
        if fold:
            aggregator.fold()
    compare(aggregator, oracle)


@pytest.mark.parametrize("seed", range(8))
def test_a_rough_network(seed: int) -> None:
    aggregator, oracle = Aggregator(64), Oracle()
    for step, batch in enumerate(rough_stream(seed, NOW_US)):
        aggregator.add(batch, NOW_US + step * 1_000)
        oracle.add(batch, NOW_US + step * 1_000)
    assert oracle.duplicates > 100
    assert oracle.future > 10
    compare(aggregator, oracle)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_batches_does_not_show(seed: int) -> None:
    """Late samples apart, the aggregates depend on the set of samples alone."""
    stream = rough_stream(seed, NOW_US)
    found = []
    for order in range(3):
        shuffled = list(stream)
        Random(order).shuffle(shuffled)
        aggregator = Aggregator(64)
        for batch in shuffled:
            aggregator.add(batch, NOW_US)
        views = aggregator.take_changes()
        found.append(
            (
                {name: view.last for name, view in views.items()},
                {name: view.windows[-1].as_window() for name, view in views.items() if view.windows},
                aggregator.ledger(),
                aggregator.processed_latency.counts,
                (aggregator.processed, aggregator.duplicates, aggregator.future),
            )
        )
    assert found[0] == found[1] == found[2]


def test_the_fast_way_is_the_slow_way() -> None:
    """Run after run in order, against the same samples one by one in mixed batches."""
    fast, slow = Aggregator(16), Aggregator(16)
    for first in range(0, 40, 4):
        fast.add(a_run("a", 1, range(first, first + 4)), NOW_US)
        for sample in a_run("a", 1, range(first, first + 4)):
            slow.add([sample, a_sample("b", 1, sample.seq)], NOW_US)
    assert fast.ledger()["a"] == slow.ledger()["a"] == {1: IntervalSet([(0, 39)])}
    assert fast.newest_samples("a") == slow.newest_samples("a")
    assert fast.take_changes()["a"].windows == slow.take_changes()["a"].windows


def test_what_was_seen_is_known_at_once() -> None:
    aggregator = Aggregator(16)
    aggregator.add([a_sample(seq=0)], NOW_US)
    aggregator.add([a_sample(seq=1)], NOW_US)
    assert aggregator.held("web-01", 1) == IntervalSet([(0, 1)])
    aggregator.add([a_sample(seq=1)], NOW_US)
    assert (aggregator.processed, aggregator.duplicates) == (2, 1)
    assert aggregator.held("web-01", 2) == aggregator.held("nobody", 1) == IntervalSet()


def test_resume_after_gaps_restarts_and_replays() -> None:
    aggregator = Aggregator(16)
    aggregator.add(a_run("web-01", 1, range(5)), NOW_US)
    aggregator.add(a_run("web-01", 1, range(8, 10)), NOW_US)
    assert aggregator.held("web-01", 1).next_missing() == 5
    aggregator.add(a_run("web-01", 2, range(3)), NOW_US)  # a restart
    aggregator.add(a_run("web-01", 1, range(12)), NOW_US)  # and a replay of what came before it
    assert aggregator.held("web-01", 1) == IntervalSet([(0, 11)])
    assert aggregator.held("web-01", 2) == IntervalSet([(0, 2)])
    assert (aggregator.processed, aggregator.duplicates) == (15, 7)
    aggregator.add(a_run("web-01", 2, range(3, 6)), NOW_US)
    assert aggregator.held("web-01", 2).next_missing() == 6


def test_only_what_changed_is_told() -> None:
    aggregator = Aggregator(16)
    aggregator.add([a_sample("a"), a_sample("b")], NOW_US)
    assert set(aggregator.take_changes()) == {"a", "b"}
    assert aggregator.take_changes() == {}
    aggregator.add([a_sample("b", seq=1)], NOW_US)
    assert set(aggregator.take_changes()) == {"b"}


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PENDING", 10)
    aggregator = Aggregator(16)
    for seq in range(100):
        aggregator.add([a_sample(seq=seq)], NOW_US)
        assert aggregator.pending < 10


def test_rings_overwrite_and_count() -> None:
    aggregator = Aggregator(4)
    aggregator.add(a_run("a", 1, range(10)), NOW_US)
    aggregator.add(a_run("b", 1, range(3)), NOW_US)
    assert [s.seq for s in aggregator.newest_samples("a")] == [9, 8, 7, 6]
    assert [s.seq for s in aggregator.newest_samples("b")] == [2, 1, 0]
    assert aggregator.newest_samples("nobody") == []
    assert aggregator.overwritten == 6
    assert aggregator.processed == 13


def test_late_samples_are_processed_and_counted() -> None:
    aggregator = Aggregator(4)
    aggregator.add([a_sample(seq=0)], NOW_US)
    aggregator.fold()
    aggregator.add([a_sample(seq=1, sampled_at_us=NOW_US - 10 * WINDOW_US)], NOW_US)
    aggregator.fold()
    assert (aggregator.late, aggregator.processed, aggregator.processed_latency.n) == (1, 2, 2)
    window = aggregator.take_changes()["web-01"].windows[-1]
    assert window is not None
    assert window.n == 1


def test_a_sample_from_the_future_is_judged_when_it_comes() -> None:
    """Not when it is folded: else the tick of the feed would decide."""
    aggregator = Aggregator(4)
    far = a_sample(seq=0, sampled_at_us=NOW_US + MAX_FUTURE_US + 1)
    aggregator.add([far], NOW_US)
    aggregator.add([a_sample(seq=1)], NOW_US + 1_000_000)
    aggregator.fold()
    assert (aggregator.future, aggregator.processed, aggregator.processed_latency.n) == (1, 2, 1)
    assert aggregator.take_changes()["web-01"].last == a_sample(seq=1)


def test_a_producer_with_nothing_but_future_samples_has_no_window() -> None:
    aggregator = Aggregator(4)
    aggregator.add([a_sample(sampled_at_us=NOW_US + 60_000_000)], NOW_US)
    view = aggregator.take_changes()["web-01"]
    assert (view.last, view.windows) == (None, [])


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PRODUCERS", 3)
    monkeypatch.setattr(limits, "MAX_EPOCHS_PER_PRODUCER", 2)
    monkeypatch.setattr(limits, "MAX_INTERVALS_PER_EPOCH", 4)


def refuses(aggregator: Aggregator, batch: list[Sample], why: str) -> None:
    """The batch is refused whole: nothing of it shows anywhere."""
    before = (aggregator.processed, aggregator.duplicates, aggregator.pending, aggregator.processed_latency.n)
    ledger = {name: dict(epochs) for name, epochs in aggregator.ledger().items()}
    with pytest.raises(LimitReached, match=why):
        aggregator.add(batch, NOW_US)
    after = (aggregator.processed, aggregator.duplicates, aggregator.pending, aggregator.processed_latency.n)
    assert (after[0], after[1], after[3]) == (before[0], before[1], before[3])
    assert aggregator.ledger() == ledger


@pytest.mark.usefixtures("small_limits")
def test_producers_are_bounded() -> None:
    aggregator = Aggregator(4)
    for name in "abc":
        aggregator.add([a_sample(name)], NOW_US)
    refuses(aggregator, [a_sample("a", seq=1), a_sample("d")], "more than 3 producers")
    aggregator.add([a_sample("a", seq=1)], NOW_US)


@pytest.mark.usefixtures("small_limits")
def test_restarts_are_bounded() -> None:
    aggregator = Aggregator(4)
    aggregator.add([a_sample(epoch=1)], NOW_US)
    refuses(aggregator, [a_sample(epoch=2), a_sample(epoch=3)], "more than 2 restarts")
    aggregator.add([a_sample(epoch=2)], NOW_US)
    refuses(aggregator, [a_sample(epoch=3)], "more than 2 restarts")
    refuses(aggregator, [a_sample("new", epoch=epoch) for epoch in (1, 2, 3)], "more than 2 restarts")


@pytest.mark.usefixtures("small_limits")
def test_gaps_are_bounded() -> None:
    aggregator = Aggregator(4)
    for seq in (0, 2, 4, 6):
        aggregator.add([a_sample(seq=seq)], NOW_US)
    refuses(aggregator, [a_sample(seq=8)], "more than 4 gaps")
    refuses(aggregator, [a_sample(seq=7), a_sample(seq=9)], "more than 4 gaps")


@pytest.mark.usefixtures("small_limits")
def test_at_the_limit_of_gaps_what_needs_no_new_interval_is_taken() -> None:
    aggregator = Aggregator(4)
    for seq in (0, 2, 4, 6):
        aggregator.add([a_sample(seq=seq)], NOW_US)
    aggregator.add([a_sample(seq=7)], NOW_US)  # the next number, twice by the fast way
    aggregator.add([a_sample(seq=8)], NOW_US)
    aggregator.add([a_sample(seq=9), a_sample("other")], NOW_US)  # and in a mixed batch
    aggregator.add([a_sample(seq=4)], NOW_US)  # a repeat
    aggregator.add([a_sample(seq=2), a_sample(seq=10)], NOW_US)  # a repeat and the next number
    assert (aggregator.processed, aggregator.duplicates) == (9, 2)
    aggregator.add([a_sample(seq=1)], NOW_US)  # fills a gap, which leaves room for one more
    aggregator.add([a_sample(seq=20)], NOW_US)
    assert aggregator.held("web-01", 1) == IntervalSet([(0, 2), (4, 4), (6, 10), (20, 20)])


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), max_size=25))
def test_a_batch_is_refused_exactly_when_its_epoch_would_need_too_many_intervals(
    batches: list[list[int]],
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "MAX_INTERVALS_PER_EPOCH", 3)
        aggregator, seen = Aggregator(4), IntervalSet()
        for seqs in batches:
            wanted = IntervalSet([*seen, *((seq, seq) for seq in seqs)])
            batch = [a_sample(seq=seq) for seq in seqs]
            if len(wanted) > 3:
                refuses(aggregator, batch, "more than 3 gaps")
            else:
                aggregator.add(batch, NOW_US)
                seen = wanted
            assert aggregator.held("web-01", 1) == seen


def test_metrics_of_a_window_are_those_of_the_sample() -> None:
    aggregator = Aggregator(4)
    aggregator.add([a_sample()], NOW_US)
    window = aggregator.take_changes()["web-01"].windows[-1]
    assert window is not None
    assert [window.as_window()[metric]["mean"] for metric in METRICS] == [41.5, 63.25, 70.0, 123_456, 654_321]
