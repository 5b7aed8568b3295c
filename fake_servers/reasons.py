"""Why samples were rejected: the reason of each identity, as merged intervals. Pure.

A pipeline may word its refusals as it likes, so the number of different reasons is bounded; what comes after
`MOST_REASONS` of them is kept under one that says so. No rejected identity is without a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from metrics_core.intervals import IntervalSet

MOST_REASONS: Final = 20
"""Different reasons kept per producer, epoch and pipeline."""

_OTHER: Final = f"other: more than {MOST_REASONS} different reasons"


class Reasons:
    """The reasons of one producer and epoch at one pipeline."""

    __slots__ = ("_by_text",)

    def __init__(self) -> None:
        self._by_text: dict[str, IntervalSet] = {}

    def add(self, parcel: Iterable[tuple[int, int]], text: str) -> None:
        """These samples were rejected for `text`."""
        if text not in self._by_text and len(self._by_text) >= MOST_REASONS:
            text = _OTHER
        seqs = self._by_text.setdefault(text, IntervalSet())
        for low, high in parcel:
            seqs.add(low, high)

    def as_lists(self, rejected: IntervalSet) -> list[list[int | str]]:
        """The wire form: `[[low, high, reason], …]`, ascending, of those that are rejected still.

        Args:
            rejected: The identities whose fate is *rejected* (one that had been acked before stays acked).
        """
        found = [
            (first, last, text)
            for text, seqs in self._by_text.items()
            for low, high in seqs
            for first, last in rejected.overlap(low, high)
        ]
        return [[low, high, text] for low, high, text in sorted(found)]
