"""One connection through the proxy: two ends, and a line in each direction that holds what is on its way.

    client socket ── End ── Line "up"   ─────────────► End ── upstream socket
                        ◄───────────── Line "down" ──

A line is a queue of (when it was read, bytes). It is emptied in order: a part leaves when it is old enough (delay),
when its turn on the shared wire has come (throttle), and when the other socket takes it. Bounded: a line reads no
further than it has room for, and TCP makes the sender wait. What ends a direction travels in the same queue, so that
nothing overtakes the bytes before it.

Not here: what is set (`proxy_wire.py`); the sockets (`proxy_socket.py`); what a reply is (`replies.py`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from control_plane.faults.proxy_socket import Socket
from control_plane.faults.proxy_wire import LINE_BYTES, Way, Wire
from control_plane.faults.replies import Talk


class _End(Enum):
    HALF = "the sender has finished; the other way stays open"
    WHOLE = "the connection is over"


class Line:
    """One direction of a connection."""

    def __init__(self, connection: Connection, way: Way) -> None:
        self._connection, self._wire, self._way = connection, connection.wire, way
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, memoryview | _End]] = deque()
        self._held = 0
        self._ended = False
        self._turn: tuple[float, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.source = Socket(self)
        self.target: Socket | None = None  # known once both lines exist

    def room(self) -> int:
        """How many bytes it may take now."""
        return self._wire.room(self._held)

    def read_into(self) -> memoryview:
        """Where the next bytes go until `take` is told of them."""
        return self._wire.scratch[: max(1, min(LINE_BYTES, self.room()))]

    def take(self, n: int) -> None:
        """`n` bytes came from the source."""
        part = bytes(self._wire.scratch[:n])
        talk = self._connection.talk
        if self._way is Way.UP:
            talk.asked(part)
        elif (talk.is_reply(part) and not self._ended) and self._wire.swallows():
            self.end(whole=True)  # what came before is delivered; this and all after it is not
        if self._ended:
            return
        self._queue.append((self._loop.time(), memoryview(part)))
        self._hold(n)
        self.move()

    def end(self, *, whole: bool) -> None:
        """Nothing more comes from the source; with `whole`, nothing is taken by it either."""
        if whole or not self._ended:
            self._queue.append((self._loop.time(), _End.WHOLE if whole else _End.HALF))
            self._ended = True
            self.move()

    def move(self) -> None:
        """Hand on what may leave now; come back by itself when more may."""
        self._stop_timer()
        target = self.target
        while self._queue and target is not None and target.takes and not self._wire.conditions.cut:
            came_s, what = self._queue[0]
            if self._wait_until(came_s + self._wire.conditions.delay_ms / 1000):
                break
            if isinstance(what, _End):
                self._queue.popleft()
                self._connection.ended(self, whole=what is _End.WHOLE)
                continue
            self._turn = self._turn or self._wire.turn(self._way, len(what), self._loop.time())
            if self._turn is None:
                n = len(what)
            elif self._wait_until(self._turn[0]):
                break
            else:
                n, self._turn = self._turn[1], None
            self._write(target, came_s, what, n)
        self._read_or_wait()

    def _write(self, target: Socket, came_s: float, what: memoryview, n: int) -> None:
        if n < len(what):
            self._queue[0] = (came_s, what[n:])
        else:
            self._queue.popleft()
        self._hold(-min(n, len(what)))
        self._wire.passed(self._way, min(n, len(what)))
        target.write(what[:n])

    def conditions_changed(self) -> None:
        """The settings are new: what was booked no longer holds."""
        self._turn = None
        self.move()

    def forget(self) -> None:
        """The connection is over: drop what is held."""
        self._stop_timer()
        self._queue.clear()
        self._hold(-self._held)
        self._ended = True

    def _hold(self, change: int) -> None:
        self._held += change
        self._wire.hold(change)

    def _wait_until(self, when_s: float) -> bool:
        if when_s <= self._loop.time():
            return False
        self._timer = self._loop.call_at(when_s, self.move)
        return True

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read_or_wait(self) -> None:
        self.source.read(self.room() > 0 and not self._wire.conditions.cut)


class Connection:
    """Two sockets and the two lines between them.

    Args:
        wire: What all connections share.
        gone: Called once, when both sockets are closed.
    """

    def __init__(self, wire: Wire, gone: Callable[[Connection], None]) -> None:
        self.wire = wire
        self.talk = Talk()
        self._gone = gone
        self._halves = 0
        self._up, self._down = Line(self, Way.UP), Line(self, Way.DOWN)
        self.client, self.upstream = self._up.source, self._down.source
        self._up.target, self._down.target = self.upstream, self.client
        self.upstream.fed_by(self._up)
        self.client.fed_by(self._down)
        self.upstream.on_open = self._up.move
        self.client.on_lost = self.upstream.on_lost = self._lost

    def ended(self, line: Line, *, whole: bool) -> None:
        """An end has travelled down a line."""
        self._halves += 1
        if whole or self._halves == 2:
            self.client.close()
            self.upstream.close()
        elif line.target is not None:
            line.target.finish()

    def conditions_changed(self) -> None:
        """Tell both lines."""
        self._up.conditions_changed()
        self._down.conditions_changed()

    def reset(self) -> None:
        """Close both sockets at once."""
        self._up.forget()
        self._down.forget()
        self.client.reset()
        self.upstream.reset()

    def _lost(self) -> None:
        if self.client.is_open or self.upstream.is_open:
            return
        self._up.forget()
        self._down.forget()
        self._gone(self)
