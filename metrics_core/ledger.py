"""The audit: which identities were acked and not processed. Exact, by intervals of sequence numbers.

A ledger is `{producer: {epoch: IntervalSet}}`; its wire form has epochs as text and intervals as lists.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from metrics_core.intervals import IntervalSet

Ledger = dict[str, dict[int, IntervalSet]]


class PipelineAudit(Struct):
    """What became of the samples of one pipeline, in samples.

    Attributes:
        created: Made by the producers for this pipeline.
        acked: Acknowledged by the pipeline (202, or ack).
        rejected: Refused for good, by name.
        processed: In the aggregates.
        lost: Acked and not processed.
        duplicates: Arrivals of identities that were processed before; they changed nothing else.
        unsettled: Created, neither acked nor rejected nor processed: still in an outbox, or dropped from it.
        missing: The lost identities, by producer and epoch.
    """

    created: int
    acked: int
    rejected: int
    processed: int
    lost: int
    duplicates: int
    unsettled: int
    missing: dict[str, dict[str, list[list[int]]]]

    @property
    def ok(self) -> bool:
        """Whether every acked sample was processed and every sample has one fate."""
        return self.lost == 0 and self.unsettled == 0 and self.acked > 0


def parse_ledger(producers: dict[str, dict[str, list[list[int]]]]) -> Ledger:
    """The wire form of a ledger's `producers` to interval sets."""
    return {
        name: {int(epoch): IntervalSet(intervals) for epoch, intervals in epochs.items()}
        for name, epochs in producers.items()
    }


def format_ledger(ledger: Ledger) -> dict[str, dict[str, list[list[int]]]]:
    """Interval sets to the wire form."""
    return {
        name: {str(epoch): intervals.as_lists() for epoch, intervals in epochs.items()}
        for name, epochs in ledger.items()
    }


def count(ledger: Ledger) -> int:
    """How many identities a ledger holds."""
    return sum(intervals.size for epochs in ledger.values() for intervals in epochs.values())


def subtract(ledger: Ledger, taken: Ledger) -> Ledger:
    """The identities of `ledger` that are not in `taken`; producers and epochs without any are left out."""
    left: Ledger = {}
    for name, epochs in ledger.items():
        for epoch, intervals in epochs.items():
            rest = intervals.minus(taken.get(name, {}).get(epoch, IntervalSet()))
            if len(rest):
                left.setdefault(name, {})[epoch] = rest
    return left


def only_producers_of(ledger: Ledger, named: Ledger) -> Ledger:
    """The part of `ledger` that belongs to producers and epochs which `named` knows."""
    return {
        name: {epoch: intervals for epoch, intervals in epochs.items() if epoch in named[name]}
        for name, epochs in ledger.items()
        if name in named
    }


def audit(fleet: dict[str, Any], pipeline: dict[str, Any]) -> PipelineAudit:
    """Hold what the producers know against what a pipeline knows.

    Args:
        fleet: One pipeline's part of the fleet's `GET /api/ledger`: `created`, `acked`, `rejected`.
        pipeline: The pipeline's `GET /v1/ledger`. Samples of producers that the fleet does not know (sent by hand)
            are left out of the account.
    """
    created = parse_ledger(fleet["created"]["producers"])
    acked = parse_ledger(fleet["acked"]["producers"])
    rejected = parse_ledger(fleet["rejected"]["producers"])
    processed = only_producers_of(parse_ledger(pipeline["producers"]), created)
    missing = subtract(acked, processed)
    unsettled = subtract(subtract(subtract(created, acked), rejected), processed)
    return PipelineAudit(
        created=count(created),
        acked=count(acked),
        rejected=count(rejected),
        processed=count(processed),
        lost=count(missing),
        duplicates=int(pipeline["totals"]["duplicates"]),
        unsettled=count(unsettled),
        missing=format_ledger(missing),
    )
