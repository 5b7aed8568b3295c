"""HTTP/1.1 (RFC 9112) with keep-alive, one request in flight per connection."""

from __future__ import annotations

from load_tests.wire.channel import ReplyError, connect, read_some


class Http1Channel:
    """One keep-alive connection; see `Channel`."""

    def __init__(self, host: str, port: int, path: str = "/v1/samples", expect: int = 202) -> None:
        self.sock = connect(host, port)
        self.in_flight = 0
        self._head = (
            b"POST %b HTTP/1.1\r\nHost: %b:%d\r\nContent-Type: application/json\r\nContent-Length: "
            % (
                path.encode(),
                host.encode(),
                port,
            )
        )
        self._expect = b"HTTP/1.1 %d " % expect
        self._buffer = b""

    def send(self, body: bytes) -> bool:
        """Write one request; False while the last one is not answered."""
        if self.in_flight:
            return False
        self.sock.sendall(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        self.in_flight = 1
        return True

    def receive(self) -> int:
        """Read; 1 when the reply is complete."""
        buffer = self._buffer + read_some(self.sock)
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return 0
        if not buffer.startswith(self._expect):
            raise ReplyError(f"unexpected reply: {buffer[:200].decode('latin-1')}")
        head = buffer[:end].lower()
        start = head.find(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0]) if start > 14 else 0
        if len(buffer) < end + 4 + length:
            self._buffer = buffer
            return 0
        self._buffer = buffer[end + 4 + length :]
        self.in_flight = 0
        return 1
