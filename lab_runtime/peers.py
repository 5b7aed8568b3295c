"""A WebSocket peer gives its frames in time and without floods, or is cut.

`websockets` 17 bounds the handshake (time, head), a message (bytes, fragments) and compression (off here: refused
before anything is inflated). It leaves open:

================================  ==================================  ===================================
a peer …                          then                                here
================================  ==================================  ===================================
begins a frame or a fragmented    up to 4 MiB of it are held for as   `FRAME_WITHIN_S`, so that thousands
message and does not end it       long as the peer likes              of peers cannot hold gigabytes
floods pings and pongs            each is worked off, each ping       an allowance, far beyond what an
                                  answered, ahead of all others       honest peer needs
================================  ==================================  ===================================

Time while this process itself does not read (backpressure) does not count against the peer. Not here: peers that do not
read what they are sent (`feed.py`, and the ingest's own bound on answers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any, Final

from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.protocol import OPEN

from lab_runtime.allowance import Allowance
from lab_runtime.logs import get_logger
from lab_runtime.methods import GetConnection
from lab_runtime.slowness import Lasting

OPEN_WITHIN_S: Final = 8.0
"""For a handshake, or a plain request and its answer."""

FRAME_WITHIN_S: Final = 6.0
LOOK_EVERY_S: Final = 2.0
"""A frame is seen 2 s after its first byte at the latest and cut 2 s after its time is over: within 10 s in all."""

CONTROL_FRAMES: Final = 200
CONTROL_FRAMES_PER_S: Final = 20
_MOST_AT_ONCE: Final = 16_384
"""Bytes worked off in one go: a read brings up to 256 KiB, which may be 40,000 pings."""

_log = get_logger("peers")


class Peers:
    """What the connections of this process count.

    Attributes:
        cut: How many were ended for not ending a frame.
        flooded: How many were ended for spending their allowance of pings and pongs.
    """

    def __init__(self) -> None:
        self.cut = self.flooded = 0

    def counters(self) -> dict[str, int]:
        """For `/metrics`."""
        return {"slow_connections_cut": self.cut, "flooding_connections_cut": self.flooded}


peers: Final = Peers()
"""Of this process. `websockets` makes its connections itself, so there is nobody to hand them anything."""


class WatchedConnection(GetConnection):
    """A connection with a clock on its frames and an allowance of control frames."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._allowance = Allowance(CONTROL_FRAMES, CONTROL_FRAMES_PER_S, self.loop.time())
        self._came = 0  # bytes
        self._messages = 0  # of more than one frame
        self._unfinished = Lasting()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def data_received(self, data: bytes) -> None:
        """Take what the socket gave."""
        if len(data) <= _MOST_AT_ONCE:
            self._take(data)
            return
        for first in range(0, len(data), _MOST_AT_ONCE):
            self._take(data[first : first + _MOST_AT_ONCE])

    def _take(self, piece: bytes) -> None:
        if self._ended:
            return
        self._came += len(piece)
        super().data_received(piece)
        if self._timer is None and self._begun() is not None:
            self._look()

    def process_event(self, event: Any) -> None:
        """Take one frame, or the request before all frames."""
        if self.request is not None and event.opcode is not Opcode.TEXT:  # text alone is the hot path
            self._count(event)
        super().process_event(event)

    def _count(self, frame: Frame) -> None:
        if frame.opcode in CTRL_OPCODES:
            if not self._allowance.spend(1, self.loop.time()) and not self._ended:
                peers.flooded += 1
                _log.warning("flooding_peer_cut")
                self._end()
        elif frame.opcode is Opcode.CONT and frame.fin:
            self._messages += 1

    def _begun(self) -> Hashable:
        """Names the frame or message that has begun and not ended; None: there is none, or it is not read on."""
        protocol = self.protocol
        if protocol.state is not OPEN or self.recv_messages.paused:
            return None
        if protocol.current_size is not None:
            return "message", self._messages
        waiting = len(protocol.reader.buffer)
        return ("frame", self._came - waiting) if waiting else None

    def _look(self) -> None:
        self._timer = None
        begun = self._begun()
        if self._unfinished.lasts_s(begun, self.loop.time()) >= FRAME_WITHIN_S:
            peers.cut += 1
            _log.warning("slow_peer_cut")
            self._end()
        elif begun is not None:
            self._timer = self.loop.call_later(LOOK_EVERY_S, self._look)

    def _end(self) -> None:
        self._ended = True
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the clock go."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
