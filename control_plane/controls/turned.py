"""What the fleet's and pipeline B's knobs were turned to, and telling it again to one that was started again.

Such a process begins with what the lab was started with. Under `up` the supervisor's process remembers, which outlives
them all, and sees each start. In containers the control API does, and compares now and then.
Where somebody turns a knob meanwhile, the newer value wins: what is told is read when it is told.
Not here: the workers and the store's `appendfsync`, which the supervisor itself keeps (`keeper.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio

from control_plane.child import Child
from control_plane.client import LabClient, LabUnreachable
from control_plane.controls.doors import PipelineDoor
from control_plane.controls.knobs import FLEET, PIPELINE_B, PLACES
from control_plane.controls.refusals import NotAvailable
from control_plane.events import EventLog
from control_plane.faults.background import Background
from metrics_core.errors import LabError

OF_PROCESS: Final = {"fleet": FLEET, "websocket": PIPELINE_B}
"""By the name of the process: whose knobs it holds."""

TRIES: Final = 10
PAUSE_S: Final = 0.5
LOOK_EVERY_S: Final = 2.0
WITHIN_S: Final = 10.0

Turn = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Turns knobs, or none; gives how all of that place stand."""


def knob_turners(client: LabClient, urls: Mapping[str, str], token: str) -> dict[str, Turn]:
    """How the knobs of each place are turned."""
    door = PipelineDoor(urls["pipeline_b"], token)

    async def of_fleet(values: dict[str, Any]) -> Mapping[str, Any]:
        try:
            with anyio.fail_after(WITHIN_S):
                return await client.call("POST", "fleet", "/api/fleet", values)
        except TimeoutError:
            raise LabUnreachable(f"the fleet does not answer within {WITHIN_S:g} s") from None

    return {FLEET: of_fleet, PIPELINE_B: door.ask}


class Turned:
    """Remembers turned knobs.

    Args:
        turns: By place, how its knobs are turned.
        events: Where it is told.
        background: For what has to wait for a process.
    """

    def __init__(self, turns: Mapping[str, Turn], events: EventLog, background: Background) -> None:
        self._turns, self._events, self._background = turns, events, background
        self._values: dict[str, dict[str, Any]] = {FLEET: {}, PIPELINE_B: {}}

    def remember(self, values: Mapping[str, int | str]) -> None:
        """Knobs were turned.

        Raises:
            NotAvailable: One is not the fleet's nor pipeline B's; then none is remembered.
        """
        for name in values:
            if PLACES.get(name) not in self._values:
                raise NotAvailable(f"{name:.40} is not remembered here")
        for name, value in values.items():
            self._values[PLACES[name]][name] = value

    def servers(self, at_start: int) -> int:
        """How many servers there are to be."""
        return int(self._values[FLEET].get("servers", at_start))

    def watch(self, child: Child) -> None:
        """A watcher of the supervisor (`Supervisor.watchers`)."""
        if child.record.state == "ready" and self._values.get(OF_PROCESS.get(child.name, "")):
            self._background.start(self.tell_again, child.name)

    async def look_for_ever(self) -> None:
        """Tell again whoever does not stand as remembered, where nobody sees processes start (in containers)."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            for process in OF_PROCESS:
                if await self._differs(process):
                    await anyio.sleep(
                        PAUSE_S
                    )  # somebody may be turning just now: then it is remembered by then
                    if await self._differs(process):
                        await self.tell_again(process)

    async def _differs(self, process: str) -> bool:
        place = OF_PROCESS[process]
        if not self._values[place]:
            return False
        try:
            stands = await self._turns[place]({})
        except LabError:
            return False
        return any(stands.get(name) != value for name, value in self._values[place].items())

    async def tell_again(self, process: str) -> None:
        """Turn the knobs of a process to what they were, until it answers; the newest failure is told."""
        place, failure = OF_PROCESS[process], ""
        for _ in range(TRIES):
            values = dict(self._values[place])
            try:
                await self._turns[place](values)
            except LabError as error:
                failure = str(error)
                await anyio.sleep(PAUSE_S)
                continue
            told = ", ".join(f"{name} {value}" for name, value in values.items())
            text = f"{process} was started again, and its knobs are as before: {told}"
            self._events.add("control", process, text)
            return
        text = f"{process} was started again, and its knobs are not as before: {failure}"
        self._events.add("warning", process, text)
