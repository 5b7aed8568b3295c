"""What a delivered sample costs: processor time by process, Redis, bytes on the wire; all per 1,000 delivered.

All blocks of an arm together (sum of the costs over sum of the delivered samples), so that the lines of a table add
up. The headline shows medians of blocks instead, so the two may differ a little. Memory is the highest of any block.
"""

from __future__ import annotations

from dataclasses import dataclass

from load_tests.reports.view import Arm, standing
from load_tests.runs.schema import ProcessCost, RedisCost, Run


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process: seconds and context switches per 1,000 delivered samples, memory in MB."""

    name: str
    user_s: float
    system_s: float
    rss_mb: float
    switches: float


@dataclass(frozen=True, slots=True)
class WireLine:
    """Bytes per 1,000 delivered samples. `headers`: of TCP and IP, bare acknowledgements too; None where unknown."""

    sent_payload: float
    received_payload: float
    headers: float | None
    handshake_bytes: float
    connections: int
    source: str


@dataclass(frozen=True, slots=True)
class RedisLine:
    """What Redis did per 1,000 delivered samples; `flushes` None where unknown."""

    commands: float
    transactions: float
    input_bytes: float
    output_bytes: float
    aof_bytes: float
    flushes: float | None


@dataclass(frozen=True, slots=True)
class Bill:
    """One arm's bill. `total` sums up several processes; `wire` and `redis` are None where there is nothing to bill."""

    arm: Arm
    delivered: int
    processes: list[ProcessLine]
    total: ProcessLine | None
    wire: WireLine | None
    redis: RedisLine | None
    notes: list[str]


def bill_of(arm: Arm) -> Bill:
    """The bill of an arm over the blocks whose figures stand."""
    runs = standing(arm.runs)
    delivered = sum(run.counts.processed for run in runs)
    notes = list(dict.fromkeys(run.cost.note for run in runs if run.cost.note))
    if not delivered:
        return Bill(
            arm,
            0,
            [],
            None,
            None,
            None,
            [*notes, "Nothing was delivered, so there is nothing to divide the cost by."],
        )
    share = 1000 / delivered
    processes = _processes(runs, share)
    total = _sum(processes) if len(processes) > 1 else None
    return Bill(arm, delivered, processes, total, _wire(runs, share), _redis(runs, share), notes)


def _processes(runs: list[Run], share: float) -> list[ProcessLine]:
    by_name: dict[str, list[ProcessCost]] = {}
    for run in runs:
        for cost in run.cost.processes:
            by_name.setdefault(cost.name, []).append(cost)
    return [
        ProcessLine(
            name,
            share * sum(cost.user_s for cost in costs),
            share * sum(cost.system_s for cost in costs),
            max(cost.rss_bytes for cost in costs) / 1e6,
            share * sum(cost.switches_voluntary + cost.switches_involuntary for cost in costs),
        )
        for name, costs in by_name.items()
    ]


def _sum(lines: list[ProcessLine]) -> ProcessLine:
    return ProcessLine(
        "all",
        sum(line.user_s for line in lines),
        sum(line.system_s for line in lines),
        sum(line.rss_mb for line in lines),
        sum(line.switches for line in lines),
    )


def _wire(runs: list[Run], share: float) -> WireLine | None:
    wires = [run.cost.wire for run in runs]
    payload = [wire.sent_payload + wire.received_payload for wire in wires]
    packets = [wire.sent_bytes + wire.received_bytes for wire in wires]
    if not sum(payload):
        return None
    return WireLine(
        share * sum(wire.sent_payload for wire in wires),
        share * sum(wire.received_payload for wire in wires),
        share * (sum(packets) - sum(payload)) if all(packets) else None,
        share * sum(wire.handshake_bytes for wire in wires),
        max(wire.connections for wire in wires),
        ", ".join(dict.fromkeys(wire.source for wire in wires)),
    )


def _redis(runs: list[Run], share: float) -> RedisLine | None:
    costs = [run.cost.redis for run in runs if run.cost.redis is not None]
    if not costs or len(costs) < len(runs):
        return None

    def per_thousand(field: str) -> float:
        return share * float(sum(getattr(cost, field) for cost in costs))

    return RedisLine(
        per_thousand("commands"),
        per_thousand("transactions"),
        per_thousand("input_bytes"),
        per_thousand("output_bytes"),
        per_thousand("aof_bytes"),
        _flushes(costs, share),
    )


def _flushes(costs: list[RedisCost], share: float) -> float | None:
    known = [cost.flushes for cost in costs if cost.flushes is not None]
    return share * sum(known) if len(known) == len(costs) else None
