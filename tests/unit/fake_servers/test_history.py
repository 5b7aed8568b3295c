"""The history gives back exactly what was put in, as far back as it reaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_servers.history import History
from fake_servers.signals import Reading
from metrics_core.sample import Sample

percents = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)
rates = st.integers(0, 2**53 - 1)
readings = st.builds(Reading, percents, percents, percents, rates, rates)


@given(st.lists(st.tuples(st.integers(0, 2**53 - 1), readings), max_size=40), st.integers(1, 12))
def test_the_newest_samples_are_kept_to_the_bit(taken: list[tuple[int, Reading]], capacity: int) -> None:
    history = History("web-01", 17, capacity)
    assert [history.append(at_us, reading) for at_us, reading in taken] == list(range(len(taken)))
    oldest = max(0, len(taken) - capacity)
    for seq in range(oldest, len(taken)):
        at_us, reading = taken[seq]
        assert history.sample(seq) == Sample("web-01", 17, seq, at_us, *reading)
    for seq in (oldest - 1, len(taken)):
        with pytest.raises(IndexError, match="is not kept"):
            history.sample(seq)


def test_the_last_sample() -> None:
    history = History("web-01", 17, 2)
    assert history.last() is None
    for seq in range(5):
        history.append(seq, Reading(1.25, 2.5, 3.75, 4, 5))
    assert history.last() == Sample("web-01", 17, 4, 4, 1.25, 2.5, 3.75, 4, 5)


def test_memory_is_taken_as_it_fills() -> None:
    history = History("web-01", 17, 1_000_000)
    history.append(1, Reading(1, 2, 3, 4, 5))
    assert len(history._slots) == 30


def test_the_newest_few_are_given_oldest_first() -> None:
    history = History("web-01", 17, 5)
    assert history.newest(3) == []
    for seq in range(7):
        history.append(seq, Reading(1, 2, 3, 4, 5))
    assert [sample.seq for sample in history.newest(3)] == [4, 5, 6]
    assert [sample.seq for sample in history.newest(120)] == [2, 3, 4, 5, 6]
