"""`GET /api/buffers`: where samples wait before a pipeline has them: in the servers' outboxes, and in the sockets.

The buffers behind the ingests are in the pipelines' own snapshots. However many pages ask, the lab is asked at most
every `FRESH_S`.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from control_plane.client import PIPELINES
from control_plane.controls.doors import FleetDoor
from control_plane.controls.socket_queues import read_unread
from lab_runtime.env import Env
from lab_runtime.process import now_us
from metrics_core.errors import RemoteFault

FRESH_S: Final = 0.4
_GAUGE: Final = re.compile(r"^lab_(servers|(?:http_redis|websocket)_waiting)\{[^}]*\} (\S+)$", re.MULTILINE)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class OutboxView(Struct):
    """All outboxes towards one pipeline, in samples; None: the fleet does not tell."""

    waiting: int | None
    capacity: int | None


class SocketView(Struct):
    """Bytes that the kernel holds unread for one ingest port; None: it cannot be seen from here."""

    bytes: int | None


class Buffers(Struct):
    """The answer, by pipeline; `at_us` is when it is given, so that a page can tell how far its own clock is off."""

    fleet: dict[str, OutboxView]
    sockets: dict[str, SocketView]
    at_us: int = 0


class BufferLook:
    """Looks at both.

    Args:
        env: Where the ingests are.
        fleet: The way to the fleet.
    """

    def __init__(self, env: Env, fleet: FleetDoor) -> None:
        self._fleet = fleet
        self._capacity = env.integer("LAB_OUTBOX_CAPACITY")
        urls = {
            "http_redis": env.url("LAB_INGEST_URL", "http", 1),
            "websocket": env.url("LAB_PIPELINE_B_URL", "ws", 3),
        }
        own_host = env.text("LAB_HOST")
        self._ports: dict[str, int] = {}
        for pipeline, url in urls.items():
            parts = urlsplit(url)
            if parts.hostname in _LOOPBACK or parts.hostname == own_host:
                self._ports[pipeline] = parts.port or 0
        self._asking = asyncio.Lock()
        self._asked_s = -FRESH_S
        self._found = Buffers({}, {})

    async def look(self) -> Buffers:
        """The buffers now, or a moment ago."""
        async with self._asking:
            if time.monotonic() - self._asked_s >= FRESH_S:
                outboxes, sockets = await asyncio.gather(self._outboxes(), self._sockets())
                self._found, self._asked_s = Buffers(outboxes, sockets), time.monotonic()
            return replace(self._found, at_us=now_us())

    async def _outboxes(self) -> dict[str, OutboxView]:
        try:
            text = (await self._fleet.get("/metrics")).decode()
        except (RemoteFault, UnicodeDecodeError):
            return {name: OutboxView(None, None) for name in PIPELINES}
        gauges = {name: int(float(value)) for name, value in _GAUGE.findall(text)}
        capacity = gauges.get("servers", 0) * self._capacity
        return {name: OutboxView(gauges.get(f"{name}_waiting"), capacity) for name in PIPELINES}

    async def _sockets(self) -> dict[str, SocketView]:
        unread = await asyncio.to_thread(read_unread, self._ports.values()) if self._ports else {}
        return {
            name: SocketView(unread.get(self._ports[name]) if name in self._ports else None)
            for name in PIPELINES
        }
