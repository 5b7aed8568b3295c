"""A socket without a network: what is sent is kept (or answered by a script), what is received was put in before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FakeSocket:
    """The parts of `socket.socket` that the wire channels use.

    Args:
        answer: Called with each sent piece; what it returns will be received.
    """

    def __init__(self, answer: Callable[[bytes], bytes] | None = None) -> None:
        self.sent = b""
        self.incoming = b""
        self._answer = answer

    def sendall(self, piece: bytes) -> None:
        self.sent += piece
        if self._answer:
            self.incoming += self._answer(piece)

    def recv(self, most: int) -> bytes:
        piece, self.incoming = self.incoming[:most], self.incoming[most:]
        return piece

    def close(self) -> None:
        """Nothing to close."""


Connect = Callable[[Any, FakeSocket], None]
"""Makes a module connect to a fake socket."""
