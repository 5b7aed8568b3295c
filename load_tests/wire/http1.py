"""HTTP/1.1 (RFC 9112) with keep-alive, one request in flight per connection."""

from __future__ import annotations

from collections.abc import Sequence

from load_tests.wire.channel import Refusal, ReplyError, connect, read_some, refusal_of


class Http1Channel:
    """One keep-alive connection; see `Channel`."""

    def __init__(  # an empty token is none  # nosec B107
        self, host: str, port: int, path: str = "/v1/samples", token: str = "", expect: int = 202
    ) -> None:
        self.sock = connect(host, port)
        self.in_flight = 0
        self.refused: list[Refusal] = []
        self.negotiated = ""
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._expect = b"HTTP/1.1 %d " % expect
        self._next = 0
        self._buffer = b""

    def send(self, body: bytes) -> bool:
        """Write one request; False while the last one is not answered."""
        if self.in_flight:
            return False
        self.in_flight = 1
        self._next += 1
        self.sock.sendall(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        return True

    def receive(self) -> Sequence[int]:
        """Read; the request's number when its reply is complete and well."""
        buffer = self._buffer + read_some(self.sock)
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return ()
        head = buffer[:end].lower()
        start = head.find(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0]) if start > 14 else 0
        if len(buffer) < end + 4 + length:
            self._buffer = buffer
            return ()
        self._buffer = buffer[end + 4 + length :]
        self.in_flight = 0
        if buffer.startswith(self._expect):
            self.negotiated = "HTTP/1.1"
            return (self._next - 1,)
        self._refused(buffer[:end], buffer[end + 4 : end + 4 + length])
        return ()

    def _refused(self, head: bytes, body: bytes) -> None:
        version, status = head[:9], head[9:12]
        if version != b"HTTP/1.1 " or not status.isdigit():
            raise ReplyError(f"no HTTP/1.1 reply: {head[:200].decode('latin-1')}")
        self.refused.append(refusal_of(self._next - 1, int(status), body))
