"""Counts what the producers of one generator process see. Taken in portions, so that a long run needs little memory.

A portion (`Portion`) holds what was added since the last one; portions of all processes add up in any order.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct, convert, field, to_builtins

from metrics_core.histogram import Histogram, bucket_of
from metrics_core.intervals import IntervalSet

Pairs = list[tuple[int, int]]
Runs = list[tuple[str, int, int, int]]
"""Producer, epoch, first and last sequence number."""


class Second(Struct):
    """One second of the measured part."""

    created: int = 0
    acked: int = 0
    refused: int = 0
    accepted: dict[int, int] = field(default_factory=dict)
    visible: dict[int, int] = field(default_factory=dict)


class Portion(Struct):
    """What was added since the last portion; travels between Locust processes.

    Attributes:
        histograms: By name, counts per bucket.
        seconds: By number, from the start of the measured part.
        ledgers: `created`, `acked`, `rejected`: runs of identities.
        refused, unanswered: Samples.
        errors: What went wrong with connections, and how often.
    """

    histograms: dict[str, dict[int, int]] = field(default_factory=dict)
    seconds: dict[int, Second] = field(default_factory=dict)
    ledgers: dict[str, Runs] = field(default_factory=dict)
    refused: int = 0
    unanswered: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def as_builtins(self) -> Any:
        """For a Locust message."""
        return to_builtins(self, str_keys=True)

    @classmethod
    def from_builtins(cls, value: Any) -> Portion:
        """Out of a Locust message."""
        return convert(value, cls, strict=False)


def _count(counts: dict[int, int], value_us: int, n: int) -> None:
    bucket = bucket_of(value_us)
    counts[bucket] = counts.get(bucket, 0) + n


class Recorder:
    """The counts of one generator process since the last portion."""

    def __init__(self) -> None:
        self._start_us = 0
        self._on = False
        self._clear()

    def _clear(self) -> None:
        self._histograms: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._seconds: defaultdict[int, Second] = defaultdict(Second)
        self._runs: dict[str, dict[tuple[str, int], IntervalSet]] = {
            "created": {},
            "acked": {},
            "rejected": {},
        }
        self._refused = self._unanswered = 0
        self._errors: defaultdict[str, int] = defaultdict(int)

    def start(self, start_us: int) -> None:
        """Begin the measured part; what comes before it is not counted."""
        self._clear()
        self._start_us, self._on = start_us, True

    def stop(self) -> None:
        """End the measured part: nothing is counted any more."""
        self._on = False

    def _second(self, now_us: int) -> Second:
        return self._seconds[max(0, now_us - self._start_us) // 1_000_000]

    def _add_run(self, ledger: str, producer: str, epoch: int, first: int, n: int) -> None:
        runs = self._runs[ledger]
        key = (producer, epoch)
        if key not in runs:
            runs[key] = IntervalSet()
        runs[key].add(first, first + n - 1)

    def late(self, late_us: int) -> None:
        """The generator came to a send so much later than meant, µs."""
        if self._on:
            self._histograms["lateness"].add(late_us)

    def created(self, producer: str, epoch: int, first: int, n: int, due_us: int) -> None:
        """`n` samples from `first` on were meant to be sent at `due_us`."""
        if self._on:
            self._add_run("created", producer, epoch, first, n)
            self._second(due_us).created += n

    def acked(
        self, producer: str, epoch: int, first: int, n: int, due_us: int, sent_us: int, now_us: int
    ) -> None:
        """`n` samples were acknowledged at `now_us`."""
        if self._on:
            self._add_run("acked", producer, epoch, first, n)
            self._histograms["accepted"].add(now_us - due_us, n)
            self._histograms["accepted_uncorrected"].add(now_us - sent_us, n)
            second = self._second(now_us)
            second.acked += n
            _count(second.accepted, now_us - due_us, n)

    def seen(self, n: int, due_us: int, sent_us: int, now_us: int) -> None:
        """`n` samples were first visible on the feed at `now_us`."""
        if self._on:
            self._histograms["visible"].add(now_us - due_us, n)
            self._histograms["visible_uncorrected"].add(now_us - sent_us, n)
            _count(self._second(now_us).visible, now_us - due_us, n)

    def rejected(self, producer: str, epoch: int, first: int, n: int) -> None:
        """`n` samples were refused for good."""
        if self._on:
            self._add_run("rejected", producer, epoch, first, n)

    def refused(self, n: int, now_us: int) -> None:
        """`n` samples were refused for now, and are not sent again."""
        if self._on:
            self._refused += n
            self._second(now_us).refused += n

    def unanswered(self, n: int) -> None:
        """`n` samples got no answer: their connection broke, or none could be made."""
        if self._on:
            self._unanswered += n

    def failed(self, error: str) -> None:
        """A connection broke or could not be made."""
        if self._on:
            self._errors[error] += 1

    def take(self) -> Portion:
        """All since the last portion."""
        portion = Portion(
            {name: histogram.counts for name, histogram in self._histograms.items()},
            dict(self._seconds),
            {
                ledger: [(name, epoch, low, high) for (name, epoch), s in runs.items() for low, high in s]
                for ledger, runs in self._runs.items()
            },
            self._refused,
            self._unanswered,
            dict(self._errors),
        )
        self._clear()
        return portion


class Total:
    """The sum of all portions of all processes."""

    def __init__(self) -> None:
        self.histograms: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.seconds: defaultdict[int, Second] = defaultdict(Second)
        self.ledgers: dict[str, dict[str, dict[int, IntervalSet]]] = {
            "created": {},
            "acked": {},
            "rejected": {},
        }
        self.refused = self.unanswered = 0
        self.errors: defaultdict[str, int] = defaultdict(int)

    def add(self, portion: Portion) -> None:
        """Add a portion."""
        for name, counts in portion.histograms.items():
            self.histograms[name].merge(counts)
        for number, more in portion.seconds.items():
            second = self.seconds[number]
            second.created += more.created
            second.acked += more.acked
            second.refused += more.refused
            for ours, theirs in ((second.accepted, more.accepted), (second.visible, more.visible)):
                for bucket, n in theirs.items():
                    ours[bucket] = ours.get(bucket, 0) + n
        for ledger, runs in portion.ledgers.items():
            for name, epoch, low, high in runs:
                self.ledgers[ledger].setdefault(name, {}).setdefault(epoch, IntervalSet()).add(low, high)
        self.refused += portion.refused
        self.unanswered += portion.unanswered
        for error, n in portion.errors.items():
            self.errors[error] += n

    def size(self, ledger: str) -> int:
        """Samples in a ledger."""
        return sum(s.size for epochs in self.ledgers[ledger].values() for s in epochs.values())
