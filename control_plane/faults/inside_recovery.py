"""Sees when a part of a lab in containers is well again, by asking the parts over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import anyio

from control_plane.client import LabClient
from control_plane.faults.catalog import ANY_WORKER
from control_plane.faults.recovery import Backlog, fleet_rate
from control_plane.plan import STORE
from lab_runtime.self_faults import PATH
from metrics_core.errors import LabError

LOOK_EVERY_S: Final = 0.2
WORKERS_EVERY_S: Final = 2.0
_FIRST_LOOK_WITHIN_S: Final = 0.9
_ENDS: Final = frozenset({"kill", "restart", "kill-mid-batch"})
_DASHBOARDS: Final = frozenset({"silent-dashboard", "slow-dashboard"})
_WAITING: Final = re.compile(r"^lab_(?:http_redis|websocket)_waiting\{[^}]*\} (\S+)$", re.MULTILINE)


class InsideView:
    """What the ingest says of what only pipeline A reaches.

    Args:
        client: Asks it.

    Attributes:
        workers: The workers that listened at the last look that was answered.
        waiting: Jobs then.
    """

    def __init__(self, client: LabClient) -> None:
        self._client = client
        self.workers: list[str] = []
        self.waiting = 0

    async def look(self) -> bool:
        """Ask once.

        Returns:
            Whether pipeline A answered, its store included.
        """
        try:
            found = await self._client.call("GET", "ingest", PATH)
        except LabError:
            return False
        if found.get("workers") is None:
            return False
        self.workers, self.waiting = list(found["workers"]), int(found["waiting"])
        return True

    async def look_for_ever(self) -> None:
        """Keep the list of workers."""
        while True:
            await self.look()
            await anyio.sleep(WORKERS_EVERY_S)


class InsideRecovery:
    """Looks at readiness, workers, outboxes and the queue.

    Args:
        client: Asks the parts.
        view: Pipeline A's inside.
        samples_per_s: What the fleet sends.
        parts: Process names and the part that answers for each.
    """

    def __init__(
        self, client: LabClient, view: InsideView, samples_per_s: float, parts: Mapping[str, str]
    ) -> None:
        self._client, self._view, self._per_s, self._parts = client, view, samples_per_s, parts

    async def before(self, kind: str, target: str) -> object:
        """The backlog and the workers, or what they are taken for where they cannot be seen."""
        backlog = Backlog(0, 0)
        with anyio.move_on_after(_FIRST_LOOK_WITHIN_S):
            backlog = await self._backlog() or backlog
        return backlog, list(self._view.workers)

    async def until_well(self, kind: str, target: str, before: object) -> None:
        """Return when what was ended serves again, and nothing waits because of the fault."""
        assert isinstance(before, tuple)
        backlog, workers = before
        if kind in _ENDS:
            while not await self._is_back(target, workers):
                await anyio.sleep(LOOK_EVERY_S)
            if kind != "kill-mid-batch":
                return
        if kind not in _DASHBOARDS:
            while not ((found := await self._backlog()) and found.is_back(backlog, self._per_s)):
                await anyio.sleep(LOOK_EVERY_S)
                self._per_s = await fleet_rate(self._client, self._per_s)

    async def _is_back(self, target: str, workers: list[str]) -> bool:
        if target in self._parts:
            return await self._is_ready(self._parts[target])
        if not await self._view.look():
            return False
        if target == STORE:
            return await self._is_ready("ingest")
        wanted = set(workers) if target == ANY_WORKER else {target}
        return wanted <= set(self._view.workers)

    async def _is_ready(self, part: str) -> bool:
        try:
            await self._client.text(part, "/readyz")
        except LabError:
            return False
        return True

    async def _backlog(self) -> Backlog | None:
        try:
            text = await self._client.text("fleet", "/metrics")
        except LabError:
            return None
        if not await self._view.look():
            return None
        return Backlog(int(sum(map(float, _WAITING.findall(text)))), self._view.waiting)
