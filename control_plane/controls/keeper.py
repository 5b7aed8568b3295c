"""What only the lab's keeper can change: how many workers run, when the store syncs, and what the event log tells.

Under `up` that is the supervisor's process; the control API asks it over the fault engine's socket (`far.py`). In
containers nobody stands outside: workers are compose's, and the store's settings are Redis's own.
Invariant: a store that is started again keeps the `appendfsync` that was chosen, because its settings file is written
before it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import anyio
import msgspec

from control_plane.child import Child
from control_plane.controls.refusals import NotAvailable, NotDone
from control_plane.controls.turned import Turned
from control_plane.events import EventLog
from control_plane.faults.door import StoreDoor
from control_plane.plan import STORE, WORKER, Plan, worker_spec
from control_plane.settings import Settings
from control_plane.supervisor import Supervisor
from lab_runtime import valkey
from metrics_core.errors import LabError

MOST_WORKERS: Final = 8
OWN_STORE: Final = "the store is your own (LAB_REDIS_URL); the lab changes only what it started"
IN_CONTAINERS: Final = {
    "workers": "in containers workers are compose's: docker compose up -d --scale worker=N",
    "fsync": "in containers Redis keeps what it was started with: set LAB_FSYNC and start it again",
}
_ANCHOR: Final = "dashboard"
"""A child that is always there, in the stage that the workers belong to."""


class Kept(msgspec.Struct):
    """What the keeper keeps.

    Attributes:
        values: By the name of the knob; a value that cannot be seen is None.
        why_not: By the name of the knob, why it cannot be changed here; empty text: it can.
    """

    values: dict[str, Any]
    why_not: dict[str, str]


class Keeper(Protocol):
    """Who keeps the lab, near or far."""

    async def kept(self) -> Kept:
        """What is, and what can be changed."""

    async def keep(self, knob: str, value: int | str) -> Kept:
        """Change one of its knobs; raises `RemoteFault`."""

    async def remember(self, values: Mapping[str, int | str]) -> Kept:
        """The fleet's or pipeline B's knobs were turned: tell them again where such a process is started again."""

    async def tell(self, kind: str, process: str, text: str) -> dict[str, Any]:
        """Put an event into the run's log; gives it."""


class LabKeeper:
    """The keeper of a lab under `up`, in the supervisor's process.

    Args:
        settings: As the lab was started.
        plan: What it was made of.
        supervisor: Keeps the workers.
        door: The way to the store.
        events: The run's log.
        turned: Remembers the knobs of the fleet and of pipeline B.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        supervisor: Supervisor,
        door: StoreDoor,
        events: EventLog,
        turned: Turned,
    ) -> None:
        self._settings, self._plan, self._turned = settings, plan, turned
        self._supervisor, self._door, self._events = supervisor, door, events
        self._fsync = settings.fsync
        self._changing = anyio.Lock()

    async def kept(self) -> Kept:
        """What is, and what can be changed."""
        own = self._plan.redis_socket is None
        values = {"workers": len(self._workers()), "fsync": None if own else self._fsync}
        return Kept(values, {"workers": "", "fsync": OWN_STORE if own else ""})

    async def keep(self, knob: str, value: int | str) -> Kept:
        """Change a knob.

        Raises:
            NotAvailable: It is none of the keeper's, or not to be changed here, or not to that value.
            NotDone: It was tried, and did not take place.
        """
        async with self._changing:
            try:
                if knob == "workers" and isinstance(value, int) and 0 <= value <= MOST_WORKERS:
                    await self._set_workers(value)
                elif knob == "fsync" and value in ("always", "everysec", "no"):
                    await self._set_fsync(str(value))
                else:
                    raise NotAvailable(f"{knob:.40} cannot be set to {value!s:.40}")
            except (NotAvailable, NotDone):
                raise
            except LabError as error:
                raise NotDone(str(error)) from None
        return await self.kept()

    async def remember(self, values: Mapping[str, int | str]) -> Kept:
        """Knobs of the fleet or of pipeline B were turned.

        Raises:
            NotAvailable: One of them is neither's.
        """
        self._turned.remember(values)
        return await self.kept()

    async def tell(self, kind: str, process: str, text: str) -> dict[str, Any]:
        """Put an event into the run's log."""
        return told(self._events, kind, process, text)

    def _workers(self) -> dict[int, str]:
        """The workers' names by number."""
        names = [child.name for child in self._supervisor.children]
        return {int(name.rpartition("-")[2]): name for name in names if name.startswith(f"{WORKER}-")}

    async def _set_workers(self, wanted: int) -> None:
        running = self._workers()
        stage = next(
            stage for stage in self._supervisor.stages if any(child.name == _ANCHOR for child in stage)
        )
        before = next(child.name for child in stage if not child.name.startswith(f"{WORKER}-"))
        for number in range(1, wanted + 1):
            if number not in running:
                spec = worker_spec(self._settings, self._plan.redis_url, number)
                await self._supervisor.add(Child(spec, self._settings.run_dir), before)
        async with anyio.create_task_group() as group:
            for number, name in running.items():
                if number > wanted:
                    group.start_soon(self._supervisor.remove, name)

    async def _set_fsync(self, word: str) -> None:
        socket = self._plan.redis_socket
        if socket is None:
            raise NotAvailable(OWN_STORE)
        before = self._fsync
        try:
            valkey.write_config(self._settings.run_dir, socket, word)
            async with self._door.connect() as client:
                await client.config_set("appendfsync", word)
        except (LabError, OSError) as error:
            valkey.write_config(self._settings.run_dir, socket, before)
            raise NotDone(f"{STORE} keeps appendfsync {before}: {error}") from None
        self._fsync = word


class InsideKeeper:
    """The keeper of a lab in containers: it keeps the event log alone.

    Args:
        events: The log.
        seen: The settings that are shown as they were given.
        turned: Remembers the knobs of the fleet and of pipeline B.
    """

    def __init__(self, events: EventLog, seen: dict[str, Any], turned: Turned) -> None:
        self._events, self._seen, self._turned = events, seen, turned

    async def kept(self) -> Kept:
        """What was set at the start, and why it cannot be changed."""
        return Kept(self._seen, IN_CONTAINERS)

    async def keep(self, knob: str, value: int | str) -> Kept:
        """Nothing can be changed.

        Raises:
            NotAvailable: Always; the text says how else.
        """
        raise NotAvailable(IN_CONTAINERS.get(knob, f"{knob:.40} is no knob of the keeper"))

    async def remember(self, values: Mapping[str, int | str]) -> Kept:
        """Knobs of the fleet or of pipeline B were turned; raises as `LabKeeper.remember` does."""
        self._turned.remember(values)
        return await self.kept()

    async def tell(self, kind: str, process: str, text: str) -> dict[str, Any]:
        """Put an event into the log."""
        return told(self._events, kind, process, text)


def told(events: EventLog, kind: str, process: str, text: str) -> dict[str, Any]:
    """Put an event of a control into a log.

    Raises:
        NotAvailable: Controls tell no events of that kind.
    """
    if kind not in ("control", "marker", "phone"):
        raise NotAvailable(f"no event of the kind {kind:.20} can be told")
    event: dict[str, Any] = msgspec.to_builtins(events.add(kind, process, text))
    return event
