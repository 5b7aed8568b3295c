"""What the generator asks of a protocol: one `Channel` is one connection of one producer.

A channel numbers the bodies that it sends from 0 and tells by number which were acknowledged and which refused.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import orjson


class ReplyError(Exception):
    """A reply that no correct run gives: a wrong status, a wrong version, a closed connection. Voids the run."""


class Refusal(NamedTuple):
    """A body that was not taken.

    Attributes:
        number: Of the body.
        for_good: True where sending it again would be answered the same (4xx, `reject`); False for 429 and 503.
        error: The pipeline's name for it.
    """

    number: int
    for_good: bool
    error: str


class Channel(Protocol):
    """One connection: sends bodies, tells what became of them."""

    sock: socket.socket
    in_flight: int
    """Bodies sent and not answered."""
    refused: list[Refusal]
    """Bodies that were refused, in the order of the answers; whoever reads it may clear it."""
    negotiated: str
    """The protocol version that the peer really speaks; empty until it has answered."""

    def send(self, body: bytes) -> bool:
        """Write one body; False where it cannot go out now (flow control): try again after the next reply."""

    def receive(self) -> Sequence[int]:
        """Read what came; the numbers of the bodies that it acknowledges.

        Raises:
            ReplyError: The peer closed the connection, or does not speak the protocol.
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


def refusal_of(number: int, status: int, body: bytes) -> Refusal:
    """What an HTTP reply other than 202 says of a body.

    Raises:
        ReplyError: A 2xx or 3xx that the lab never sends, or a fault of the server itself (500).
    """
    if status < 400 or (status >= 500 and status != 503):
        raise ReplyError(f"unexpected reply: {status} {body[:200].decode('latin-1')}")
    try:
        error = str(orjson.loads(body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        error = f"status {status}"
    return Refusal(number, status not in (429, 503), error)
