"""What a phone says of its samples, and the same in the form in which the fleet tells of its own. Pure.

A phone is no part of the fleet: nobody logs its samples before they are sent, and its word comes every few seconds. So
its samples stand beside the audit's equations, counted by the very same rules (`metrics_core/fates.py`), never in them.

Of each list the newest `MOST_INTERVALS` intervals are told; what became of an older sample the pipeline's ledger says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from metrics_core.errors import SchemaViolation
from metrics_core.fates import fates_of
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, count, format_ledger, only_producers_of, parse_ledger, subtract
from metrics_core.phones import is_phone
from metrics_core.sample import ExactInteger

MOST_INTERVALS: Final = 30
PARTS: Final = ("acked", "rejected", "dropped")
PIPELINES: Final = ("http_redis", "websocket")

Intervals = Annotated[list[tuple[ExactInteger, ExactInteger]], Meta(max_length=MOST_INTERVALS)]


class Told(Struct, frozen=True, forbid_unknown_fields=True):
    """What one pipeline did with a phone's samples, as intervals of sequence numbers."""

    acked: Annotated[Intervals, Meta(description="held, by the pipeline's own word")] = []
    rejected: Annotated[Intervals, Meta(description="refused for good")] = []
    dropped: Annotated[Intervals, Meta(description="given up, as the phone's outbox was full")] = []


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What a phone tells of itself every few seconds."""

    producer: Annotated[str, Meta(min_length=1, max_length=64, description="the name that it was given")]
    epoch: Annotated[ExactInteger, Meta(description="of its samples, as it was given")]
    made: Annotated[ExactInteger, Meta(description="samples made so far: numbers 0 to made - 1")]
    http_redis: Told = Told()
    websocket: Told = Told()

    def check(self) -> None:
        """Check the intervals.

        Raises:
            SchemaViolation: One is none, or names samples that were not made.
        """
        for pipeline in PIPELINES:
            for part in PARTS:
                for low, high in getattr(getattr(self, pipeline), part):
                    if not low <= high < self.made:
                        raise SchemaViolation(f"$.{pipeline}.{part}: expected low <= high < made")


def as_fleet(reports: Iterable[Report]) -> dict[str, dict[str, Any]]:
    """Reports, each of another producer and epoch, as a fleet's `GET /api/ledger` would tell them, by pipeline."""
    told: dict[str, dict[str, Ledger]] = {
        pipeline: {part: {} for part in ("created", *PARTS)} for pipeline in PIPELINES
    }
    for report in reports:
        if not report.made:
            continue
        made = IntervalSet([(0, report.made - 1)])
        for pipeline, ledgers in told.items():
            of = getattr(report, pipeline)
            ledgers["created"].setdefault(report.producer, {})[report.epoch] = made
            for part in PARTS:
                ledgers[part].setdefault(report.producer, {})[report.epoch] = IntervalSet(getattr(of, part))
    return {
        pipeline: {part: {"producers": format_ledger(ledger)} for part, ledger in ledgers.items()}
        for pipeline, ledgers in told.items()
    }


def guests_of(
    pipeline: str, told: dict[str, Any], whereabouts: dict[str, Any], ledger: dict[str, Any]
) -> dict[str, Any]:
    """What became of the phones' samples in one pipeline.

    Args:
        pipeline: Its name.
        told: Its part of `as_fleet`, taken before the pipeline was asked.
        whereabouts: Its `GET /v1/whereabouts`.
        ledger: Its `GET /v1/ledger`, asked last.

    Returns:
        `counts`: samples by fate, of those that phones have told of; `untold`: processed samples of phones that were
        not told of, as they are newer than the last report, or as their phone's report was forgotten.
    """
    created = parse_ledger(told["created"]["producers"])
    processed = {name: epochs for name, epochs in parse_ledger(ledger["producers"]).items() if is_phone(name)}
    known = only_producers_of(processed, created)
    untold = count(processed) - count(known) + count(subtract(known, created))
    return {"counts": fates_of(pipeline, told, whereabouts, ledger).counts, "untold": untold}
