"""Window summaries: the same bits from any split and order of the same samples, and bounded retention."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.limits import MAX_EXACT_INTEGER, WINDOW_US, WINDOWS_KEPT
from metrics_core.sample import METRICS, PERCENTS, RATES, Sample
from metrics_core.summary import Summary, Windows, newest, rank, summarize
from tests.support.samples import NOW_US, a_sample, samples

IN_ONE_WINDOW = st.integers(NOW_US // WINDOW_US * WINDOW_US, (NOW_US // WINDOW_US + 1) * WINDOW_US - 1)
of_one_window = st.lists(
    samples(producers=("a",), epochs=(1,), most_seq=10**6, times=IN_ONE_WINDOW), min_size=1, max_size=12
)


def times(found: Iterable[Sample]) -> list[int]:
    return [sample.sampled_at_us for sample in found]


def fold(found: list[Sample]) -> list[Summary]:
    return summarize(found, times(found))


def bits(summary: Summary) -> bytes:
    """Every bit that goes to the wire, signs of zero and types of numbers included."""
    return msgspec.json.encode(summary)


def copied(summary: Summary) -> Summary:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(summary), type=Summary)


@given(of_one_window, st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_split_merged_in_any_order_gives_the_same_bits(
    found: list[Sample], source: Random, pieces: int
) -> None:
    whole = fold(found)[0]
    shuffled = list(found)
    source.shuffle(shuffled)
    parts = [fold(shuffled[n::pieces])[0] for n in range(min(pieces, len(shuffled)))]
    merged = parts[0]
    for part in parts[1:]:
        merged.merge(part)
    assert bits(merged) == bits(whole)


@given(of_one_window, of_one_window, of_one_window)
def test_merge_is_commutative_and_associative(
    one: list[Sample], two: list[Sample], three: list[Sample]
) -> None:
    a, b, c = fold(one)[0], fold(two)[0], fold(three)[0]
    ab, ba = copied(a), copied(b)
    ab.merge(b)
    ba.merge(a)
    assert bits(ab) == bits(ba)
    left, bc = copied(ab), copied(b)
    left.merge(c)
    bc.merge(c)
    right = copied(a)
    right.merge(bc)
    assert bits(left) == bits(right)


@given(of_one_window)
def test_minimum_and_maximum_are_exact_and_the_mean_is_close(found: list[Sample]) -> None:
    window = fold(found)[0].as_window()
    assert window["start_us"] == found[0].sampled_at_us // WINDOW_US * WINDOW_US
    assert window["window_s"] == WINDOW_US / 1e6
    for metric in METRICS:
        readings = [getattr(sample, metric) for sample in found]
        assert window[metric]["min"] == min(readings)
        assert window[metric]["max"] == max(readings)
        assert window[metric]["n"] == len(found)
    for metric in PERCENTS:
        readings = [getattr(sample, metric) for sample in found]
        assert window[metric]["mean"] == pytest.approx(sum(readings) / len(readings), abs=1e-5)


def test_the_mean_of_rates_is_in_whole_bytes() -> None:
    found = [a_sample(seq=n, net_rx_bytes_per_s=rate) for n, rate in enumerate([1, 2.9, 4])]
    assert fold(found)[0].as_window()["net_rx_bytes_per_s"]["mean"] == round(7 / 3, 5)


@given(st.permutations(range(6)))
def test_sums_of_rates_saturate_in_any_order(order: list[int]) -> None:
    found = [a_sample(seq=n, net_rx_bytes_per_s=MAX_EXACT_INTEGER - 1 - n) for n in order]
    whole = fold(found)[0]
    assert whole.sums[METRICS.index(RATES[0])] == MAX_EXACT_INTEGER
    parts = [fold([sample])[0] for sample in found]
    for part in parts[1:]:
        parts[0].merge(part)
    assert bits(parts[0]) == bits(whole)


def test_the_sign_of_zero_and_the_type_of_a_number_do_not_show() -> None:
    """`-0.0`, `0` and `0.0` are one number; JSON allows each."""
    plus = a_sample(seq=0, cpu_percent=0.0, net_rx_bytes_per_s=0)
    minus = a_sample(seq=1, cpu_percent=-0.0, net_rx_bytes_per_s=-0.0)
    assert bits(fold([plus, minus])[0]) == bits(fold([minus, plus])[0])


@given(st.lists(samples(producers=("a",)), min_size=1, max_size=20))
def test_samples_go_to_their_windows_oldest_first(found: list[Sample]) -> None:
    summaries = fold(found)
    indexes = [sample.sampled_at_us // WINDOW_US for sample in found]
    assert [s.index for s in summaries] == sorted(set(indexes))
    assert [s.n for s in summaries] == [indexes.count(s.index) for s in summaries]


@given(
    st.lists(samples(producers=("a",), most_seq=3), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
def test_the_newest_sample_does_not_depend_on_order(found: list[Sample], source: Random) -> None:
    unique = list({(s.epoch, s.seq): s for s in found}.values())
    expected = max(unique, key=rank)
    source.shuffle(unique)
    assert newest(unique, times(unique)) == expected


def test_of_samples_taken_at_one_moment_the_larger_identity_is_newest() -> None:
    found = [a_sample(epoch=2, seq=0), a_sample(epoch=1, seq=9), a_sample(epoch=2, seq=5)]
    assert newest(found, times(found)) is found[2]


# -- Windows ---------------------------------------------------------------------------------------------------------


def summary_of(index: int, n: int = 1) -> Summary:
    return Summary(index, n, [1.0] * 5, [1.0] * 5, [float(n)] * 5)


class NaiveWindows:
    """The same promise, said plainly."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def add(self, index: int, n: int) -> int:
        if self.counts and index <= max(self.counts) - WINDOWS_KEPT:
            return n
        self.counts[index] = self.counts.get(index, 0) + n
        latest = max(self.counts)
        self.counts = {i: c for i, c in self.counts.items() if i > latest - WINDOWS_KEPT}
        return 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=30))
def test_windows_keep_the_newest_stretch_and_count_what_comes_too_late(
    arrivals: list[tuple[int, int]],
) -> None:
    windows, naive = Windows(), NaiveWindows()
    for index, n in arrivals:
        assert windows.add(summary_of(index, n)) == naive.add(index, n)
        assert [(s.index, s.n) for s in windows.summaries] == sorted(naive.counts.items())
        assert len(windows.summaries) <= WINDOWS_KEPT


def test_the_newest_window_is_never_late() -> None:
    windows = Windows()
    assert [windows.add(summary_of(index)) for index in (5, 100, 97, 98, 100)] == [0, 0, 1, 0, 0]
    assert [(s.index, s.n) for s in windows.summaries] == [(98, 1), (100, 2)]
