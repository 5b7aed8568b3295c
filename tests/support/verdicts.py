"""The verdict of each pipeline on many bodies, over real sockets that stay open: pipelined, so that it is fast."""

from __future__ import annotations

import re
import socket
from typing import Final

import orjson

from tests.support.h2_client import H2Client
from tests.support.raw_websocket import RawWebSocket
from tests.support.reply import Reply

ACCEPTED: Final = ("accepted", "")
Verdict = tuple[str, str]
"""Error and detail, or `ACCEPTED`."""

_STATUS: Final = {"malformed": 400, "schema": 422, "too_large": 413}
_AT_ONCE: Final = 50
_LENGTH: Final = re.compile(rb"(?i)content-length: (\d+)")


def _verdict(status: int, body: bytes) -> Verdict:
    answer = orjson.loads(body)
    if status == 202:
        assert answer.keys() == {"accepted"}
        return ACCEPTED
    assert answer.keys() == {"error", "detail"}
    assert _STATUS.get(answer["error"]) == status, f"{status}: {answer}"
    return answer["error"], answer["detail"]


class Http1Verdicts:
    """Pipeline A by HTTP/1.1: many requests are on their way before the first answer is read."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def of(self, bodies: list[bytes]) -> list[Verdict]:
        """The verdicts, in order."""
        found: list[Verdict] = []
        for first in range(0, len(bodies), _AT_ONCE):
            part = bodies[first : first + _AT_ONCE]
            head = b"POST /v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            self._sock.sendall(b"".join(head + b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in part))
            found += [self._answer() for _ in part]
        return found

    def _answer(self) -> Verdict:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length, head
        n = int(length[1])
        while len(self._buffer) < n:
            self._more()
        body, self._buffer = self._buffer[:n], self._buffer[n:]
        return _verdict(int(head[9:12]), body)

    def _more(self) -> None:
        came = self._sock.recv(262_144)
        assert came, "the connection ended"
        self._buffer += came

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


class Http2Verdicts:
    """Pipeline A by HTTP/2: many streams at once."""

    def __init__(self, port: int) -> None:
        self._client = H2Client(port)

    def of(self, bodies: list[bytes]) -> list[Verdict]:
        """The verdicts, in order."""
        found: list[Verdict] = []
        for first in range(0, len(bodies), _AT_ONCE):
            streams = [self._client.post(body) for body in bodies[first : first + _AT_ONCE]]
            replies: list[Reply] = [self._client.reply(stream) for stream in streams]
            found += [_verdict(reply.status, reply.body) for reply in replies]
        return found

    def close(self) -> None:
        """End the connection."""
        self._client.__exit__(None, None, None)


class WebSocketVerdicts:
    """Pipeline B: many frames, one cumulative acknowledgement."""

    def __init__(self, port: int) -> None:
        self._socket = RawWebSocket(port, "/v1/ingest")
        self._sent = 0

    def of(self, bodies: list[bytes]) -> list[Verdict]:
        """The verdicts, in order."""
        first = self._sent
        rejects: dict[int, dict[str, str]] = {}
        for at in range(0, len(bodies), _AT_ONCE):
            part = bodies[at : at + _AT_ONCE]
            self._sent += len(part)
            for body in part:
                self._socket.send(body)
            rejects |= self._socket.verdicts(self._sent)
        found: list[Verdict] = []
        for frame in range(first, self._sent):
            reject = rejects.get(frame)
            found.append((reject["error"], reject["detail"]) if reject else ACCEPTED)
        return found

    def close(self) -> None:
        """End the connection."""
        self._socket.close()
