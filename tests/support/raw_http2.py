"""HTTP/2 frame by frame, for tests that send what no client library would."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Final

import hpack
from hyperframe.frame import (
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WITHIN_S: Final = 15.0
_HEAD_BYTES: Final = 9


class RawHttp2:
    """One connection by prior knowledge; sends what it is given, keeps what it gets.

    Args:
        port: On 127.0.0.1.
        settings: Of the first SETTINGS frame.
        receive_buffer: Bytes that the kernel takes for us while nobody reads; 0: its default.
    """

    def __init__(self, port: int, settings: dict[int, int] | None = None, receive_buffer: int = 0) -> None:
        self.sock = socket.socket()
        self.sock.settimeout(_WITHIN_S)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        self._authority = f"127.0.0.1:{port}"
        self._encoder = hpack.Encoder()
        self._buffer = b""
        self.error: int | None = None
        """Of the GOAWAY frame that ended the connection, if one did."""
        self.send(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def __enter__(self) -> RawHttp2:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, piece: bytes) -> bool:
        """Send; whether the server still took it."""
        try:
            self.sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def block(self, method: str, path: str, more: dict[str, str] | None = None) -> bytes:
        """A header block; to be sent, for it changes the state of the compression."""
        pseudo = {":method": method, ":path": path, ":scheme": "http", ":authority": self._authority}
        return self._encoder.encode(list((pseudo | (more or {})).items()), huffman=False)

    def head(self, stream: int, method: str, path: str, *, end: bool) -> bytes:
        """A whole HEADERS frame."""
        more = {"content-type": "application/json"} if method == "POST" else {}
        frame = HeadersFrame(stream, self.block(method, path, more), flags=["END_HEADERS"])
        if end:
            frame.flags.add("END_STREAM")
        return frame.serialize()

    def frames(self, within_s: float = _WITHIN_S) -> list[Frame]:
        """All frames up to the end of the connection.

        Raises:
            AssertionError: It does not end in time.
        """
        deadline_s, found = time.monotonic() + within_s, []
        while frame := self.frame(deadline_s):
            found.append(frame)
        return found

    def frame(self, deadline_s: float) -> Frame | None:
        """The next frame; None: the connection ended."""
        if not self._fill(_HEAD_BYTES, deadline_s):
            return None
        frame, length = Frame.parse_frame_header(memoryview(self._buffer[:_HEAD_BYTES]))
        if not self._fill(_HEAD_BYTES + length, deadline_s):
            return None
        frame.parse_body(memoryview(self._buffer[_HEAD_BYTES : _HEAD_BYTES + length]))
        self._buffer = self._buffer[_HEAD_BYTES + length :]
        if isinstance(frame, GoAwayFrame):
            self.error = frame.error_code
        return frame

    def _fill(self, n: int, deadline_s: float) -> bool:
        while len(self._buffer) < n:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, "the server neither answers nor ends the connection"
            self.sock.settimeout(left_s)
            try:
                came = self.sock.recv(262_144)
            except ConnectionResetError:
                came = b""
            except TimeoutError:
                continue
            if not came:
                return False
            self._buffer += came
        return True


def reset(stream: int) -> bytes:
    """A RST_STREAM frame (CANCEL)."""
    return RstStreamFrame(stream, error_code=8).serialize()
