"""What the generator asks of a protocol: one `Channel` is one connection of one producer."""

from __future__ import annotations

import socket
from typing import Protocol


class ReplyError(Exception):
    """A reply that no correct run gives: a wrong status, a wrong version, a closed connection. Voids the run."""


class Channel(Protocol):
    """One connection: sends bodies, counts what was acknowledged."""

    sock: socket.socket
    in_flight: int
    """Bodies sent and not acknowledged."""

    def send(self, body: bytes) -> bool:
        """Write one body; False where it cannot go out now (flow control): try again after the next reply."""

    def receive(self) -> int:
        """Read what came; returns how many bodies it acknowledges.

        Raises:
            ReplyError: The run is void.
        """


def connect(host: str, port: int, timeout_s: float = 10.0) -> socket.socket:
    """A blocking TCP connection without Nagle's delay."""
    sock = socket.create_connection((host, port), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_some(sock: socket.socket) -> bytes:
    """What the socket has now.

    Raises:
        ReplyError: The peer closed the connection.
    """
    data = sock.recv(262_144)
    if not data:
        raise ReplyError("the server closed the connection")
    return data
