"""The ledger audit: every identity of the fleet against what each pipeline knows of it, and when to look.

The order of the looks is part of the proof (`metrics_core/fates.py` says why): the fleet, then a pipeline's
whereabouts, then its ledger, at last the producers' log. The sums are in `metrics_core`; the words in `audit_view.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import anyio
from rich.table import Table

from control_plane.audit_log import FOLDER, SampleLogTail
from control_plane.audit_oracle import Findings, ask_oracle
from control_plane.audit_view import shown_interval
from control_plane.client import PIPELINES, LabClient, LabUnreachable
from metrics_core.fates import PipelineFates, fates_of
from metrics_core.ledger import PipelineAudit, audit

LOOK_EVERY_S: Final = 0.2
MOST_TOLD: Final = 20
LABELS: Final = {"http_redis": "A · HTTP + Redis + RQ", "websocket": "B · WebSocket + memory"}
FED_BY: Final = {"http1": {"http_redis"}, "http2": {"http_redis"}, "websocket": {"websocket"}}
"""Which pipelines get samples, by transport; `twin` feeds both."""
COLUMNS: Final = (
    "created", "acked", "rejected", "processed", "waiting", "dead_lettered", "lost", "duplicates", "unsettled",
    "guests",
)  # fmt: skip
_IF_ANY: Final = ("waiting", "dead_lettered", "guests")
"""Columns of the table that are left out where they are empty, so that it fits a terminal."""


@dataclass(frozen=True, slots=True)
class LabAudit:
    """The audits of both pipelines, of one look.

    Attributes:
        pipelines: By name.
        fed: Those that get samples at all; the others must only have lost nothing.
        fates: What became of every sample, by pipeline.
        oracle: What the oracle finds, by pipeline; empty where it was not asked, or the producers kept no log.
    """

    pipelines: dict[str, PipelineAudit]
    fed: set[str] = field(default_factory=lambda: set(PIPELINES))
    fates: dict[str, PipelineFates] = field(default_factory=dict)
    oracle: Findings = field(default_factory=dict)

    def pipeline_ok(self, name: str) -> bool:
        """Whether a pipeline's account balances, and is not empty where samples were sent."""
        found = self.pipelines[name]
        empty = name not in self.fed and found.lost == 0 and found.unsettled == 0
        return (found.ok or empty) and not self.wrong(name)

    def wrong(self, name: str) -> list[str]:
        """The equations that do not hold, and what the oracle finds wrong."""
        equations = self.fates[name].equations if name in self.fates else []
        unequal = [f"{each.text}: {each.left} ≠ {each.right}" for each in equations if not each.holds]
        return unequal + [finding.as_line() for finding in self.oracle.get(name, []) if not finding.ok]

    @property
    def ok(self) -> bool:
        """Whether both accounts balance."""
        return all(self.pipeline_ok(name) for name in self.pipelines)

    @property
    def lost(self) -> int:
        """Samples acked and not held by any part of their pipeline, over both pipelines."""
        return sum(found.lost for found in self.pipelines.values())

    @property
    def waiting(self) -> int:
        """Samples acked and on the way to the aggregates, over both pipelines."""
        return sum(found.waiting for found in self.pipelines.values())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form: `ok`, and the counts of each pipeline."""
        return {
            "ok": self.ok,
            "pipelines": {
                name: {column: getattr(found, column) for column in COLUMNS}
                | {
                    "ok": self.pipeline_ok(name),
                    "missing": found.missing,
                    "wrong": self.wrong(name)[:MOST_TOLD],
                }
                for name, found in self.pipelines.items()
            },
        }

    def as_table(self) -> Table:
        """The counts of each pipeline with a verdict, for the terminal."""
        table = Table(title="Ledger (samples)", title_justify="left")
        table.add_column("pipeline", no_wrap=True)
        columns = [column for column in COLUMNS if column not in _IF_ANY or self._any(column)]
        for column in columns:
            table.add_column(column.replace("_", "-"), justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for name, found in self.pipelines.items():
            verdict = (
                "[green]balanced[/]" if self.pipeline_ok(name) else f"[bold red]{self._why_not(name)}[/]"
            )
            table.add_row(LABELS[name], *(f"{getattr(found, column):,}" for column in columns), verdict)
        return table

    def _any(self, column: str) -> bool:
        return any(getattr(found, column) for found in self.pipelines.values())

    def _why_not(self, name: str) -> str:
        found = self.pipelines[name]
        whys = {"lost": found.lost, "waiting": found.waiting, "unsettled": found.unsettled}
        whys |= {"does not add up": len(self.wrong(name))}
        return next((why for why, n in whys.items() if n), "nothing acked")

    def oracle_lines(self) -> list[str]:
        """What the oracle says of each pipeline, where it was asked."""
        return [
            f"oracle on {name}: " + "; ".join(finding.as_line() for finding in findings[:MOST_TOLD])
            for name, findings in self.oracle.items()
        ]

    def missing_lines(self, most: int = MOST_TOLD) -> list[str]:
        """The lost identities, a line per producer and epoch, and what does not add up."""
        lines = [
            f"{name}: lost {producer} epoch {epoch} seq "
            + ", ".join(shown_interval(*pair) for pair in intervals)
            for name, found in self.pipelines.items()
            for producer, epochs in found.missing.items()
            for epoch, intervals in epochs.items()
        ]
        lines += [f"{name}: {line}" for name in self.pipelines for line in self.wrong(name)]
        return lines if len(lines) <= most else [*lines[:most], f"… and {len(lines) - most} more"]


def fed_by(transport: str) -> set[str]:
    """The pipelines that a fleet of this transport feeds."""
    return FED_BY.get(transport, set(PIPELINES))


async def audit_once(
    client: LabClient, fed: set[str], fleet: dict[str, Any] | None = None, log: SampleLogTail | None = None
) -> LabAudit:
    """One look: the fleet's ledger first (unless given), so that what it says acked was acked before the rest.

    Args:
        client: Asks the lab.
        fed: The pipelines that get samples.
        fleet: The fleet's ledger, of an earlier look.
        log: The producers' own log, where it can be read.

    Raises:
        LabUnreachable: A part does not answer, or not as it should.
    """
    known = await client.fleet_ledger() if fleet is None else fleet
    asked = {name: (await client.whereabouts(name), await client.pipeline_ledger(name)) for name in PIPELINES}
    logged = None if log is None else await anyio.to_thread.run_sync(log.look)
    try:
        return LabAudit(
            {name: audit(known[name], ledger, places) for name, (places, ledger) in asked.items()},
            fed,
            {
                name: fates_of(name, known[name], places, ledger, logged)
                for name, (places, ledger) in asked.items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabUnreachable(f"a ledger cannot be read: {type(error).__name__} {error}") from error


async def audit_settled(
    client: LabClient, fed: set[str], within_s: float, run_dir: Path | None = None
) -> LabAudit:
    """After a drain: look until the account balances, at most `within_s` seconds; the last look counts.

    Args:
        client: Asks the lab.
        fed: The pipelines that get samples.
        within_s: How long.
        run_dir: The run's folder, where it is on this machine: then the oracle is asked, too.

    Raises:
        LabUnreachable: A part does not answer, or not as it should.
    """
    log = SampleLogTail(run_dir / FOLDER) if run_dir else None
    found = await _look_until(lambda found: found.ok, client, fed, None, within_s, log)
    return replace(found, oracle=await ask_oracle(client, run_dir)) if run_dir else found


async def audit_running(
    client: LabClient, fed: set[str], within_s: float, log: SampleLogTail | None = None
) -> LabAudit:
    """While samples flow: what the fleet knew acked at one moment, and whether all of it is processed soon after."""
    fleet = await client.fleet_ledger()
    return await _look_until(lambda found: not found.lost + found.waiting, client, fed, fleet, within_s, log)


async def _look_until(
    enough: Callable[[LabAudit], bool],
    client: LabClient,
    fed: set[str],
    fleet: dict[str, Any] | None,
    within_s: float,
    log: SampleLogTail | None,
) -> LabAudit:
    deadline = time.monotonic() + within_s
    while True:
        found = await audit_once(client, fed, fleet, log)
        if enough(found) or time.monotonic() >= deadline:
            return found
        await anyio.sleep(LOOK_EVERY_S)
