"""The recorder: portions add up to the same in any order and cut, and only the measured part is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from load_tests.generator.recorder import Portion, Recorder, Total
from metrics_core.ledger import format_ledger

START_US = 1_766_200_000_000_000
Call = Callable[[Recorder], None]


def created(first: int, n: int = 1, at_us: int = 0) -> Call:
    return lambda recorder: recorder.created("p", 1, first, n, START_US + at_us)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """One thing that may happen."""
    first, n = draw(st.integers(0, 500)), draw(st.integers(1, 20))
    at_us = START_US + draw(st.integers(0, 5_000_000))
    later_us = at_us + draw(st.integers(0, 3_000_000))
    name, epoch = draw(st.sampled_from(["p", "q"])), draw(st.sampled_from([1, 2]))
    chosen: Call = draw(
        st.sampled_from(
            [
                lambda r: r.late(first),
                lambda r: r.created(name, epoch, first, n, at_us),
                lambda r: r.acked(name, epoch, first, n, at_us, at_us, later_us),
                lambda r: r.rejected(name, epoch, first, n),
                lambda r: r.refused(n, later_us),
                lambda r: r.unanswered(n),
                lambda r: r.seen(n, at_us, at_us + 5, later_us),
                lambda r: r.failed("reset"),
            ]
        )
    )
    return chosen


def as_data(total: Total) -> Any:
    """Everything that a total knows, comparable."""
    return (
        {name: histogram.as_pairs() for name, histogram in total.histograms.items()},
        dict(total.seconds),
        {name: format_ledger(ledger) for name, ledger in total.ledgers.items()},
        (total.refused, total.unanswered),
        dict(total.errors),
    )


@given(st.lists(calls(), max_size=40), st.sets(st.integers(0, 40)), st.randoms())
def test_portions_add_up_to_the_same_in_any_order(made: list[Call], cuts: set[int], random: Any) -> None:
    whole, cut = Recorder(), Recorder()
    portions = []
    for recorder in (whole, cut):
        recorder.start(START_US)
    for number, call in enumerate(made):
        call(whole)
        call(cut)
        if number in cuts:
            portions.append(cut.take())
    portions.append(cut.take())
    random.shuffle(portions)
    together, shuffled = Total(), Total()
    together.add(whole.take())
    for portion in portions:
        shuffled.add(portion)
    assert as_data(shuffled) == as_data(together)


@given(st.lists(calls(), max_size=30))
def test_a_portion_survives_the_way_between_processes(made: list[Call]) -> None:
    """Locust packs messages with msgpack."""
    recorder = Recorder()
    recorder.start(START_US)
    for call in made:
        call(recorder)
    portion = recorder.take()
    travelled = msgspec.msgpack.decode(msgspec.msgpack.encode(portion.as_builtins()))
    assert Portion.from_builtins(travelled) == portion


def everything(recorder: Recorder) -> None:
    recorder.late(5)
    recorder.created("p", 1, 0, 3, START_US)
    recorder.acked("p", 1, 0, 1, START_US, START_US, START_US + 10)
    recorder.rejected("p", 1, 1, 1)
    recorder.refused(1, START_US)
    recorder.unanswered(1)
    recorder.seen(1, START_US, START_US, START_US)
    recorder.failed("reset")


def test_nothing_counts_before_the_start_and_after_the_stop() -> None:
    recorder = Recorder()
    everything(recorder)
    assert recorder.take() == Recorder().take()
    everything(recorder)
    recorder.start(START_US)
    assert recorder.take() == Recorder().take()
    everything(recorder)
    recorder.stop()
    counted = recorder.take()
    assert counted.histograms["accepted"] == {10: 1}
    everything(recorder)
    assert recorder.take() == Recorder().take()


def test_a_taken_portion_is_not_taken_again() -> None:
    recorder = Recorder()
    recorder.start(START_US)
    created(0)(recorder)
    assert recorder.take().ledgers["created"] == [("p", 1, 0, 0)]
    assert recorder.take().ledgers["created"] == []


def test_both_clocks_count_every_sample_of_a_batch() -> None:
    recorder = Recorder()
    recorder.start(START_US)
    recorder.acked("p", 1, 0, 7, START_US, START_US + 90, START_US + 100)
    recorder.seen(7, START_US, START_US + 90, START_US + 120)
    found = recorder.take().histograms
    assert found == {
        "accepted": {100: 7},
        "accepted_uncorrected": {10: 7},
        "visible": {120: 7},
        "visible_uncorrected": {30: 7},
    }


def test_seconds_are_those_of_what_happened_in_them() -> None:
    recorder = Recorder()
    recorder.start(START_US)
    created(0, 2, at_us=999_999)(recorder)
    recorder.acked("p", 1, 0, 2, START_US + 999_999, START_US + 999_999, START_US + 1_000_001)
    created(2, 1, at_us=-50)(recorder)  # before the start by the wall clock: not a second of its own
    seconds = recorder.take().seconds
    assert (seconds[0].created, seconds[0].acked) == (3, 0)
    assert (seconds[1].created, seconds[1].acked) == (0, 2)
    assert seconds[1].accepted == {2: 2}


def test_sizes_count_identities_once() -> None:
    total, recorder = Total(), Recorder()
    recorder.start(START_US)
    created(0, 10)(recorder)
    created(5, 10)(recorder)
    total.add(recorder.take())
    total.add(Portion(ledgers={"created": [("p", 1, 14, 15), ("q", 1, 0, 0)]}))
    assert total.size("created") == 17
    assert total.size("acked") == 0
