"""What became of the samples: counts by arm, and the lost identities as intervals, bounded for a reader's sake.

The full list is in each block's `run.json` (`missing`); here is as much as a page can hold, and how much it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from load_tests.reports.numbers import count
from load_tests.reports.view import Arm
from load_tests.runs.schema import Counts, Intervals, Run

SHOWN: Final = 40
"""Intervals of lost identities that a report lists per arm."""

FATES: Final = (
    ("created", "created", "Made by the generator."),
    ("acked", "acked", "Acknowledged: a 202 or an ack. The pipeline promised to keep them."),
    ("rejected", "rejected", "Refused for good, for what they held."),
    ("refused", "refused", "Not taken for want of room; the generator does not send them again."),
    ("unanswered", "unanswered", "The connection broke before there was an answer."),
    ("processed", "processed", "In the aggregates, each counted once."),
    ("lost", "lost", "Acknowledged and not processed: a broken promise."),
    ("duplicates", "duplicates", "Repeats; they changed one counter and nothing else."),
    ("late", "late", "Processed after their window was closed: counted, in no window."),
)
"""Field of `Counts`, word, meaning; in the order of the table."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Lost identities of some runs.

    Attributes:
        number: How many samples.
        lines: The first of them, one line per interval.
        unlisted: How many samples the lines leave out.
    """

    number: int
    lines: list[str]
    unlisted: int


def totals(runs: Iterable[Run]) -> Counts:
    """Counts of several runs together."""
    total = Counts()
    for run in runs:
        for field, _, _ in FATES:
            setattr(total, field, getattr(total, field) + getattr(run.counts, field))
    return total


def lost_number(run: Run) -> int:
    """Samples that were acknowledged and not processed; the named ones count where the total says less."""
    return max(run.counts.lost, sum(high - low + 1 for _, _, low, high in _intervals(run.missing)))


def lost_of(arm: Arm, shown: int = SHOWN) -> Lost:
    """The lost identities of an arm's blocks."""
    return lost_in(arm.runs, shown)


def lost_in(runs: Iterable[Run], shown: int = SHOWN) -> Lost:
    """The lost identities of some runs, `shown` intervals of them by name."""
    lines: list[str] = []
    number = named = 0
    for run in runs:
        number += lost_number(run)
        for producer, epoch, low, high in _intervals(run.missing):
            if len(lines) < shown:
                lines.append(identity(producer, epoch, low, high))
                named += high - low + 1
    return Lost(number, lines, number - named)


def identity(producer: str, epoch: str, low: int, high: int) -> str:
    """One interval of identities: `web-01, epoch 1766200000123456, seq 12 to 18 (7)`."""
    numbers = f"{low}" if low == high else f"{low} to {high} ({count(high - low + 1)})"
    return f"{producer}, epoch {epoch}, seq {numbers}"


def _intervals(ledger: Intervals) -> Iterator[tuple[str, str, int, int]]:
    for producer, epochs in ledger.items():
        for epoch, intervals in epochs.items():
            for low, high in intervals:
                yield producer, epoch, low, high
