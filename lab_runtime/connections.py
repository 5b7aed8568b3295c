"""All connections of one WebSocket port: counted against a bound, and ended when the token they came with expires.

Every connection counts from its first byte to its last, whatever it asks for; only WebSockets are refused over the
bound (`feed.py` answers 503 at the handshake), so that health and metrics can still be asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from lab_runtime.open_files import held_now
from lab_runtime.peers import WatchedConnection, peers

DEFAULT_MOST: Final = 12_000
_LONGEST_SLEEP_S: Final = 3_600.0  # the wall clock may be set meanwhile


class Connections:
    """The connections of one port.

    Args:
        most: How many may be open.
        now_s: The clock that tokens expire by, seconds since 1970.
    """

    def __init__(self, most: int = DEFAULT_MOST, now_s: Callable[[], float] = time.time) -> None:
        self.most = most
        self.open = 0
        self.refused = 0
        self.expired = 0
        self._now_s = now_s
        self._expiring: WeakKeyDictionary[ServerConnection, float] = WeakKeyDictionary()
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def new(self, *arguments: Any, **options: Any) -> ServerConnection:
        """Make a connection that is counted: `create_connection` of websockets."""
        return _Counted(self, *arguments, **options)

    @property
    def full(self) -> bool:
        """Whether more are open than may be, the one that asks among them."""
        return self.open > self.most

    def counters(self) -> dict[str, int]:
        """What `/metrics` tells of them, cumulative."""
        own = {"connections_refused": self.refused, "connections_expired": self.expired}
        return own | peers.counters()

    def gauges(self) -> dict[str, int]:
        """What `/metrics` tells of them at the moment, and of what this process holds."""
        return {"connections": self.open} | held_now()

    def end_at(self, connection: ServerConnection, expires_s: float) -> None:
        """Close a connection with 1008 at `expires_s`, seconds since 1970, if it is still open then."""
        self._expiring[connection] = expires_s
        self._sleep()

    def _sleep(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._expiring:
            wait_s = min(self._expiring.values()) - self._now_s()
            wait_s = min(_LONGEST_SLEEP_S, max(0.0, wait_s))
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._end_those_due)

    def _end_those_due(self) -> None:
        now_s = self._now_s()
        for connection in [each for each, at_s in self._expiring.items() if at_s <= now_s]:
            del self._expiring[connection]
            self.expired += 1
            closing = asyncio.ensure_future(
                connection.close(CloseCode.POLICY_VIOLATION, "the token has expired")
            )
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        self._sleep()


class _Counted(WatchedConnection):
    """A connection that counts while it is open."""

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._connections = connections
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._is_open = True
        self._connections.open += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        if self._is_open:
            self._is_open = False
            self._connections.open -= 1
        super().connection_lost(exc)
