"""One fate per sample: what became of every identity that was created, and the sums that must come out. Pure.

Three parts of the lab are asked, one after the other, while samples go on moving::

    1  the fleet         created, acked, rejected, dropped, crashed
    2  whereabouts       queued, popped, running, dead-lettered (A); in the ring, overwritten (B)
    3  ledger            processed

A sample only ever moves on, from 1 to 2 to 3, and nothing leaves 3 (but by the loss of the whole memory). So one that
the fleet knew as acked at the first look was in one of the places at the second look, or is processed at the third: in
this order no sample can slip through, in any other one it can. A sample found twice moved in between; then the place
further on counts. So each has exactly one fate: the first line of `_order` that knows it.

Not here: who asks (`control_plane/audit.py`), and what the windows must be (`control_plane/oracle.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, common, count, parse_ledger, subtract, union

FATES: Final[dict[str, str]] = {
    "processed": "in the aggregates, once",
    "overwritten": "in the aggregates; its place in the ring holds a newer sample, which is retention and no loss",
    "rejected": "refused for what its batch held; sending it again cannot help",
    "dead_lettered": "set aside after its batch failed at every try; kept apart, in no aggregate",
    "waiting_outbox": "with its producer, which has no answer for it yet and sends it again",
    "waiting_queue": "on disk in Redis, waiting for a worker",
    "waiting_worker": "in the hands of a worker; if that one dies, another takes it within 10 s",
    "lost_outbox": "dropped by its producer: the outbox was full before the pipeline took it",
    "lost_producer": "died with its producer: no pipeline has it, and nobody knows of an acknowledgement",
    "lost_store": "acknowledged, and then lost by Redis",
    "lost_memory": "acknowledged, and then lost with the memory of pipeline B's process",
}
"""Every fate and what it means, in the order in which it is shown."""

HELD: Final = ("processed", "overwritten")
LOST: Final = tuple(fate for fate in FATES if fate.startswith("lost_"))
WAITING: Final = tuple(fate for fate in FATES if fate.startswith("waiting_"))
ACKED_LOST: Final = ("lost_store", "lost_memory")
"""Losses of what was acknowledged: a broken promise."""


class Equation(Struct, frozen=True):
    """Two sums of samples that must be equal, counted apart from each other."""

    text: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left == self.right

    def as_dict(self) -> dict[str, Any]:
        """The wire form."""
        return {"text": self.text, "left": self.left, "right": self.right, "holds": self.holds}


class PipelineFates(Struct):
    """What became of every identity that was created for one pipeline.

    Attributes:
        fates: Every fate of `FATES` and its identities; an identity is in exactly one.
        equations: What must come out.
        truncated: More was waiting than could be named; what is not accounted for is told as waiting, not as lost.
        unnamed_dead: Dead letters whose identities are not known, in samples. Those of the fleet's are told as lost.
        reasons: Why samples were rejected: `{producer: {epoch: [[low, high, reason]]}}`.
    """

    fates: dict[str, Ledger]
    equations: list[Equation]
    truncated: bool = False
    unnamed_dead: int = 0
    reasons: dict[str, dict[str, list[list[Any]]]] = {}

    @property
    def counts(self) -> dict[str, int]:
        """Samples by fate."""
        return {fate: count(ledger) for fate, ledger in self.fates.items()}

    @property
    def ok(self) -> bool:
        """Whether nothing acknowledged is lost, and every equation holds."""
        return all(equation.holds for equation in self.equations) and not any(
            self.fates[fate] for fate in ACKED_LOST
        )


class FleetView(Struct):
    """What the producers know of their samples for one pipeline; each but `created` holds a part of it."""

    created: Ledger
    acked: Ledger
    rejected: Ledger
    dropped: Ledger
    crashed: Ledger

    @classmethod
    def from_wire(cls, fleet: dict[str, Any]) -> FleetView:
        """One pipeline's part of the fleet's `GET /api/ledger`; what is not told there is empty."""
        return cls(**{part: _told(fleet, part) for part in cls.__struct_fields__})

    def with_dead_producers(self, logged: Ledger) -> FleetView:
        """The same with what the log holds of epochs that this fleet does not know: their process died, unheard.

        Such a sample may have been acked; nobody is left to say so. If no part of the pipeline has it, it counts as
        lost with its producer.
        """
        strangers: Ledger = {}
        for name, epochs in logged.items():
            for epoch, intervals in epochs.items():
                if epoch not in self.created.get(name, {}) and len(intervals):
                    strangers.setdefault(name, {})[epoch] = intervals
        if not strangers:
            return self
        created, crashed = union(self.created, strangers), union(self.crashed, strangers)
        return FleetView(created, self.acked, self.rejected, self.dropped, crashed)


def _told(fleet: dict[str, Any], part: str) -> Ledger:
    return parse_ledger(fleet[part]["producers"]) if part in fleet else {}


def part_of(created: Ledger, claims: Sequence[tuple[str, Ledger]], rest: str) -> dict[str, Ledger]:
    """Give each identity of `created` to the first claim that holds it, and what is left to `rest`.

    Args:
        created: All identities.
        claims: Fates and who has them, the strongest first; a fate may come several times.
        rest: The fate of what nobody claims.

    Returns:
        Every fate of `FATES`, disjoint, together exactly `created`.
    """
    fates: dict[str, Ledger] = {fate: {} for fate in FATES}
    for name, epochs in created.items():
        for epoch, intervals in epochs.items():
            left = intervals
            for fate, claim in claims:
                claimed = claim.get(name, {}).get(epoch)
                if claimed is None or not len(left):
                    continue
                still = left.minus(claimed)
                if still.size < left.size:
                    _give(fates[fate], name, epoch, left.minus(still))
                    left = still
            if len(left):
                _give(fates[rest], name, epoch, left)
    return fates


def _give(ledger: Ledger, name: str, epoch: int, intervals: IntervalSet) -> None:
    epochs = ledger.setdefault(name, {})
    epochs[epoch] = IntervalSet([*epochs[epoch], *intervals]) if epoch in epochs else intervals


def fates_of(
    pipeline: str,
    fleet: dict[str, Any],
    whereabouts: dict[str, Any],
    ledger: dict[str, Any],
    logged: Ledger | None = None,
) -> PipelineFates:
    """What became of every identity.

    Args:
        pipeline: `http_redis` or `websocket`.
        fleet: That pipeline's part of the fleet's `GET /api/ledger`, asked first.
        whereabouts: The pipeline's `GET /v1/whereabouts`, asked second; empty where it has none.
        ledger: Its `GET /v1/ledger`, asked last.
        logged: What the producers' own log holds, read after the rest; None where there is no log.
    """
    told = FleetView.from_wire(fleet)
    known = told if logged is None else told.with_dead_producers(logged)
    places = {place: parse_ledger(held) for place, held in whereabouts.get("places", {}).items()}
    processed = parse_ledger(ledger["producers"])
    truncated = bool(whereabouts.get("truncated"))
    fates = part_of(
        known.created, list(_order(pipeline, known, places, processed, truncated)), "waiting_outbox"
    )
    return PipelineFates(
        fates,
        _equations(pipeline, told, known, fates, whereabouts.get("counts", {}), processed, logged),
        truncated,
        int(whereabouts.get("unnamed", {}).get("dead_lettered", 0)),
        fleet.get("reasons", {}),
    )


def _order(
    pipeline: str, fleet: FleetView, places: dict[str, Ledger], processed: Ledger, truncated: bool
) -> Iterator[tuple[str, Ledger]]:
    """Who claims an identity before whom: the furthest place first."""
    yield "overwritten", common(processed, places.get("overwritten", {}))
    yield "processed", processed
    yield "dead_lettered", places.get("dead_lettered", {})
    yield "waiting_worker", places.get("running", {})
    yield "waiting_worker", places.get("popped", {})
    yield "waiting_queue", places.get("queued", {})
    yield "rejected", fleet.rejected
    if pipeline == "websocket":
        yield "lost_memory", fleet.acked
    else:
        yield "waiting_queue" if truncated else "lost_store", fleet.acked
    yield "lost_outbox", fleet.dropped
    yield "lost_producer", fleet.crashed


def _equations(
    pipeline: str,
    told: FleetView,
    known: FleetView,
    fates: dict[str, Ledger],
    counts: dict[str, int | None],
    processed: Ledger,
    logged: Ledger | None,
) -> list[Equation]:
    """What can be counted in two ways. Each side is of one moment; a sum of several moments would only nearly be right.

    `counts` of one look: the pipeline's counters, and what its places hold.
    """
    found = [_fleets_own(told), _one_fate_each(known, fates)]
    sums = {name: n for name, n in counts.items() if n is not None}
    if pipeline == "http_redis" and "waiting" in sums:
        settled = sums["processed"] + sums["duplicates"] + sums["dead_lettered"] + sums["waiting"]
        text = "accepted = processed + duplicates + dead-lettered + waiting"
        found.append(Equation(text, sums["accepted"], settled))
    if "unique" in sums and ("waiting" in sums or pipeline == "websocket"):
        arrivals = sums["accepted"] - sums.get("waiting", 0) - sums.get("dead_lettered", 0)
        found.append(
            Equation("arrivals = unique + duplicates", arrivals, sums["unique"] + sums["duplicates"])
        )
    if "overwritten_named" in sums:
        found.append(
            Equation("overwritten, counted = by name", sums["overwritten"], sums["overwritten_named"])
        )
    if logged is not None:
        ours = common(known.created, processed)
        text = "processed = found in the producers' log"
        found.append(Equation(text, count(ours), count(common(logged, ours))))
    return found


def _fleets_own(fleet: FleetView) -> Equation:
    """Every created sample is in exactly one of the fleet's five lists; what is in none of them is in the outbox."""
    settled = (fleet.acked, fleet.rejected, fleet.dropped, fleet.crashed)
    outbox = fleet.created
    for part in settled:
        outbox = subtract(outbox, part)
    text = "created = acked + rejected + dropped + crashed + in the outbox"
    return Equation(text, count(fleet.created), sum(count(part) for part in settled) + count(outbox))


def _one_fate_each(fleet: FleetView, fates: dict[str, Ledger]) -> Equation:
    total = sum(count(ledger) for ledger in fates.values())
    return Equation("created = the sum of all fates", count(fleet.created), total)
