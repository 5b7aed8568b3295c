"""What the kernel knows of a connection and asyncio does not: what its peer has not taken; and how to end it hard."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

_END_HARD: Final = struct.pack("ii", 1, 0)


def untaken_bytes(transport: asyncio.WriteTransport) -> int:
    """Bytes that wait here or in the kernel because the peer has not taken them (in the kernel: on Linux only)."""
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return waiting
    counted = bytearray(4)
    try:
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, counted)
    except OSError:
        return waiting
    return waiting + int.from_bytes(counted, sys.byteorder)


def end_hard(transport: asyncio.WriteTransport) -> None:
    """Drop the connection with what waits for its peer, in the kernel too: who does not read would not see it end."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _END_HARD)
    transport.abort()
