"""`fault`: break a part of the running lab, end it, list what there is and what was.

It asks the engine on its socket, so that it works while the dashboard is the part that is broken; where no lab of this
folder runs (in Docker) it asks the control API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import click
from msgspec.structs import asdict
from rich.table import Table

from control_plane.client import LabClient, LabUnreachable
from control_plane.faults.catalog import KINDS, Request
from control_plane.faults.socket import FarEngine, Faults
from control_plane.settings import Settings, command_environ
from control_plane.state import read_record
from control_plane.terminal import Terminal
from metrics_core.errors import LabError, RemoteFault

BY = "cli"
_STATES = {"active": "bold red", "failed": "yellow", "over": "dim"}


@click.command(
    epilog="Kinds: "
    + ", ".join(KINDS)
    + ". Without arguments: what there is and what was. See docs/faults.md."
)
@click.argument("words", nargs=-1, metavar="[KIND TARGET | undo [ID] | reveal ID]")
@click.option("--grade", type=float, metavar="X", help="how much, in the kind's own unit")
@click.option(
    "--for",
    "for_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="how long; 0: until it is undone  [default: the kind's own]",
)
@click.option("--hidden", is_flag=True, help="keep it secret, for a class to find, until it is revealed")
def fault(words: tuple[str, ...], grade: float | None, for_s: float | None, hidden: bool) -> int:
    """Break a part of the running lab on purpose, for a time."""
    settings = Settings.from_environ(command_environ())
    terminal = Terminal()
    return anyio.run(_fault, settings, words, grade, for_s, hidden, terminal)


async def _fault(
    settings: Settings,
    words: tuple[str, ...],
    grade: float | None,
    for_s: float | None,
    hidden: bool,
    terminal: Terminal,
) -> int:
    async with _engine(settings) as engine:
        try:
            await _do(engine, words, grade, for_s, hidden, terminal)
        except RemoteFault as refused:
            raise LabError(refused.detail) from None
    return 0


async def _do(
    engine: Faults,
    words: tuple[str, ...],
    grade: float | None,
    for_s: float | None,
    hidden: bool,
    terminal: Terminal,
) -> None:
    if words[:1] not in (("undo",), ("reveal",), ()):
        if len(words) != 2:
            raise LabError("expected KIND TARGET, such as `fault pause redis`; without words it lists all")
        request = Request(*words, grade=grade, hidden=hidden)
        if for_s is not None:
            request.for_s = for_s
        found = await engine.begin(request, BY)
        terminal.say(f"fault {found['id']}: {found['text']}", "bold magenta")
        return
    if grade is not None or for_s is not None or hidden:
        raise LabError("--grade, --for and --hidden go with KIND TARGET")
    if not words:
        show(await engine.listing(), terminal)
    elif words[0] == "reveal" and len(words) == 2:
        terminal.say((await engine.reveal(_id(words[1])))["text"])
    elif words == ("undo",):
        await engine.undo_all()
        terminal.say("no fault is active")
    elif words[0] == "undo" and len(words) == 2:
        found = await engine.undo(_id(words[1]))
        terminal.say(f"fault {found['id']} is over: {found['text']}")
    else:
        raise LabError("expected `fault undo`, `fault undo ID` or `fault reveal ID`")


def _id(text: str) -> int:
    if not (text.isdecimal() and text.isascii()):
        raise LabError(f"{text:.20}: expected the number of a fault; `fault` lists them")
    return int(text)


def show(listing: dict[str, Any], terminal: Terminal) -> None:
    """The catalogue, and the faults so far, as tables."""
    table = Table("kind", "targets", "grade", "seconds", "what it does")
    for entry in listing["catalog"]:
        grade, targets = entry["grade"], entry["targets"]
        shown = ", ".join(targets[:9]) + (" …" if len(targets) > 9 else "")
        amount = f"{grade['default']:g} {grade['unit']}" if grade else "–"
        seconds = f"{entry['default_for_s']:g}" if entry["undoable"] else "–"
        meaning = entry["meaning"] if entry["available"] else f"not here: {entry['why_not']}"
        table.add_row(
            entry["kind"], shown, amount, seconds, meaning, style=None if entry["available"] else "dim"
        )
    terminal.show(table)
    if not listing["faults"]:
        terminal.say("no fault so far; begin one with `fault KIND TARGET`")
        return
    past = Table("id", "state", "fault", "well again after")
    for found in listing["faults"]:
        well = "–" if found["recovered_s"] is None else f"{found['recovered_s']:g} s"
        past.add_row(str(found["id"]), found["state"], found["text"], well, style=_STATES[found["state"]])
    terminal.show(past)


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Faults]:
    record = read_record(settings.state_dir)
    if record and record.faults_socket:
        yield FarEngine(Path(record.faults_socket))
        return
    try:
        async with LabClient(settings.urls, settings.token) as client:
            yield _OverHttp(client)
    except LabUnreachable as error:
        raise LabUnreachable(f"no lab runs here ({error}); start one with `python3 lab.py up`") from None


class _OverHttp:
    """The engine behind the control API."""

    def __init__(self, client: LabClient) -> None:
        self._client = client

    async def listing(self) -> dict[str, Any]:
        return await self._client.call("GET", "dashboard", "/api/faults")

    async def begin(self, request: Request, by: str) -> dict[str, Any]:
        body = {name: value for name, value in asdict(request).items() if name != "for_s"}
        if isinstance(request.for_s, int | float):
            body["for_s"] = request.for_s
        return await self._client.call("POST", "dashboard", "/api/faults", body)

    async def undo(self, fault_id: int) -> dict[str, Any]:
        return await self._client.call("POST", "dashboard", f"/api/faults/{fault_id}/undo")

    async def reveal(self, fault_id: int) -> dict[str, Any]:
        return await self._client.call("POST", "dashboard", f"/api/faults/{fault_id}/reveal")

    async def undo_all(self) -> dict[str, Any]:
        return await self._client.call("POST", "dashboard", "/api/faults/undo")
