"""The ledger audit: every acked identity of the fleet against what each pipeline processed; as table and as JSON.

The sums are `metrics_core.ledger.audit`; here is how to get them from a lab, when to look, and how to tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from rich.table import Table

from control_plane.client import PIPELINES, LabClient, LabUnreachable
from metrics_core.ledger import PipelineAudit, audit

LOOK_EVERY_S: Final = 0.2
LABELS: Final = {"http_redis": "A · HTTP + Redis + RQ", "websocket": "B · WebSocket + memory"}
FED_BY: Final = {"http1": {"http_redis"}, "http2": {"http_redis"}, "websocket": {"websocket"}}
"""Which pipelines get samples, by transport; `twin` feeds both."""
COLUMNS: Final = ("created", "acked", "rejected", "processed", "lost", "duplicates", "unsettled")


@dataclass(frozen=True, slots=True)
class LabAudit:
    """The audits of both pipelines.

    Attributes:
        pipelines: By name.
        fed: Those that get samples at all; the others must only have lost nothing.
    """

    pipelines: dict[str, PipelineAudit]
    fed: set[str] = field(default_factory=lambda: set(PIPELINES))

    def pipeline_ok(self, name: str) -> bool:
        """Whether a pipeline's account balances, and is not empty where samples were sent."""
        found = self.pipelines[name]
        return found.ok or (name not in self.fed and found.lost == 0 and found.unsettled == 0)

    @property
    def ok(self) -> bool:
        """Whether both accounts balance."""
        return all(self.pipeline_ok(name) for name in self.pipelines)

    @property
    def lost(self) -> int:
        """Samples acked and not processed, over both pipelines."""
        return sum(found.lost for found in self.pipelines.values())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form: `ok`, and the counts of each pipeline."""
        return {
            "ok": self.ok,
            "pipelines": {
                name: {column: getattr(found, column) for column in COLUMNS}
                | {"ok": self.pipeline_ok(name), "missing": found.missing}
                for name, found in self.pipelines.items()
            },
        }

    def as_table(self) -> Table:
        """The counts of each pipeline with a verdict, for the terminal."""
        table = Table(title="Ledger (samples)", title_justify="left")
        table.add_column("pipeline", no_wrap=True)
        for column in COLUMNS:
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for name, found in self.pipelines.items():
            verdict = (
                "[green]balanced[/]" if self.pipeline_ok(name) else f"[bold red]{self._why_not(name)}[/]"
            )
            table.add_row(LABELS[name], *(f"{getattr(found, column):,}" for column in COLUMNS), verdict)
        return table

    def _why_not(self, name: str) -> str:
        found = self.pipelines[name]
        if found.lost:
            return "lost"
        return "unsettled" if found.unsettled else "nothing acked"

    def missing_lines(self, most: int = 20) -> list[str]:
        """The lost identities, a line per producer and epoch."""
        lines = [
            f"{name}: lost {producer} epoch {epoch} seq " + ", ".join(_interval(*pair) for pair in intervals)
            for name, found in self.pipelines.items()
            for producer, epochs in found.missing.items()
            for epoch, intervals in epochs.items()
        ]
        return lines if len(lines) <= most else [*lines[:most], f"… and {len(lines) - most} more"]


def _interval(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def fed_by(transport: str) -> set[str]:
    """The pipelines that a fleet of this transport feeds."""
    return FED_BY.get(transport, set(PIPELINES))


async def audit_once(client: LabClient, fed: set[str], fleet: dict[str, Any] | None = None) -> LabAudit:
    """One look: the fleet's ledger first (unless given), so that what it says acked was acked before the rest."""
    known = await client.fleet_ledger() if fleet is None else fleet
    ledgers = {name: await client.pipeline_ledger(name) for name in PIPELINES}
    try:
        return LabAudit({name: audit(known[name], ledger) for name, ledger in ledgers.items()}, fed)
    except (KeyError, TypeError, ValueError) as error:
        raise LabUnreachable(f"a ledger cannot be read: {type(error).__name__} {error}") from error


async def audit_settled(client: LabClient, fed: set[str], within_s: float) -> LabAudit:
    """After a drain: look until the account balances, at most `within_s` seconds; the last look counts."""
    return await _look_until(lambda found: found.ok, client, fed, None, within_s)


async def audit_running(client: LabClient, fed: set[str], within_s: float) -> LabAudit:
    """While samples flow: what the fleet knew acked at one moment, and whether all of it is processed soon after."""
    fleet = await client.fleet_ledger()
    return await _look_until(lambda found: not found.lost, client, fed, fleet, within_s)


async def _look_until(
    enough: Callable[[LabAudit], bool],
    client: LabClient,
    fed: set[str],
    fleet: dict[str, Any] | None,
    within_s: float,
) -> LabAudit:
    deadline = time.monotonic() + within_s
    while True:
        found = await audit_once(client, fed, fleet)
        if enough(found) or time.monotonic() >= deadline:
            return found
        await anyio.sleep(LOOK_EVERY_S)
