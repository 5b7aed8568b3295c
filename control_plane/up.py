"""`up`: start the lab, say where it is, keep it until it is stopped; with `--for`, audit it at the end.

Not here: starting and stopping itself (`session.py`), signals (`interrupts.py`), the sums of the audit (`audit.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from rich.markup import escape
from rich.table import Table

from control_plane.audit import LabAudit, audit_settled, fed_by
from control_plane.client import LabClient, LabUnreachable
from control_plane.interrupts import INTERRUPTED, run_interruptible
from control_plane.open_page import open_browser, opener
from control_plane.session import Session, running_lab
from control_plane.settings import Settings
from control_plane.supervisor import Supervisor
from control_plane.terminal import Terminal
from control_plane.tls import own_addresses
from control_plane.token import with_token
from lab_runtime.guards import WILDCARDS
from lab_runtime.tls import TlsFiles
from metrics_core.errors import LabError

DRAINED_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `up` does besides running the lab.

    Attributes:
        for_s: Stop by itself after so many seconds and audit; None: run until stopped.
        json_path: Where the audit is written; None: nowhere.
        open_browser: Show the dashboard when all is ready.
    """

    for_s: float | None = None
    json_path: Path | None = None
    open_browser: bool = True


async def up(settings: Settings, options: UpOptions, terminal: Terminal) -> int:
    """Run a lab.

    Returns:
        The exit code: 0 after a stop that was asked for or a balanced audit, 1 after an audit that is not balanced,
        130 where `--for` was cut off.

    Raises:
        LabError: It cannot be started.
    """

    async def body(on_supervisor: Callable[[Supervisor], None]) -> int:
        begun = time.monotonic()
        async with running_lab(settings, terminal.event, on_supervisor) as session:
            return await _run(session, options, terminal, begun)

    code_when_stopped = 0 if options.for_s is None else INTERRUPTED
    return await run_interruptible(body, terminal, code_when_stopped)


async def _run(session: Session, options: UpOptions, terminal: Terminal, begun: float) -> int:
    terminal.say(f"the lab is up after {time.monotonic() - begun:.1f} s")
    terminal.show(_table(session))
    with opener(dashboard_url(session.settings)) as place:
        if options.open_browser and not await anyio.to_thread.run_sync(
            open_browser, place, abandon_on_cancel=True
        ):
            terminal.say("no browser here to open; the dashboard is at the address above")
        if options.for_s is None:
            terminal.say("press Ctrl-C to stop")
            await anyio.sleep_forever()
            return 0
        terminal.say(f"stops by itself after {options.for_s:g} s; Ctrl-C stops it now, without an audit")
        await anyio.sleep(options.for_s)
        return await _audit(session, options, terminal)


async def _audit(session: Session, options: UpOptions, terminal: Terminal) -> int:
    settings = session.settings
    await session.faults.undo_all()
    terminal.say("draining: the fleet makes no more samples and sends what it holds")
    try:
        async with LabClient(settings.urls, settings.token) as client:
            await client.drain()
            found = await audit_settled(
                client, fed_by(settings.transport), DRAINED_WITHIN_S, settings.run_dir
            )
    except LabUnreachable as error:
        terminal.say(f"no audit: {error}", "bold red")
        write_json(options.json_path, {"ok": False, "error": str(error), "pipelines": {}} | _context(session))
        return 1
    tell_audit(found, terminal)
    write_json(options.json_path, found.as_dict() | _context(session))
    return 0 if found.ok else 1


def tell_audit(found: LabAudit, terminal: Terminal) -> None:
    """Show an audit, and name what was lost."""
    terminal.show(found.as_table())
    for line in found.oracle_lines():
        terminal.say(line)
    for line in found.missing_lines():
        terminal.say(line, "red")


def write_json(path: Path | None, value: dict[str, Any]) -> None:
    """Write an audit where the user wants it.

    Raises:
        LabError: It cannot be written there.
    """
    if path is None:
        return
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    except OSError as error:
        raise LabError(f"--json {path}: cannot be written ({error.strerror})") from None


def _context(session: Session) -> dict[str, Any]:
    settings = session.settings
    return {
        "run": settings.run,
        "settings": {
            name: getattr(settings, name)
            for name in ("servers", "rate", "seed", "transport", "workers", "fsync")
        },
        "restarts": {child.name: child.record.restarts for child in session.supervisor.children},
    }


def dashboard_url(settings: Settings) -> str:
    """The page, with the token in the fragment, which browsers keep to themselves."""
    return with_token(settings.urls["dashboard"], settings.token)


def _table(session: Session) -> Table:
    settings, urls = session.settings, session.settings.urls
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="fold")
    table.add_row("dashboard", f"[bold]{escape(dashboard_url(settings))}[/]")
    for address in own_addresses() if settings.host in WILDCARDS else ():
        url = with_token(replace(settings, host=address).urls["dashboard"], settings.token)
        table.add_row("… for others", escape(url))
    table.add_row("A · HTTP + Redis + RQ", f"POST {urls['ingest']}/v1/samples   feed {urls['feed_a']}")
    table.add_row("B · WebSocket + memory", f"{urls['pipeline_b']}/v1/ingest   feed {urls['feed_b']}")
    fleet = f"{settings.servers} servers, {settings.rate:g} samples/s each, {settings.transport}"
    table.add_row("fleet", f"{urls['fleet']}/api/servers   {fleet}")
    table.add_row("store", shown_store(settings))
    if settings.tls:
        table.add_row("TLS", f"browsers and clients import {TlsFiles.under(settings.state_dir).ca}")
    table.add_row("logs", str(settings.run_dir))
    return table


def shown_store(settings: Settings) -> str:
    """Which store the lab uses, without a password that its URL may hold."""
    scheme, separator, rest = settings.redis_url.partition("://")
    if not separator:
        return f"embedded Valkey, appendfsync {settings.fsync}"
    return f"{scheme}://{rest.rpartition('@')[2]}"
