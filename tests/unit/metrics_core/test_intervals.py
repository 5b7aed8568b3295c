"""`IntervalSet` does what a Python set does, in the smallest number of intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.intervals import IntervalSet

numbers = st.integers(0, 40)
intervals = st.tuples(numbers, st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))
lists = st.lists(intervals, max_size=12)


def members(found: IntervalSet) -> set[int]:
    return {n for low, high in found for n in range(low, high + 1)}


def as_set(pairs: list[tuple[int, int]]) -> set[int]:
    return {n for low, high in pairs for n in range(low, high + 1)}


def fewest_intervals(of: set[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for n in sorted(of):
        if found and found[-1][1] == n - 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return found


@given(lists)
def test_adding_gives_the_union_in_as_few_intervals_as_can_be(pairs: list[tuple[int, int]]) -> None:
    kept = IntervalSet(pairs)
    assert kept.as_lists() == fewest_intervals(as_set(pairs))
    assert len(kept) == len(kept.as_lists())
    assert kept.size == len(as_set(pairs))


@given(lists, intervals)
def test_add_tells_how_many_were_new(pairs: list[tuple[int, int]], added: tuple[int, int]) -> None:
    kept = IntervalSet(pairs)
    assert kept.add(*added) == len(as_set([added]) - as_set(pairs))
    assert members(kept) == as_set([*pairs, added])
    assert kept.add(*added) == 0


@given(lists, st.permutations(range(12)))
def test_the_order_of_adding_does_not_matter(pairs: list[tuple[int, int]], order: list[int]) -> None:
    assert IntervalSet(pairs) == IntervalSet(pairs[i] for i in order if i < len(pairs))


@given(lists, intervals)
def test_overlap_is_the_intersection(pairs: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    overlap = IntervalSet(pairs).overlap(*asked)
    assert as_set(overlap) == as_set(pairs) & as_set([asked])
    assert overlap == sorted(overlap)


@given(lists, lists)
def test_minus_is_the_difference(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    left = IntervalSet(one).minus(IntervalSet(other))
    assert left.as_lists() == fewest_intervals(as_set(one) - as_set(other))


@given(lists, numbers)
def test_membership(pairs: list[tuple[int, int]], asked: int) -> None:
    assert (asked in IntervalSet(pairs)) == (asked in as_set(pairs))


@given(lists)
def test_ends(pairs: list[tuple[int, int]]) -> None:
    kept, plain = IntervalSet(pairs), as_set(pairs)
    assert kept.last == (max(plain) if plain else -1)
    assert kept.next_missing() == (fewest_intervals(plain)[0][1] + 1 if plain else 0)


def test_a_producer_without_gaps_needs_one_interval() -> None:
    kept = IntervalSet()
    for seq in range(10_000):
        assert kept.add(seq, seq) == 1
    assert kept.as_lists() == [[0, 9_999]]


def test_sets_that_differ_are_not_equal() -> None:
    assert IntervalSet([(0, 3)]) != IntervalSet([(0, 4)])
    assert IntervalSet([(0, 3)]) != [(0, 3)]
    assert repr(IntervalSet([(0, 3), (5, 5)])) == "IntervalSet([[0, 3], [5, 5]])"


def test_it_is_not_hashable() -> None:
    with pytest.raises(TypeError):
        hash(IntervalSet())
