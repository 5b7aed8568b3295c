"""One TCP connection of the ingest: ends with its client, and ends when its client takes or gives too slowly.

Hypercorn 0.18 has three faults here:

================================  ==================================  ===================================
a client …                        then                                here
================================  ==================================  ===================================
closes its side                   the socket is held until the        it is given back at once
                                  keep-alive of 75 s runs out
begins the head of a request      it may take 75 s                    `HEAD_WITHIN_S`, counted from its
(HTTP/2: a frame, a header                                            first byte; an idle connection still
block) and does not end it                                            has 75 s
does not read its answers, or     its tasks wait for ever             `TAKE_WITHIN_S` for `TAKE_BYTES` of
gives HTTP/2 no window                                                what waits, or for all of it
pipelines many requests and       each is still answered              the rest is dropped
leaves
================================  ==================================  ===================================

All connections are looked at once a second: timers would cost every request something. What is cut is counted in `cut`.
Not here: slow bodies (`bodies.py`), floods of odd frames (`http2_floods.py`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import Any, Final, Protocol

import hypercorn.asyncio.run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Event, RawData, Updated

from lab_runtime.logs import get_logger
from lab_runtime.slowness import Lasting, Taking
from lab_runtime.sockets import end_hard, untaken_bytes

HEAD_WITHIN_S: Final = 7.0
TAKE_WITHIN_S: Final = 7.0
TAKE_BYTES: Final = 64 * 1024
"""Together: a reader of less than 9 KiB/s is cut. Looked at once a second, so both are over within 10 s."""

ABORTED_WITHIN_S: Final = 2.0
LOOKS_A_TURN: Final = 200
_log = get_logger("connections")


class Inspected(Protocol):
    """What the watch asks of one connection's HTTP side."""

    def head_in_progress(self) -> Hashable:
        """Names the head that has begun and not ended; None: there is none."""

    def untaken(self) -> dict[int, int]:
        """Bytes of answers, by stream, that wait for the client's leave to be sent."""

    def give_up(self) -> None:
        """Take no further request: the client is gone. Up to 1,500 may wait in the buffer."""


class PromptTCPServer(TCPServer):
    """Hypercorn's side of one connection."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._written = 0
        self._over = False
        self._head = Lasting()
        self._socket = Taking(TAKE_BYTES)
        self._streams: dict[int, Taking] = {}
        self._aborted_at_s: float | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self) -> None:
        """Serve the connection to its end."""
        self._task = asyncio.current_task()
        connections.open.add(self)
        try:
            await super().run()
        except ExceptionGroup as error:  # one client's doing: it costs that connection, and one line
            connections.failed += 1
            _log.error("connection_failed", error=repr(error)[:300])
        except asyncio.CancelledError:
            if self._aborted_at_s is None:
                raise
            # Ours (see `look`), and done with: asyncio's streams of Python 3.11 take a cancelled task for an error.
        finally:
            connections.open.discard(self)

    async def protocol_send(self, event: Event) -> None:
        """Send what the HTTP side gives."""
        if isinstance(event, RawData):
            self._written += len(event.data)
            if self.writer.transport.is_closing():
                self._http.give_up()
        elif self._over and isinstance(event, Updated):
            return  # the last answer was ready after the client had gone: it would wind up the keep-alive again
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        try:
            await super()._read_data()
        finally:
            self._over = True
            await self.idle_task.stop()

    def look(self, now_s: float) -> str:
        """End the connection if its client is too slow.

        Returns:
            What it was too slow with, if it was.
        """
        if self._aborted_at_s is not None:
            if now_s - self._aborted_at_s >= ABORTED_WITHIN_S and self._task:
                self._task.cancel()  # something of it still waits for what will not come
            return ""
        if reason := self._overdue(now_s):
            self._aborted_at_s = now_s
            self._http.give_up()
            end_hard(self.writer.transport)
        return reason

    @property
    def _http(self) -> Inspected:
        return self.protocol.protocol  # type: ignore[return-value]

    def _overdue(self, now_s: float) -> str:
        http = self._http
        if self._head.lasts_s(http.head_in_progress(), now_s) >= HEAD_WITHIN_S:
            return "head"
        if self._socket.lasts_s(self._written, untaken_bytes(self.writer.transport), now_s) >= TAKE_WITHIN_S:
            return "unread"
        untaken = http.untaken()
        self._streams = {stream: self._streams.get(stream) or Taking(TAKE_BYTES) for stream in untaken}
        for stream, waiting in untaken.items():
            if self._streams[stream].lasts_s(0, waiting, now_s) >= TAKE_WITHIN_S:
                return "unread stream"
        return ""


class Connections:
    """All connections of this process.

    Attributes:
        open: Those that are served.
        cut: How many were ended for being slow.
        flooded: How many were ended for spending their allowance (`http2_floods.py`).
        failed: How many ended in an error that nobody expected.
    """

    def __init__(self) -> None:
        self.open: set[PromptTCPServer] = set()
        self.cut = self.flooded = self.failed = 0

    async def sweep(self) -> None:
        """Look at each connection; to be called about once a second. Lets others have their turn in between."""
        now_s = asyncio.get_running_loop().time()
        reasons: Counter[str] = Counter()
        for number, connection in enumerate(list(self.open)):
            if reason := connection.look(now_s):
                reasons[reason] += 1
            if reason or number % LOOKS_A_TURN == LOOKS_A_TURN - 1:
                await asyncio.sleep(0)
        if reasons:
            self.cut += reasons.total()
            _log.warning("slow_clients_cut", **{reason.replace(" ", "_"): n for reason, n in reasons.items()})

    def counters(self) -> dict[str, int]:
        """What was ended, for `/metrics`."""
        return {
            "slow_connections_cut": self.cut,
            "flooding_connections_cut": self.flooded,
            "connections_failed": self.failed,
        }


connections: Final = Connections()
"""Of this process. Hypercorn makes its connections itself, so there is nobody to hand them anything."""


def install() -> None:
    """Make Hypercorn use it, in this process."""
    hypercorn.asyncio.run.TCPServer = PromptTCPServer  # type: ignore[assignment,attr-defined]
