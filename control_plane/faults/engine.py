"""Begins faults, ends them, records them, and measures how long the lab takes to be well again.

One fault's life: reserved (no second one like it can begin) → begun by its actuator → active until its time is up, it
is undone or the lab stops → over → well again. Each step is an event, so that every chart can show it.
Invariants: an active fault's undo is called exactly once, and before the lab stops its parts (`__aexit__`); at most
`MOST_ACTIVE` faults are active; the newest `KEPT` are remembered.
Not here: what a fault does (`actuators.py`), and how requests get here (`line.py`, `routes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import anyio
import msgspec

from control_plane.events import EventLog
from control_plane.faults.actuators import (
    Actuator,
    FaultActive,
    FaultFailed,
    FaultRefused,
    Recovery,
    Undo,
    UnknownFault,
)
from control_plane.faults.background import Background
from control_plane.faults.catalog import KINDS, Order, Request, check, entry, kind_named, sentence
from metrics_core.errors import LabError

KEPT: Final = 200
MOST_ACTIVE: Final = 50
BEGIN_WITHIN_S: Final = 8.0
UNDO_WITHIN_S: Final = 5.0
UNDO_AT_STOP_WITHIN_S: Final = 1.5
WELL_WITHIN_S: Final = 120.0
UNTOLD: Final = "?"


class Fault(msgspec.Struct):
    """One fault, as `GET /api/faults` shows it.

    Attributes:
        state: active, over, or failed: it did not take place.
        ended_us: When its effect ended, µs since 1970.
        recovered_s: From there until the part was well again; None: not yet, or not within `WELL_WITHIN_S`.
        hidden: Whether its kind and target are secret still.
        by: Who asked for it: page, script, cli, scenario, or what a script calls itself.
    """

    id: int
    kind: str
    target: str
    grade: float | None
    for_s: float | None
    state: str
    began_us: int
    hidden: bool
    by: str
    text: str
    ended_us: int | None = None
    recovered_s: float | None = None

    def shown(self) -> dict[str, Any]:
        """As everyone may see it."""
        view: dict[str, Any] = msgspec.to_builtins(self)
        if self.hidden:
            view |= {"kind": UNTOLD, "target": UNTOLD, "grade": None, "for_s": None, "text": self.name}
        return view

    @property
    def name(self) -> str:
        """In events: what it is, or that it is secret."""
        return (
            f"hidden fault {self.id}"
            if self.hidden
            else sentence(self.kind, self.target, self.grade, self.for_s)
        )


class _Life:
    """What the engine holds of a fault that is active."""

    def __init__(self, fault: Fault, undo: Undo | None, before: object) -> None:
        self.fault, self.undo, self.before = fault, undo, before
        self.ended = anyio.Event()


class FaultEngine:
    """The faults of one lab. Used as an async context; all is undone when it is left.

    Args:
        actuators: Who acts; a kind that none of them does is not available.
        recovery: Sees when a part is well again.
        events: Where to tell.
        now_us: The clock of records.
    """

    def __init__(
        self, actuators: Sequence[Actuator], recovery: Recovery, events: EventLog, now_us: Callable[[], int]
    ) -> None:
        self._by_kind = {kind: actuator for actuator in actuators for kind in actuator.kinds}
        self._recovery = recovery
        self._events = events
        self._now_us = now_us
        self._faults: list[Fault] = []
        self._last_id = 0
        self._active: dict[tuple[str, str], _Life | None] = {}
        self._background = Background(events)

    async def __aenter__(self) -> Self:
        await self._background.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with anyio.move_on_after(UNDO_AT_STOP_WITHIN_S, shield=True):
            await self.undo_all()
        await self._background.__aexit__(kind, error, traceback)

    @property
    def events(self) -> EventLog:
        """Where it tells what happens."""
        return self._events

    async def listing(self) -> dict[str, Any]:
        """What can be broken here, and what was: the answer of `GET /api/faults`."""
        catalog = []
        for kind in KINDS.values():
            actuator = self._by_kind.get(kind.name)
            targets = actuator.targets(kind.name) if actuator else []
            why_not = actuator.why_not(kind.name) if actuator else "this lab has nobody who could do it"
            catalog.append(entry(kind, targets, why_not))
        return {"catalog": catalog, "faults": [fault.shown() for fault in self._faults]}

    async def begin(self, request: Request, by: str) -> dict[str, Any]:
        """Begin a fault; returns when its effect has begun.

        Raises:
            FaultRefused: The request cannot be a fault here.
            FaultActive: The same fault is active on that target, or too many are.
            FaultFailed: It did not take place.
        """
        kind = kind_named(request.kind)
        actuator = self._by_kind.get(kind.name)
        if actuator is None or actuator.why_not(kind.name):
            reason = actuator.why_not(kind.name) if actuator else "this lab has nobody who could do it"
            raise FaultRefused(f"{kind.name} is not available here: {reason}")
        order = check(request, actuator.targets(kind.name))
        key = (kind.name, order.target)
        if key in self._active:
            raise FaultActive(f"{kind.name} on {order.target} is active already; undo it first")
        if kind.undoable and len(self._active) >= MOST_ACTIVE:
            raise FaultActive(f"{MOST_ACTIVE} faults are active; undo some first")
        self._active[key] = None
        try:
            life = await self._try(actuator, order, by)
        except BaseException:
            del self._active[key]
            raise
        if life.undo is None:
            del self._active[key]
            self._over(life)
        else:
            self._active[key] = life
            if order.for_s is not None:
                self._background.start(self._end_after, life, order.for_s)
        return life.fault.shown()

    async def _try(self, actuator: Actuator, order: Order, by: str) -> _Life:
        self._last_id += 1
        kind, target = order.kind.name, order.target
        fault = Fault(
            id=self._last_id,
            kind=kind,
            target=target,
            grade=order.grade,
            for_s=order.for_s,
            state="active",
            began_us=self._now_us(),
            hidden=order.hidden,
            by=by,
            text=sentence(kind, target, order.grade, order.for_s),
        )
        self._faults.append(fault)
        if len(self._faults) > KEPT:  # an active one stays: it must be findable to be undone
            self._faults.remove(next(old for old in self._faults if old.state != "active"))
        before = await self._recovery.before(kind, target)
        try:
            with anyio.fail_after(BEGIN_WITHIN_S):
                undo = await actuator.begin(kind, target, order.grade, order.for_s)
        except (LabError, OSError) as error:  # a TimeoutError is an OSError
            reason = f"not within {BEGIN_WITHIN_S:g} s" if isinstance(error, TimeoutError) else str(error)
            fault.state, fault.ended_us = "failed", self._now_us()
            fault.text = f"{fault.text}: did not take place: {reason}"
            raise FaultFailed("a hidden fault did not take place" if fault.hidden else fault.text) from None
        except BaseException:
            fault.state, fault.ended_us = "failed", self._now_us()
            raise
        fault.began_us = self._now_us()  # not when it was asked for: some take seconds to find their moment
        self._tell("fault", fault, fault.name)
        return _Life(fault, undo, before)

    async def undo(self, fault_id: int) -> dict[str, Any]:
        """End a fault's effect; nothing where it is over already.

        Raises:
            UnknownFault: There is none with this id.
        """
        fault = self._fault(fault_id)
        await self._end_all([life for life in self._active.values() if life and life.fault is fault])
        return fault.shown()

    async def undo_all(self) -> dict[str, Any]:
        """End every fault's effect, the newest first; returns what `listing` does."""
        await self._end_all([life for life in self._active.values() if life])
        return await self.listing()

    async def _end_all(self, lives: list[_Life]) -> None:
        """In tasks of the engine: whoever asked may go away in the middle."""
        for life in reversed(lives):
            self._background.start(self._end, life)
        for life in lives:
            await life.ended.wait()

    async def reveal(self, fault_id: int) -> dict[str, Any]:
        """Make a hidden fault known.

        Raises:
            UnknownFault: There is none with this id.
        """
        fault = self._fault(fault_id)
        if fault.hidden:
            name, fault.hidden = fault.name, False
            self._tell("fault", fault, f"{name} was: {fault.name}")
        return fault.shown()

    def _fault(self, fault_id: int) -> Fault:
        for fault in self._faults:
            if fault.id == fault_id:
                return fault
        raise UnknownFault(f"no fault has the id {fault_id}; the newest {KEPT} are kept")

    async def _end_after(self, life: _Life, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await life.ended.wait()
            return
        await self._end(life)

    async def _end(self, life: _Life) -> None:
        """Undo once; a second caller waits for the first."""
        undo, life.undo = life.undo, None
        if undo is None:
            await life.ended.wait()
            return
        try:
            with anyio.fail_after(UNDO_WITHIN_S):
                await undo()
        except (LabError, OSError) as error:
            reason = f"not within {UNDO_WITHIN_S:g} s" if isinstance(error, TimeoutError) else str(error)
            self._events.add("warning", "lab", f"{life.fault.name}: its undo failed: {reason}")
        finally:
            del self._active[life.fault.kind, life.fault.target]
            self._over(life)
            life.ended.set()

    def _over(self, life: _Life) -> None:
        fault = life.fault
        fault.state, fault.ended_us = "over", self._now_us()
        if KINDS[fault.kind].undoable:
            self._tell("fault_over", fault, f"{fault.name} is over")
        self._background.start(self._watch, life)

    async def _watch(self, life: _Life) -> None:
        fault, over = life.fault, anyio.current_time()
        with anyio.move_on_after(WELL_WITHIN_S):
            await self._recovery.until_well(fault.kind, fault.target, life.before)
            fault.recovered_s = round(anyio.current_time() - over, 2)
            self._tell("recovered", fault, f"well again {fault.recovered_s:g} s after {fault.name}")
            return
        self._events.add("warning", "lab", f"not well again {WELL_WITHIN_S:g} s after {fault.name}")

    def _tell(self, kind: str, fault: Fault, text: str) -> None:
        self._events.add(kind, "lab" if fault.hidden else fault.target, text)
