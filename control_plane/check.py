"""`check`: the preflight before class. Starts the lab on free ports, tries what the demos show, stops it.

Each check stands alone: one that fails does not keep the next ones from being tried. The lab has a state folder of its
own, so that a lab that runs already is not disturbed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import msgspec
from rich.table import Table

from control_plane.audit import audit_settled, fed_by
from control_plane.client import LabClient
from control_plane.events import Event
from control_plane.feed_client import until_moving, verdict_of_b
from control_plane.interrupts import run_interruptible
from control_plane.session import Session, running_lab
from control_plane.settings import Settings
from control_plane.supervisor import Supervisor
from control_plane.terminal import Terminal
from control_plane.tls import trusted
from control_plane.token import guarded_environ
from control_plane.up import write_json
from metrics_core.errors import LabError

MOVES_WITHIN_S: Final = 8.0
BACK_WITHIN_S: Final = 10.0
DRAINED_WITHIN_S: Final = 15.0
OVERRIDES: Final = {"LAB_SERVERS": "20", "LAB_RATE": "2", "LAB_TRANSPORT": "twin", "LAB_WORKERS": "2"}
BAD_SAMPLE: Final = (
    b'{"producer": "check", "epoch": 1, "seq": 0, "sampled_at_us": 1, "cpu_percent": 250, "memory_percent": 1,'
    b' "disk_percent": 1, "net_rx_bytes_per_s": 0, "net_tx_bytes_per_s": 0}'
)


@dataclass(frozen=True, slots=True)
class Result:
    """One check: what was tried, whether it holds, what was seen."""

    name: str
    ok: bool
    seen: str


async def check(environ: Mapping[str, str], json_path: Path | None, terminal: Terminal) -> int:
    """Run all checks and show them.

    Returns:
        The exit code: 0 if all hold, else 1.
    """
    base = Settings.from_environ(environ)
    ours = {"LAB_STATE_DIR": str(base.state_dir / "check"), "LAB_RUN": "", "LAB_REDIS_URL": ""}
    settings = Settings.from_environ({**guarded_environ(environ)[0], **OVERRIDES, **ours})
    terminal.say("starting a lab of its own on free ports; about 15 seconds")

    async def body(on_supervisor: Callable[[Supervisor], None]) -> int:
        results = await _try_all(settings, terminal, on_supervisor)
        ok = all(result.ok for result in results)
        terminal.show(_table(results))
        terminal.say("all checks hold" if ok else "not all checks hold", "bold green" if ok else "bold red")
        found = [{"name": result.name, "ok": result.ok, "seen": result.seen} for result in results]
        write_json(json_path, {"ok": ok, "checks": found})
        return 0 if ok else 1

    return await run_interruptible(body, terminal)


async def _try_all(
    settings: Settings, terminal: Terminal, on_supervisor: Callable[[Supervisor], None]
) -> list[Result]:
    results: list[Result] = []
    begun = time.monotonic()

    def warn(event: Event) -> None:
        if event.kind == "warning" and not event.text.startswith("ports "):
            terminal.event(event)

    try:
        async with running_lab(settings, warn, on_supervisor) as session:
            results.append(Result("every process gets ready", True, f"{time.monotonic() - begun:.1f} s"))
            for name, look in CHECKS.items():
                results.append(await _result(name, look, session))
        left = [child.name for child in session.supervisor.children if child.record.state != "stopped"]
        results.append(Result("all processes end", not left, ", ".join(left) or "none left"))
    except LabError as error:
        results.append(Result("every process gets ready", False, str(error)))
    return results


async def _result(name: str, look: Callable[[Session], Awaitable[str]], session: Session) -> Result:
    try:
        return Result(name, True, await look(session))
    except (LabError, TimeoutError, httpx2.HTTPError) as error:
        return Result(name, False, str(error) or type(error).__name__)


def _table(results: list[Result]) -> Table:
    table = Table(title="Preflight", title_justify="left")
    for column in ("check", "", "seen"):
        table.add_column(column, overflow="fold")
    for result in results:
        table.add_row(result.name, "[green]ok[/]" if result.ok else "[bold red]fails[/]", result.seen)
    return table


async def _feed_a(session: Session) -> str:
    return await _feed(session, "feed_a")


async def _feed_b(session: Session) -> str:
    return await _feed(session, "feed_b")


async def _feed(session: Session, part: str) -> str:
    settings = session.settings
    snapshot = await until_moving(settings.urls[part], settings.token, MOVES_WITHIN_S)
    latency = snapshot["latency_ms"]["processed"]
    return f"{len(snapshot['producers'])} servers, processed p50 {latency['p50']:g} ms, p99 {latency['p99']:g} ms"


async def _page(session: Session) -> str:
    async with httpx2.AsyncClient(timeout=5, trust_env=False, verify=trusted()) as client:
        sizes = []
        for path in ("", "vendor/chart.js"):
            answer = await client.get(session.settings.urls["dashboard"] + path)
            answer.raise_for_status()
            sizes.append(len(answer.content))
    return f"page {sizes[0]:,} bytes, Chart.js {sizes[1]:,} bytes"


async def _verdicts(session: Session) -> str:
    """The same bad sample gets the same verdict, word for word."""
    settings = session.settings
    headers = {"content-type": "application/json"}
    if settings.token:
        headers["authorization"] = f"Bearer {settings.token}"
    async with httpx2.AsyncClient(timeout=5, trust_env=False, verify=trusted(), headers=headers) as client:
        answer = await client.post(f"{settings.urls['ingest']}/v1/samples", content=BAD_SAMPLE)
    by_a: dict[str, Any] = msgspec.json.decode(answer.content)
    by_b = await verdict_of_b(f"{settings.urls['pipeline_b']}/v1/ingest", settings.token, BAD_SAMPLE)
    said_a, said_b = ((found.get("error"), found.get("detail")) for found in (by_a, by_b))
    if answer.status_code != 422 or by_b.get("type") != "reject" or said_a != said_b:
        raise LabError(f"A: {answer.status_code} {by_a}; B: {by_b}")
    return f"both: {said_a[1]}"


async def _killed_worker(session: Session) -> str:
    worker = session.supervisor.child("worker-1")
    pid, restarts, begun = worker.record.pid, worker.record.restarts, time.monotonic()
    worker.signal(signal.SIGKILL)
    with anyio.fail_after(BACK_WITHIN_S):
        while worker.record.restarts == restarts or worker.record.state != "ready":
            await anyio.sleep(0.05)
    await until_moving(session.settings.urls["feed_a"], session.settings.token, MOVES_WITHIN_S)
    return f"pid {pid} killed; pid {worker.record.pid} after {time.monotonic() - begun:.1f} s, feed A moves"


async def _ledger(session: Session) -> str:
    settings = session.settings
    async with LabClient(settings.urls, settings.token) as client:
        await client.drain()
        found = await audit_settled(client, fed_by(settings.transport), DRAINED_WITHIN_S, settings.run_dir)
    counts = "; ".join(
        f"{letter}: {part.acked:,} acked, {part.processed:,} processed, {part.lost} lost, {part.unsettled} unsettled"
        for letter, part in zip("AB", found.pipelines.values(), strict=True)
    )
    if not found.ok:
        raise LabError("; ".join([counts, *found.missing_lines()]))
    return counts


CHECKS: Final[dict[str, Callable[[Session], Awaitable[str]]]] = {
    "feed A moves": _feed_a,
    "feed B moves": _feed_b,
    "the page and Chart.js are served": _page,
    "a bad sample gets the same verdict on both": _verdicts,
    "a killed worker comes back": _killed_worker,
    "the ledger balances after a drain": _ledger,
}
"""What is tried, in this order (the last one stops the fleet)."""
