"""HTTP/2 (RFC 9113) by prior knowledge, many streams per connection.

Frames as they go over the wire::

    +-----------------------------------------------+
    |                 Length (24)                   |
    +---------------+---------------+---------------+
    |   Type (8)    |   Flags (8)   |
    +-+-------------+---------------+-------------------------------+
    |R|                 Stream Identifier (31)                      |
    +=+=============================================================+
    |                   Frame Payload (0...)                      ...

The request's header block is constant (literals without indexing, so it leaves no state in the server's table). A
reply's block is decoded by hpack, unless it is made of table references alone and was seen since the table last
changed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import hpack

from load_tests.wire.channel import Refusal, ReplyError, connect, read_some, refusal_of

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_MAX_WINDOW: Final = 2**31 - 1
_DEFAULT_WINDOW: Final = 65_535
_FRAME_BYTES: Final = 16_384
_MOST_OF_A_BAD_BODY: Final = 4_096


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Http2Channel:
    """One connection with up to `streams` requests in flight; see `Channel`."""

    def __init__(  # an empty token is none  # nosec B107
        self,
        host: str,
        port: int,
        streams: int = 32,
        path: str = "/v1/samples",
        token: str = "",
        expect: int = 202,
    ) -> None:
        self.sock = connect(host, port)
        self.in_flight = 0
        self.refused: list[Refusal] = []
        self.negotiated = ""
        self._streams = streams
        self._expect = str(expect).encode()
        self._next_stream = 1
        self._window = _DEFAULT_WINDOW  # what the connection may still send
        self._rest = b""  # of the body that is going out, and its stream, and what that may still send
        self._rest_stream = 0
        self._stream_window = 0
        self._buffer = b""
        self._decoder = hpack.Decoder()
        self._seen_blocks: set[bytes] = set()
        self._done: list[int] = []
        self._bad_status: dict[int, int] = {}  # by stream, until it ends
        self._bad_body: dict[int, bytes] = {}
        self._block = b"".join(
            _literal(name, value)
            for name, value in (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", path.encode()),
                (b":authority", f"{host}:{port}".encode()),
                (b"content-type", b"application/json"),
                *([(b"authorization", b"Bearer " + token.encode())] if token else []),
            )
        )
        settings = struct.pack(">HI", 0x4, _DEFAULT_WINDOW)
        self.sock.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _MAX_WINDOW - _DEFAULT_WINDOW))
        )

    def send(self, body: bytes) -> bool:
        """Write one request on a new stream; False while flow control or the number of streams forbids it.

        A body larger than a stream's first window goes out in parts as the server opens the window.
        """
        if self.in_flight >= self._streams or self._rest:
            return False
        if len(body) > self._window and len(body) <= _DEFAULT_WINDOW:
            return False
        stream = self._next_stream
        self._next_stream = stream + 2
        self.in_flight += 1
        self._rest, self._rest_stream, self._stream_window = body, stream, _DEFAULT_WINDOW
        self.sock.sendall(_frame(_HEADERS, _END_HEADERS, stream, self._block) + self._data_frames())
        return True

    def _data_frames(self) -> bytes:
        """DATA frames of the body that is going out, as much of it as both windows allow."""
        rest, parts = self._rest, []
        may = min(len(rest), self._window, self._stream_window)
        for start in range(0, may, _FRAME_BYTES):
            part = rest[start : min(start + _FRAME_BYTES, may)]
            flags = _END_STREAM if start + len(part) == len(rest) else 0
            parts.append(_frame(_DATA, flags, self._rest_stream, part))
        self._window -= may
        self._stream_window -= may
        self._rest = rest[may:]
        return b"".join(parts)

    def receive(self) -> Sequence[int]:
        """Read; the numbers of the requests whose replies ended well."""
        buffer = self._buffer + read_some(self.sock)
        position = 0
        self._done = []
        while len(buffer) - position >= 9:
            length = int.from_bytes(buffer[position : position + 3], "big")
            end = position + 9 + length
            if len(buffer) < end:
                break
            kind, flags = buffer[position + 3], buffer[position + 4]
            stream = int.from_bytes(buffer[position + 5 : position + 9], "big")
            self._on_frame(kind, flags, stream, buffer[position + 9 : end])
            position = end
        self._buffer = buffer[position:]
        return self._done

    def _on_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self._check_status(stream, payload, flags)
        elif kind == _DATA:
            if stream in self._bad_status:
                self._bad_body[stream] = (self._bad_body.get(stream, b"") + payload)[:_MOST_OF_A_BAD_BODY]
        elif kind == _WINDOW:
            self._opened(stream, struct.unpack(">I", payload)[0])
        elif kind == _SETTINGS and not flags & _ACK:
            self.negotiated = "HTTP/2"
            self.sock.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self.sock.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind in (_RST, _GOAWAY, _CONTINUATION):
            raise ReplyError(f"unexpected HTTP/2 frame of type {kind}: {payload[:60].hex()}")
        if not self.negotiated:
            raise ReplyError("the server does not speak HTTP/2: its first frame is not SETTINGS")
        if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            self._ended(stream)

    def _opened(self, stream: int, by: int) -> None:
        if stream == 0:
            self._window = min(_MAX_WINDOW, self._window + by)
        elif stream == self._rest_stream:
            self._stream_window += by
        if self._rest and (more := self._data_frames()):
            self.sock.sendall(more)

    def _ended(self, stream: int) -> None:
        self.in_flight -= 1
        number = stream >> 1  # 1, 3, 5, … are the requests 0, 1, 2, …
        status = self._bad_status.pop(stream, None)
        if status is None:
            self._done.append(number)
        else:
            self.refused.append(refusal_of(number, status, self._bad_body.pop(stream, b"")))

    def _check_status(self, stream: int, block: bytes, flags: int) -> None:
        if not flags & _END_HEADERS:
            raise ReplyError("a header block in several frames")
        if block in self._seen_blocks:
            return
        headers = dict(self._decoder.decode(block, raw=True))
        if headers.get(b":status") != self._expect:
            self._seen_blocks.clear()
            status = headers.get(b":status", b"")
            if not status.isdigit():
                raise ReplyError(f"unexpected reply: {headers}")
            self._bad_status[stream] = int(status)
        elif all(byte & 0x80 for byte in block):  # references only: the table is as it was
            self._seen_blocks.add(block)
        else:
            self._seen_blocks.clear()


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field, literal without indexing, new name, no Huffman (RFC 7541, 6.2.2); parts under 127 bytes."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value
