"""A WebSocket client that does what a test says and nothing by itself: no pings, no closing, no reading ahead."""

from __future__ import annotations

import base64
import socket
import struct
from types import TracebackType
from typing import Any, Final

import orjson

from load_tests.wire.websocket import encode_frame

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_RSV1: Final = 0x40
_WITHIN_S: Final = 15.0


class HandshakeRefused(Exception):
    """The server answered the upgrade with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClosedByPeer(Exception):
    """The connection ended.

    Attributes:
        code: Of the close frame; 1006 where there was none (RFC 6455, 7.1.5).
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RawWebSocket:
    """One connection.

    Args:
        port: On 127.0.0.1.
        path: Of the handshake.
        headers: More headers of the handshake.
        receive_buffer: Bytes that the kernel takes for us while nobody reads; 0: its default.

    Raises:
        HandshakeRefused: No upgrade.
    """

    def __init__(
        self, port: int, path: str, headers: dict[str, str] | None = None, receive_buffer: int = 0
    ) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(_WITHIN_S)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(b"0123456789abcdef").decode()
        more = "".join(f"{name}: {text}\r\n" for name, text in (headers or {}).items())
        self.sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            self.close()
            raise HandshakeRefused(status)

    def __enter__(self) -> RawWebSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, without any ceremony."""
        self.sock.close()

    def send(self, payload: bytes, opcode: int = TEXT, *, rsv1: bool = False) -> None:
        """Send one frame."""
        self.sock.sendall(encode_frame(payload, _FINAL | opcode | (_RSV1 if rsv1 else 0)))

    def receive(self) -> bytes:
        """The next text message.

        Raises:
            ClosedByPeer: There is none.
        """
        while True:
            opcode, payload = self._frame()
            if opcode == TEXT:
                return payload
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                raise ClosedByPeer(struct.unpack(">H", payload[:2])[0] if payload else 1005)

    def close_code(self) -> int:
        """Read on to the end; gives the code of the close frame (1006: there was none)."""
        try:
            while True:
                self.receive()
        except ClosedByPeer as closed:
            return closed.code

    def message(self) -> Any:
        """The next text message, decoded."""
        return orjson.loads(self.receive())

    def verdicts(self, frames: int) -> dict[int, dict[str, Any]]:
        """Read on until so many frames of this connection are acknowledged.

        Returns:
            The rejects that came on the way, by frame.
        """
        rejects: dict[int, dict[str, Any]] = {}
        while True:
            message = self.message()
            if message["type"] == "reject":
                rejects[message["frame"]] = message
            elif message["type"] == "ack" and message["frames"] >= frames:
                assert message["frames"] == frames, "an ack of more than was sent"
                return rejects

    def resume(self, producer: str, epoch: int) -> dict[str, Any]:
        """Ask what the pipeline holds; nothing else may be on its way."""
        self.send(orjson.dumps({"type": "resume", "producer": producer, "epoch": epoch}))
        answer: dict[str, Any] = self.message()
        assert answer["type"] == "resume"
        return answer

    def _frame(self) -> tuple[int, bytes]:
        head = self._take(2)
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
        return head[0] & 0x0F, self._take(length)

    def _take(self, n: int) -> bytes:
        while len(self._buffer) < n:
            self._read()
        taken, self._buffer = self._buffer[:n], self._buffer[n:]
        return taken

    def _read(self) -> None:
        try:
            data = self.sock.recv(262_144)
        except ConnectionResetError:
            data = b""
        if not data:
            raise ClosedByPeer(1006)
        self._buffer += data
