"""Faults of producers: the fleet does them itself (`fake_servers/faults.py`), it only has to be told.

A fleet that was started again while such a fault lasts is told once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from control_plane.child import Child
from control_plane.client import LabClient, LabUnreachable
from control_plane.faults.actuators import Undo
from control_plane.faults.background import Background
from control_plane.faults.catalog import EVERY_SERVER
from control_plane.supervisor import Supervisor
from fake_servers.roles import server_at
from metrics_core.errors import LabError

SHOWN: Final = 200
_ANSWERS_WITHIN_S: Final = 4.0
_ASK_AGAIN_S: Final = 0.5
_LASTING: Final = frozenset({"skew-clock", "duplicate", "shuffle"})


class FleetFaults:
    """Producers that crash, lie about the time, repeat, shuffle, or all reconnect.

    Args:
        client: Tells the fleet.
        servers: Tells how many there are now.
        supervisor: Keeps the fleet; None: nobody here does.
        background: For what has to wait for the fleet.
    """

    kinds = frozenset({"crash-producer", "reconnect-storm"}) | _LASTING

    def __init__(
        self,
        client: LabClient,
        servers: Callable[[], int],
        supervisor: Supervisor | None,
        background: Background,
    ) -> None:
        self._client = client
        self._servers = servers
        self._background = background
        self._active: dict[tuple[str, str], float | None] = {}
        if supervisor is not None:
            supervisor.watchers.append(self._tell_again)

    def targets(self, kind: str) -> list[str]:
        """All, and the first `SHOWN` by name."""
        if kind == "reconnect-storm":
            return [EVERY_SERVER]
        return [EVERY_SERVER, *(server_at(index)[0] for index in range(min(self._servers(), SHOWN)))]

    def why_not(self, kind: str) -> str:
        """Where there are no servers, none can fail."""
        return "" if self._servers() else "the fleet has no servers now"

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Tell the fleet.

        Raises:
            LabError: It does not answer, or has no such server.
        """
        await self._tell("/api/faults", kind, target, grade)
        if kind not in _LASTING:
            return None
        self._active[kind, target] = grade

        async def undo() -> None:
            self._active.pop((kind, target), None)
            try:
                await self._tell("/api/faults/undo", kind, target, None)
            except LabUnreachable:  # paused or away
                self._background.start(self._undo_when_it_answers, kind, target)

        return undo

    async def _undo_when_it_answers(self, kind: str, target: str) -> None:
        while (kind, target) not in self._active:
            await anyio.sleep(_ASK_AGAIN_S)
            try:
                await self._tell("/api/faults/undo", kind, target, None)
                return
            except LabError:
                continue

    def _tell_again(self, child: Child) -> None:
        if child.name == "fleet" and child.record.state == "ready":
            for (kind, target), grade in self._active.items():
                self._background.start(self._tell, "/api/faults", kind, target, grade)

    async def _tell(self, path: str, kind: str, target: str, grade: float | None) -> None:
        body: dict[str, object] = {"kind": kind, "target": target}
        if grade is not None:
            body["grade"] = grade
        try:
            with anyio.fail_after(_ANSWERS_WITHIN_S):
                await self._client.call("POST", "fleet", path, body)
        except TimeoutError:
            raise LabUnreachable(f"the fleet does not answer within {_ANSWERS_WITHIN_S:g} s") from None
