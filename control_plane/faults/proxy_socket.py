"""A socket of a connection through the proxy, as asyncio hands it over: reads into its line, stops reading, resets.

Reading goes into one buffer that all sockets share, and no further than the line has room for, so that what is held is
bounded exactly, not by "one more read".
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from control_plane.faults.proxy_line import Line

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, now


class Socket(asyncio.BufferedProtocol):
    """One of the two sockets of a connection.

    Args:
        line: Carries what this socket sends us.

    Attributes:
        on_open: Called when it is open.
        on_lost: Called when it is closed.
        takes: Whether it can be written to now.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._feeder: Line | None = None  # brings what this socket is to get
        self._transport: asyncio.Transport | None = None
        self._reading = True
        self.on_open: Callable[[], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.takes = False

    def fed_by(self, line: Line) -> None:
        """Say which line writes to this socket."""
        self._feeder = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is open."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its own base class
        self._transport.set_write_buffer_limits(
            high=0
        )  # what it does not take stays in the line, where it counts
        self.takes = True
        if self.on_open is not None:
            self.on_open()

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where to put what is read."""
        return self._line.read_into()

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: so much was read."""
        self._line.take(nbytes)

    def eof_received(self) -> bool:
        """asyncio: the other side has finished; it may still be written to."""
        self._line.end(whole=False)
        return True

    def pause_writing(self) -> None:
        """asyncio: it takes no more for now."""
        self.takes = False

    def resume_writing(self) -> None:
        """asyncio: it takes more."""
        self.takes = True
        if self._feeder is not None:
            self._feeder.move()

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: it is closed."""
        self.takes = False
        self._transport = None
        self._line.end(whole=True)
        if self.on_lost is not None:
            self.on_lost()

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._transport is not None

    def read(self, wanted: bool) -> None:
        """Go on reading, or stop: then the kernel's buffers fill and the sender has to wait."""
        if wanted == self._reading or self._transport is None or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def write(self, part: memoryview) -> None:
        """Send."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(part)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Close after what was written is gone."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close at once, and so that the other side notices."""
        if self._transport is None:
            return
        sock: Any = self._transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
