"""The histogram's promises: a bounded error, exact addition, nearest-rank quantiles."""

from __future__ import annotations

import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from metrics_core.histogram import (
    MAX_VALUE_US,
    RELATIVE_ERROR,
    Histogram,
    bucket_edges,
    bucket_middle,
    bucket_of,
)

values = st.integers(0, MAX_VALUE_US) | st.integers(0, 5_000) | st.integers(0, 42).map(lambda p: 2**p - 1)
any_values = values | st.integers(-10_000, -1) | st.integers(MAX_VALUE_US, 2**60)
fractions = st.lists(st.floats(0, 1, exclude_min=True), min_size=1, max_size=6).map(sorted)


def filled(found: list[int]) -> Histogram:
    histogram = Histogram()
    for value in found:
        histogram.add(value)
    return histogram


@given(st.lists(values, max_size=50))
def test_the_mean_is_as_close_as_its_values(found: list[int]) -> None:
    mean = sum(found) / len(found) if found else 0
    assert abs(filled(found).mean_us() - mean) <= mean * RELATIVE_ERROR * (1 + 1e-9)


@given(values)
def test_a_value_lies_within_its_bucket_and_the_middle_is_close(value: int) -> None:
    bucket = bucket_of(value)
    low, high = bucket_edges(bucket)
    assert low <= value <= high
    assert abs(bucket_middle(bucket) - value) <= value * RELATIVE_ERROR


@given(st.integers(0, bucket_of(MAX_VALUE_US) - 1))
def test_buckets_follow_each_other_without_gap(bucket: int) -> None:
    assert bucket_edges(bucket + 1)[0] == bucket_edges(bucket)[1] + 1
    assert bucket_of(bucket_edges(bucket)[0]) == bucket_of(bucket_edges(bucket)[1]) == bucket


def test_values_below_128_are_exact() -> None:
    assert [bucket_middle(bucket_of(value)) for value in range(128)] == list(range(128))


def test_values_out_of_range_are_clamped_so_that_buckets_are_bounded() -> None:
    assert bucket_of(-5) == bucket_of(0) == 0
    assert bucket_of(2**63) == bucket_of(MAX_VALUE_US)
    assert bucket_of(MAX_VALUE_US) < 2_500


@given(st.lists(any_values, max_size=60))
def test_adding_many_is_adding_one_by_one(found: list[int]) -> None:
    at_once = Histogram()
    at_once.add_all(list(found))
    assert at_once.as_pairs() == filled(found).as_pairs()
    assert at_once.n == len(found)


@given(st.lists(st.lists(any_values, max_size=10), max_size=6), st.randoms(use_true_random=False))
def test_merging_in_any_order_is_adding_all(parts: list[list[int]], source: Random) -> None:
    shuffled = list(parts)
    source.shuffle(shuffled)
    merged = Histogram()
    for position, part in enumerate(shuffled):
        merged.merge(filled(part) if position % 2 else filled(part).counts)
    assert merged.as_pairs() == filled([value for part in parts for value in part]).as_pairs()


@given(st.lists(any_values, max_size=30), st.lists(any_values, max_size=30))
def test_minus_gives_what_was_added_since(before: list[int], after: list[int]) -> None:
    histogram = filled(before)
    earlier = histogram.copy()
    histogram.add_all(list(after))
    assert histogram.minus(earlier).as_pairs() == filled(after).as_pairs()
    assert earlier.as_pairs() == filled(before).as_pairs(), "a copy is on its own"


@given(st.lists(values, min_size=1, max_size=200), fractions)
def test_quantiles_are_nearest_rank_within_the_error_bound(found: list[int], asked: list[float]) -> None:
    ordered = sorted(found)
    for fraction, given_us in zip(asked, filled(found).quantiles_us(asked), strict=True):
        exact = ordered[max(1, math.ceil(fraction * len(ordered))) - 1]
        assert abs(given_us - exact) <= exact * RELATIVE_ERROR


def test_the_fraction_1_is_the_maximum() -> None:
    assert filled([3, 1, 100, 7]).quantiles_us([0.5, 1]) == [3.0, 100.0]


def test_an_empty_histogram_has_quantiles_of_0() -> None:
    assert Histogram().quantiles_us([0.5, 0.99]) == [0.0, 0.0]
    assert Histogram().n == 0
