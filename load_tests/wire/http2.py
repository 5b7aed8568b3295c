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
from typing import Final

import hpack

from load_tests.wire.channel import ReplyError, connect, read_some

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_MAX_WINDOW: Final = 2**31 - 1
_DEFAULT_WINDOW: Final = 65_535
_FRAME_BYTES: Final = 16_384


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Http2Channel:
    """One connection with up to `streams` requests in flight; see `Channel`."""

    def __init__(
        self, host: str, port: int, streams: int = 32, path: str = "/v1/samples", expect: int = 202
    ) -> None:
        self.sock = connect(host, port)
        self.in_flight = 0
        self._streams = streams
        self._expect = str(expect).encode()
        self._next_stream = 1
        self._window = (
            _DEFAULT_WINDOW  # what the connection may still send; streams are smaller than their own
        )
        self._buffer = b""
        self._decoder = hpack.Decoder()
        self._seen_blocks: set[bytes] = set()
        self._block = b"".join(
            _literal(name, value)
            for name, value in (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", path.encode()),
                (b":authority", f"{host}:{port}".encode()),
                (b"content-type", b"application/json"),
            )
        )
        settings = struct.pack(">HI", 0x4, _DEFAULT_WINDOW)
        self.sock.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _MAX_WINDOW - _DEFAULT_WINDOW))
        )

    def send(self, body: bytes) -> bool:
        """Write one request on a new stream; False while flow control or the number of streams forbids it."""
        if self.in_flight >= self._streams or len(body) > self._window:
            return False
        stream = self._next_stream
        self._next_stream = stream + 2
        self._window -= len(body)
        parts = [_frame(_HEADERS, _END_HEADERS, stream, self._block)]
        for start in range(0, len(body), _FRAME_BYTES):
            part = body[start : start + _FRAME_BYTES]
            flags = _END_STREAM if start + _FRAME_BYTES >= len(body) else 0
            parts.append(_frame(_DATA, flags, stream, part))
        self.sock.sendall(b"".join(parts))
        self.in_flight += 1
        return True

    def receive(self) -> int:
        """Read; the number of streams that ended well."""
        buffer = self._buffer + read_some(self.sock)
        position, done = 0, 0
        while len(buffer) - position >= 9:
            length = int.from_bytes(buffer[position : position + 3], "big")
            end = position + 9 + length
            if len(buffer) < end:
                break
            kind, flags = buffer[position + 3], buffer[position + 4]
            done += self._on_frame(kind, flags, buffer[position + 9 : end])
            position = end
        self._buffer = buffer[position:]
        self.in_flight -= done
        return done

    def _on_frame(self, kind: int, flags: int, payload: bytes) -> int:
        if kind == _HEADERS:
            self._check_status(payload, flags)
        elif kind == _WINDOW:
            # Windows of streams are counted in: no body of the lab is larger than a stream's own.
            self._window = min(_MAX_WINDOW, self._window + struct.unpack(">I", payload)[0])
        elif kind == _SETTINGS and not flags & _ACK:
            self.sock.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self.sock.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind in (_RST, _GOAWAY, _CONTINUATION):
            raise ReplyError(f"unexpected HTTP/2 frame of type {kind}: {payload[:60].hex()}")
        return 1 if kind in (_HEADERS, _DATA) and flags & _END_STREAM else 0

    def _check_status(self, block: bytes, flags: int) -> None:
        if not flags & _END_HEADERS:
            raise ReplyError("a header block in several frames")
        if block in self._seen_blocks:
            return
        headers = dict(self._decoder.decode(block, raw=True))
        if headers.get(b":status") != self._expect:
            raise ReplyError(f"unexpected reply: {headers}")
        if all(byte & 0x80 for byte in block):  # references only: the table is as it was
            self._seen_blocks.add(block)
        else:
            self._seen_blocks.clear()


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field, literal without indexing, new name, no Huffman (RFC 7541, 6.2.2); parts under 127 bytes."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value
