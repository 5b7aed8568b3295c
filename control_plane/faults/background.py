"""Tasks that go on beside the lab, and must not end it: the supervisor runs in the same process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from control_plane.events import EventLog
from lab_runtime.logs import get_logger
from metrics_core.errors import LabError

_log = get_logger("faults")


class Background:
    """Runs tasks until it is left, which cancels them. Used as an async context.

    Args:
        events: Where a task that fails is told.
    """

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._group: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(kind, error, traceback)

    def start(self, function: Callable[..., Awaitable[Any]], *arguments: object) -> None:
        """Run `function(*arguments)`."""
        assert self._group is not None, "not entered"
        self._group.start_soon(self._guarded, function, arguments)

    async def _guarded(self, function: Callable[..., Awaitable[Any]], arguments: tuple[object, ...]) -> None:
        try:
            await function(*arguments)
        except (LabError, OSError) as error:
            self._events.add("warning", "lab", f"a fault's part failed: {error}")
        except Exception as error:  # noqa: BLE001 (a slip in here must not end the lab)
            _log.error("fault_engine", error=type(error).__name__, detail=str(error)[:200])
            self._events.add("warning", "lab", f"the fault engine slipped: {type(error).__name__}: {error}")
