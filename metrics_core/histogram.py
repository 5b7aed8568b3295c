"""Log-linear latency histogram: the one estimator of the lab (both pipelines, the page, the load tests).

Buckets are those of HdrHistogram (G. Tene) with 64 sub-buckets per octave::

    value in µs     0 … 127          128 … 255        256 … 511        …
    bucket width    1                2                4                …   (exact below 128)
    bucket number   value            64 + value >> 1  128 + value >> 2

A bucket is at most 1/64 of its lower edge wide and is represented by its middle, so a quantile is off by at most
1/128 (0.79 %) of its value: `RELATIVE_ERROR`. Numbers come from integer shifts alone, so Python, Lua and JavaScript
agree to the bucket. Counts add up: merging is associative and commutative, and Redis can merge with HINCRBY.

Not here: time windows. A window is the difference of two cumulative histograms (`Histogram.minus`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final

RELATIVE_ERROR: Final = 1 / 128
MAX_VALUE_US: Final = 2**42 - 1  # 50 days; larger values are clamped, so the number of buckets is bounded
_EXACT_BELOW: Final = 128


def bucket_of(value_us: int) -> int:
    """Number of the bucket that holds a latency of `value_us` µs; negative values count as 0."""
    if value_us < _EXACT_BELOW:
        return value_us if value_us > 0 else 0
    if value_us > MAX_VALUE_US:
        value_us = MAX_VALUE_US
    shift = value_us.bit_length() - 7
    return (shift << 6) + (value_us >> shift)


_LAST_BUCKET: Final = bucket_of(MAX_VALUE_US)


def bucket_edges(bucket: int) -> tuple[int, int]:
    """Lowest and highest value in µs, both inclusive, of a bucket."""
    if bucket < _EXACT_BELOW:
        return bucket, bucket
    shift = (bucket >> 6) - 1
    lowest = (bucket - (shift << 6)) << shift
    return lowest, lowest + (1 << shift) - 1


def bucket_middle(bucket: int) -> float:
    """The value in µs that stands for a bucket."""
    lowest, highest = bucket_edges(bucket)
    return (lowest + highest) / 2


class Histogram:
    """Counts per bucket. Cumulative: it only ever grows, except in the result of `minus`."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: dict[int, int] = dict(counts or {})

    def add(self, value_us: int, count: int = 1) -> None:
        """Count `count` latencies of `value_us` µs."""
        bucket = bucket_of(value_us)
        self.counts[bucket] = self.counts.get(bucket, 0) + count

    def add_all(self, values_us: list[int]) -> None:
        """Count many latencies in µs; sorts the list in place.

        Sorted, each bucket is a stretch of the list whose end a binary search finds: the cost per value is that of
        sorting, and latencies come nearly sorted.
        """
        counts, position, n = self.counts, 0, len(values_us)
        values_us.sort()
        while position < n:
            bucket = bucket_of(values_us[position])
            end = bisect_right(values_us, bucket_edges(bucket)[1], position) if bucket < _LAST_BUCKET else n
            counts[bucket] = counts.get(bucket, 0) + end - position
            position = end

    def merge(self, other: Histogram | Mapping[int, int]) -> None:
        """Add another histogram's counts."""
        counts = self.counts
        for bucket, count in (other.counts if isinstance(other, Histogram) else other).items():
            counts[bucket] = counts.get(bucket, 0) + count

    def minus(self, earlier: Histogram) -> Histogram:
        """What was added since `earlier`, a former state of this histogram."""
        before = earlier.counts
        return Histogram({b: d for b, n in self.counts.items() if (d := n - before.get(b, 0)) > 0})

    def copy(self) -> Histogram:
        """A histogram of its own with the same counts."""
        return Histogram(self.counts)

    @property
    def n(self) -> int:
        """How many values were counted."""
        return sum(self.counts.values())

    def mean_us(self) -> float:
        """The mean in µs, each value taken for the middle of its bucket; 0 where empty."""
        total = self.n
        return sum(bucket_middle(bucket) * n for bucket, n in self.counts.items()) / total if total else 0.0

    def quantiles_us(self, fractions: Iterable[float]) -> list[float]:
        """Values in µs at or below which the given fractions of all counts lie (nearest rank; 0 where empty).

        Args:
            fractions: Ascending, each in (0, 1]; 1 gives the maximum.
        """
        total = self.n
        found: list[float] = []
        buckets = sorted(self.counts.items())
        position, seen = -1, 0
        for fraction in fractions:
            rank = max(1.0, fraction * total)
            while seen < rank and position + 1 < len(buckets):
                position += 1
                seen += buckets[position][1]
            found.append(bucket_middle(buckets[position][0]) if position >= 0 else 0.0)
        return found

    def as_pairs(self) -> list[tuple[int, int]]:
        """`[bucket, count]` pairs in the order of their buckets, for the wire."""
        return sorted(self.counts.items())
