"""A set of integers kept as disjoint closed intervals: which sequence numbers were processed.

A producer that numbers without gaps needs one interval however long it runs; every gap adds one. It is the ledger's
form on the wire (`[[0, 1041]]`) and the identity mark of pipeline B. Pipeline A keeps the same intervals in Redis.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class IntervalSet:
    """Disjoint closed intervals in ascending order; neighbours that touch are merged."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, intervals: Iterable[Iterable[int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for low, high in intervals:
            self.add(low, high)

    def add(self, low: int, high: int) -> int:
        """Add `low … high` (inclusive).

        Returns:
            How many of these were not in the set before; 0 means that all were.
        """
        starts, ends = self._starts, self._ends
        first = bisect_left(ends, low - 1)  # the first interval that touches, overlaps or follows
        last, fresh = first, high - low + 1
        start, end = low, high
        while last < len(starts) and starts[last] <= high + 1:
            fresh -= max(0, min(high, ends[last]) - max(low, starts[last]) + 1)
            start, end = min(start, starts[last]), max(end, ends[last])
            last += 1
        starts[first:last] = [start]
        ends[first:last] = [end]
        return fresh

    def overlap(self, low: int, high: int) -> list[tuple[int, int]]:
        """The parts of `low … high` that are in the set."""
        starts, ends = self._starts, self._ends
        found = []
        position = bisect_left(ends, low)
        while position < len(starts) and starts[position] <= high:
            found.append((max(low, starts[position]), min(high, ends[position])))
            position += 1
        return found

    def touching(self, low: int, high: int) -> int:
        """How many intervals `low … high` overlaps or touches: `add` replaces these by one."""
        return bisect_right(self._starts, high + 1) - bisect_left(self._ends, low - 1)

    def minus(self, other: IntervalSet) -> IntervalSet:
        """The members of this set that are not in `other`."""
        left = IntervalSet()
        for low, high in self:
            for taken_low, taken_high in other.overlap(low, high):
                if taken_low > low:
                    left.add(low, taken_low - 1)
                low = taken_high + 1
            if low <= high:
                left.add(low, high)
        return left

    def next_missing(self) -> int:
        """The number after the first interval: where a producer that resumes should go on (0 where empty)."""
        return self._ends[0] + 1 if self._ends else 0

    @property
    def last(self) -> int:
        """The largest integer in the set (-1 where empty)."""
        return self._ends[-1] if self._ends else -1

    @property
    def size(self) -> int:
        """How many integers are in the set."""
        return sum(self._ends) - sum(self._starts) + len(self._starts)

    def as_lists(self) -> list[list[int]]:
        """The wire form: `[[low, high], …]`."""
        return [[low, high] for low, high in self]

    def __contains__(self, value: int) -> bool:
        position = bisect_left(self._ends, value)
        return position < len(self._starts) and self._starts[position] <= value

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __len__(self) -> int:
        """How many intervals the set needs (not how many integers it holds: see `size`)."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntervalSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"IntervalSet({self.as_lists()})"
