"""Starts a plan's processes, keeps them running, stops them in reverse.

Theory: one task per child (`_keep`) owns it from first start to last end, so every state change of a child happens in
one place. A crash is an event, never an error: the child is started again after a growing pause, however often. Only
before the lab is up do repeated failures end it, because then the cause is most likely a setting.
Children can be added and taken away while the lab runs (`add`, `remove`).
Invariants: no child outlives `stop()`; `current` names every child before the next one is started.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from typing import Final

import anyio
import anyio.abc

from control_plane.child import Child
from control_plane.events import EventLog
from control_plane.readiness import Prober
from metrics_core.errors import LabError

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
HEALTHY_AFTER_S: Final = 30.0
START_WITHIN_S: Final = 30.0
TRIES_AT_START: Final = 3
TRIM_EVERY_S: Final = 60.0
SETTING_REFUSED: Final = 2  # the exit code of a child that cannot use a setting


class StartFailed(LabError):
    """A child did not get ready, so that the lab does not start; the text says which, why, and where its log is."""


class Supervisor:
    """Keeps the children of a lab.

    Args:
        stages: The children, in the order of their start.
        events: Where to tell what happens.
        prober: Sees whether a child is ready.
        on_change: Called after every change of a child's record.
    """

    def __init__(
        self,
        stages: Iterable[Iterable[Child]],
        events: EventLog,
        prober: Prober,
        on_change: Callable[[], None],
    ) -> None:
        self.stages = [list(stage) for stage in stages]
        self._events = events
        self._prober = prober
        self._on_change = on_change
        self._stopping = anyio.Event()
        self._up = False
        self._failure: StartFailed | None = None
        self._changed = anyio.Event()
        self._hurried: dict[str, anyio.Event] = {}
        self._leaving: set[str] = set()
        self._group: anyio.abc.TaskGroup | None = None
        self.watchers: list[Callable[[Child], None]] = []
        """Called with a child at every change of its state, also right after it was spawned."""

    @property
    def children(self) -> list[Child]:
        """All children, in the order of their start."""
        return [child for stage in self.stages for child in stage]

    def child(self, name: str) -> Child:
        """A child by name."""
        return next(child for child in self.children if child.name == name)

    async def start(self, group: anyio.abc.TaskGroup) -> None:
        """Start stage by stage; the tasks that keep the children live in `group`.

        Raises:
            StartFailed: A child did not get ready.
        """
        self._group = group
        group.start_soon(self._trim_logs)
        for stage in self.stages:
            for child in stage:
                group.start_soon(self._keep, child)
            with anyio.move_on_after(START_WITHIN_S):
                while not self._failure and any(child.record.state != "ready" for child in stage):
                    await self._changed.wait()
            late = [child for child in stage if child.record.state != "ready"]
            if self._failure or late:
                raise self._failure or self._failed(late[0], f"is not ready after {START_WITHIN_S:g} s")
        self._up = True

    def hurry(self, name: str) -> None:
        """Forget that a child crashed often: what waits to start it again does so now, and its next pause is short.

        For crashes that are no fault of its own, and for when their cause has gone.
        """
        self._hurried.setdefault(name, anyio.Event()).set()

    async def add(self, child: Child, before: str) -> None:
        """Keep one more child; returns when it is ready.

        Args:
            child: Started as all are, and stopped with the stage that it joins.
            before: The child that it stands before, in the same stage.

        Raises:
            StartFailed: It is not ready after `START_WITHIN_S`, or the lab stops.
        """
        assert self._group is not None, "not started"
        stage = next(stage for stage in self.stages if any(other.name == before for other in stage))
        stage.insert([other.name for other in stage].index(before), child)
        self._group.start_soon(self._keep, child)
        with anyio.move_on_after(START_WITHIN_S):
            while child.record.state != "ready" and not self._ends(child):
                await self._changed.wait()
        if child.record.state != "ready":
            raise self._failed(child, f"is not ready after {START_WITHIN_S:g} s")

    async def remove(self, name: str) -> None:
        """Stop a child and keep it no longer; returns when it has ended."""
        child = self.child(name)
        self._leaving.add(name)
        self.hurry(name)  # it may be waiting to be started again
        await child.stop()
        while child in self.children:
            await self._changed.wait()

    def _ends(self, child: Child) -> bool:
        return self._stopping.is_set() or child.name in self._leaving

    async def stop(self) -> None:
        """Stop all in reverse; returns when all have ended. A second call does nothing more."""
        self._stopping.set()
        for stage in reversed(self.stages):
            async with anyio.create_task_group() as group:
                for child in stage:
                    group.start_soon(child.stop)

    def kill_all(self) -> None:
        """End every child at once."""
        self._stopping.set()
        for child in self.children:
            child.signal(signal.SIGKILL, group=True)

    async def _keep(self, child: Child) -> None:
        with anyio.CancelScope(shield=True):  # cut off between fork and record, a child would be nobody's
            await self._run(child)

    async def _run(self, child: Child) -> None:
        pause_s, failures, crashed_at = FIRST_PAUSE_S, 0, 0.0
        while not self._ends(child):
            begun = time.monotonic()
            try:
                await child.spawn()
            except OSError as error:
                self._fail(self._failed(child, f"cannot be started: {error}"))
                code = -1
            else:
                self._set(child, "starting")
                code = await self._watch(child, crashed_at)
            if self._ends(child):
                break
            was_ready = child.record.state == "ready"
            failures = 0 if was_ready else failures + 1
            if not self._up and (code == SETTING_REFUSED or failures >= TRIES_AT_START):
                self._fail(self._failed(child, describe_exit(code)))
                break
            crashed_at = time.monotonic()
            hurried = self._hurried.get(child.name)
            if crashed_at - begun > HEALTHY_AFTER_S or (hurried and hurried.is_set()):
                pause_s = FIRST_PAUSE_S
            self._hurried[child.name] = hurried = anyio.Event()
            child.record.restarts += 1
            self._set(child, "backoff")
            text = f"{child.name} {describe_exit(code)}; starting it again in {pause_s:g} s"
            self._events.add("crashed", child.name, text)
            await self._pause(pause_s, hurried)
            pause_s = FIRST_PAUSE_S if hurried.is_set() else min(2 * pause_s, LONGEST_PAUSE_S)
        if child.name in self._leaving:
            self._forget(child)
        self._set(child, "stopped")

    def _forget(self, child: Child) -> None:
        for stage in self.stages:
            if child in stage:
                stage.remove(child)
        self._leaving.discard(child.name)
        self._hurried.pop(child.name, None)

    async def _pause(self, seconds: float, hurried: anyio.Event) -> None:
        """Until the time is up, the lab stops, or the child is hurried."""

        async def cut_short() -> None:
            await hurried.wait()
            scope.cancel()

        with anyio.move_on_after(seconds) as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(cut_short)
                await self._stopping.wait()
                group.cancel_scope.cancel()

    async def _watch(self, child: Child, crashed_at: float) -> int:
        """See a running child get ready, and wait for its end."""
        if self._ends(child):  # asked for while the child was being started
            await child.stop()
        async with anyio.create_task_group() as group:
            group.start_soon(self._announce_ready, child, time.monotonic(), crashed_at)
            code = await child.wait()
            group.cancel_scope.cancel()
        return code

    async def _announce_ready(self, child: Child, begun: float, crashed_at: float) -> None:
        await self._prober.until_ready(child.spec.probe)
        if crashed_at:
            away_s = time.monotonic() - crashed_at
            text = f"{child.name} is back after {away_s:.1f} s (pid {child.record.pid})"
            self._events.add("restarted", child.name, text)
        else:
            took_s = time.monotonic() - begun
            self._events.add("ready", child.name, f"{child.name} is ready after {took_s:.1f} s")
        self._set(child, "ready")

    def _set(self, child: Child, state: str) -> None:
        child.record.state = state
        for watcher in self.watchers:
            watcher(child)
        self._on_change()
        self._wake()

    def _fail(self, failure: StartFailed) -> None:
        if not self._up:
            self._failure = self._failure or failure
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _failed(self, child: Child, what: str) -> StartFailed:
        said = "".join(f"\n     {line}" for line in child.log_tail())
        return StartFailed(f"{child.name} {what}; the end of its log ({child.log}):{said}")

    async def _trim_logs(self) -> None:
        while not self._stopping.is_set():
            with anyio.move_on_after(TRIM_EVERY_S):
                await self._stopping.wait()
            for child in self.children:
                child.trim_log()


def describe_exit(code: int) -> str:
    """What an exit code means, as the end of a sentence."""
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
