"""Ctrl-C, SIGTERM and a closed terminal (SIGHUP) end a lab in order; a second one ends everything at once."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.abc import TaskStatus

from control_plane.supervisor import Supervisor
from control_plane.terminal import Terminal
from metrics_core.errors import LabError

INTERRUPTED: Final = 130

Body = Callable[[Callable[[Supervisor], None]], Awaitable[int]]
"""A command that runs a lab: it hands out the supervisor as soon as there is one, and gives the exit code."""


async def run_interruptible(body: Body, terminal: Terminal, code_when_stopped: int = INTERRUPTED) -> int:
    """Run a command whose lab must end in order, however it is asked to.

    Returns:
        What `body` returns, or `code_when_stopped` where it was stopped.

    Raises:
        LabError: As `body` does.
    """
    listener = _Listener(terminal)
    outcome: int | LabError = code_when_stopped
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            await group.start(listener.listen, scope)
            try:
                outcome = await body(listener.set_supervisor)
            except LabError as error:
                outcome = error
        group.cancel_scope.cancel()
    if isinstance(outcome, LabError):
        raise outcome
    return outcome


class _Listener:
    """Hears the signals from before the first child until after the last."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._supervisor: Supervisor | None = None

    def set_supervisor(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def listen(self, body: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
            numbers.append(signal.SIGHUP)
        with anyio.open_signal_receiver(*numbers) as signals:
            task_status.started()
            async for number in signals:
                if not body.cancel_called:
                    if number == signal.SIGINT:
                        self._terminal.say("")  # the terminal shows ^C on this line
                    body.cancel()
                elif self._supervisor:
                    self._terminal.say("ending everything at once")
                    self._supervisor.kill_all()
