"""WebSocket (RFC 6455) frames, acknowledged cumulatively as pipeline B does.

The masking key is zero, which the standard allows: the server unmasks like any frame, the generator need not mask.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import orjson

from load_tests.wire.channel import Refusal, ReplyError, connect, read_some
from metrics_core.errors import BacklogFull, LimitReached, Refused, Unavailable

_TEXT_FINAL, _PING_FINAL, _CLOSE_FINAL = 0x81, 0x89, 0x88
_NO_MASK = b"\0\0\0\0"
_FOR_NOW = frozenset(fault.error for fault in (Refused, BacklogFull, LimitReached, Unavailable))


def encode_frame(payload: bytes, head: int = _TEXT_FINAL) -> bytes:
    """One client frame."""
    n = len(payload)
    if n < 126:
        return struct.pack(">BB", head, 0x80 | n) + _NO_MASK + payload
    if n < 65_536:
        return struct.pack(">BBH", head, 0xFE, n) + _NO_MASK + payload
    return struct.pack(">BBQ", head, 0xFF, n) + _NO_MASK + payload


class WebSocketChannel:
    """One connection with up to `frames` unacknowledged frames in flight; see `Channel`."""

    def __init__(  # an empty token is none  # nosec B107
        self,
        host: str,
        port: int,
        frames: int = 2_000,
        path: str = "/v1/ingest",
        token: str = "",
        acknowledged: bool = True,
    ) -> None:
        self.sock = connect(host, port)
        self.in_flight = 0
        self.refused: list[Refusal] = []
        self._frames = frames
        self._acknowledged = acknowledged  # False: the peer never answers; a frame is done when it is sent
        self._acked = 0
        self._rejects: set[int] = set()  # not covered by an ack yet
        key = base64.b64encode(b"load-generator--").decode()
        self.sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{f'Authorization: Bearer {token}' + chr(13) + chr(10) if token else ''}\r\n".encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += read_some(self.sock)
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ReplyError(f"no WebSocket: {head[:200].decode('latin-1')}")
        self.negotiated = "WebSocket 13"

    def send(self, body: bytes) -> bool:
        """Write one frame; False while too many are not acknowledged."""
        if self.in_flight >= self._frames:
            return False
        self.in_flight += self._acknowledged
        self.sock.sendall(encode_frame(body))
        return True

    def receive(self) -> Sequence[int]:
        """Read; the numbers of the frames newly acknowledged."""
        buffer = self._buffer + read_some(self.sock)
        before, position = self._acked, 0
        while len(buffer) - position >= 2:
            length, start = buffer[position + 1] & 0x7F, position + 2
            if length == 126:
                length, start = int.from_bytes(buffer[start : start + 2], "big"), start + 2
            if len(buffer) < start + length:
                break
            self._on_frame(buffer[position], buffer[start : start + length])
            position = start + length
        self._buffer = buffer[position:]
        self.in_flight -= self._acked - before
        return self._without_rejects(range(before, self._acked))

    def _without_rejects(self, numbers: range) -> Sequence[int]:
        """An ack covers rejected frames too; those are told by name before it."""
        if not self._rejects:
            return numbers
        rejected = {number for number in self._rejects if number < numbers.stop}
        self._rejects -= rejected
        return [number for number in numbers if number not in rejected]

    def _on_frame(self, head: int, payload: bytes) -> None:
        if head == _PING_FINAL:
            self.sock.sendall(encode_frame(payload, 0x8A))
        elif head == _CLOSE_FINAL:
            raise ReplyError(f"closed by the server: {payload[:100]!r}")
        else:
            message = orjson.loads(payload)
            if message.get("type") == "ack":
                self._acked = message["frames"]
            elif message.get("type") == "reject":
                refused_for_now = message["error"] in _FOR_NOW
                self.refused.append(Refusal(message["frame"], not refused_for_now, message["error"]))
                self._rejects.add(message["frame"])
            else:
                raise ReplyError(f"unexpected answer: {message}")
