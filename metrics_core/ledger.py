"""The audit: which identities were acked and not processed. Exact, by intervals of sequence numbers.

A ledger is `{producer: {epoch: IntervalSet}}`; its wire form has epochs as text and intervals as lists.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from metrics_core.intervals import IntervalSet
from metrics_core.phones import is_phone

Ledger = dict[str, dict[int, IntervalSet]]

WAITING_PLACES: Final = ("running", "popped", "queued")
"""Where pipeline A keeps what is acked and not processed yet."""


class PipelineAudit(Struct):
    """What became of the samples of one pipeline, in samples.

    Attributes:
        created: Made by the producers for this pipeline.
        acked: Acknowledged by the pipeline (202, or ack).
        rejected: Refused for good, by name.
        processed: In the aggregates.
        lost: Acked, and neither processed nor set aside nor waiting.
        duplicates: Arrivals of identities that were processed before; they changed nothing else.
        unsettled: Created, neither acked nor rejected nor processed: still in an outbox, or dropped from it.
        missing: The lost identities, by producer and epoch.
        waiting: Acked, on the way to the aggregates.
        dead_lettered: Acked, and set aside after every try failed.
        crashed: Died with their producer before they were acked.
        guests: Samples of phones that joined, processed; they are in no other figure.
    """

    created: int
    acked: int
    rejected: int
    processed: int
    lost: int
    duplicates: int
    unsettled: int
    missing: dict[str, dict[str, list[list[int]]]]
    waiting: int = 0
    dead_lettered: int = 0
    crashed: int = 0
    guests: int = 0

    @property
    def ok(self) -> bool:
        """Whether every acked sample was processed or set aside, and every sample has its final fate."""
        return self.lost == self.waiting == self.unsettled == 0 and self.acked > 0


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


def union(one: Ledger, other: Ledger) -> Ledger:
    """The identities that are in either."""
    both: Ledger = {name: dict(epochs) for name, epochs in one.items()}
    for name, epochs in other.items():
        mine = both.setdefault(name, {})
        for epoch, intervals in epochs.items():
            mine[epoch] = IntervalSet([*mine[epoch], *intervals]) if epoch in mine else intervals
    return both


def common(one: Ledger, other: Ledger) -> Ledger:
    """The identities that are in both; producers and epochs without any are left out."""
    both: Ledger = {}
    for name, epochs in one.items():
        for epoch, intervals in epochs.items():
            shared = intervals.minus(intervals.minus(other.get(name, {}).get(epoch, IntervalSet())))
            if len(shared):
                both.setdefault(name, {})[epoch] = shared
    return both


def only_producers_of(ledger: Ledger, named: Ledger) -> Ledger:
    """The part of `ledger` that belongs to producers and epochs which `named` knows."""
    return {
        name: {epoch: intervals for epoch, intervals in epochs.items() if epoch in named[name]}
        for name, epochs in ledger.items()
        if name in named
    }


def audit(
    fleet: dict[str, Any], pipeline: dict[str, Any], whereabouts: dict[str, Any] | None = None
) -> PipelineAudit:
    """Hold what the producers know against what a pipeline knows.

    Args:
        fleet: One pipeline's part of the fleet's `GET /api/ledger`: `created`, `acked`, `rejected`, `crashed`.
        pipeline: The pipeline's `GET /v1/ledger`. Samples of producers that the fleet does not know (sent by hand)
            are left out of the account.
        whereabouts: Its `GET /v1/whereabouts`, asked between the two; without it nothing is known to wait.
    """
    created = parse_ledger(fleet["created"]["producers"])
    acked = parse_ledger(fleet["acked"]["producers"])
    rejected = parse_ledger(fleet["rejected"]["producers"])
    crashed = parse_ledger(fleet["crashed"]["producers"]) if "crashed" in fleet else {}
    held = parse_ledger(pipeline["producers"])
    processed = only_producers_of(held, created)
    missing = subtract(acked, processed)
    places = (whereabouts or {}).get("places", {})
    found = {place: parse_ledger(places.get(place, {})) for place in ("dead_lettered", *WAITING_PLACES)}
    left = subtract(missing, found["dead_lettered"])
    dead_lettered, waiting = count(missing) - count(left), 0
    for place in WAITING_PLACES:
        before, left = count(left), subtract(left, found[place])
        waiting += before - count(left)
    if whereabouts and whereabouts.get("truncated"):
        waiting, left = waiting + count(left), {}  # more waits than was named
    dead_before_ack = subtract(subtract(crashed, processed), acked)
    unsettled = subtract(subtract(subtract(created, acked), rejected), processed)
    unsettled = subtract(unsettled, dead_before_ack)
    return PipelineAudit(
        created=count(created),
        acked=count(acked),
        rejected=count(rejected),
        processed=count(processed),
        lost=count(left),
        duplicates=int(pipeline["totals"]["duplicates"]),
        unsettled=count(unsettled),
        missing=format_ledger(left),
        waiting=waiting,
        dead_lettered=dead_lettered,
        crashed=count(dead_before_ack),
        guests=count({name: epochs for name, epochs in held.items() if is_phone(name)}),
    )
