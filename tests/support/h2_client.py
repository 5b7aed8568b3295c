"""An HTTP/2 client for tests: many requests on one connection, each frame sent when the test says so.

Client libraries send a request whole and stop at the first answer. Bad input is about the other cases: a body that goes
on after the answer came, siblings in flight on the same connection.
"""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.support.reply import Reply

JSON: Final = {"content-type": "application/json"}
_WITHIN_S: Final = 15.0


class ConnectionLost(Exception):
    """The server closed the connection (GOAWAY or end of stream) while answers were outstanding."""


class H2Client:
    """One connection by prior knowledge."""

    def __init__(self, port: int) -> None:
        self._authority = f"127.0.0.1:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_WITHIN_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self._h2.initiate_connection()
        self._replies: dict[int, Reply] = {}
        self._flush()

    def __enter__(self) -> H2Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._socket.close()

    def open(
        self, method: str, path: str, headers: dict[str, str] | None = None, *, end: bool = False
    ) -> int:
        """Send the head of a request.

        Returns:
            Its stream.
        """
        stream = self._h2.get_next_available_stream_id()
        pseudo = {":method": method, ":path": path, ":scheme": "http", ":authority": self._authority}
        self._h2.send_headers(stream, list((pseudo | (headers or {})).items()), end_stream=end)
        self._replies[stream] = Reply()
        self._flush()
        return stream

    def send(self, stream: int, part: bytes, *, end: bool = True) -> None:
        """Send (a part of) the body, as flow control allows."""
        sent = 0
        while sent < len(part):
            window = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if window == 0:
                self._receive()
                continue
            self._h2.send_data(stream, part[sent : sent + window])
            sent += window
            self._flush()
        if end:
            self._h2.end_stream(stream)
            self._flush()

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> int:
        """Send a whole request; gives its stream."""
        stream = self.open(method, path, headers, end=not body)
        if body:
            self.send(stream, body)
        return stream

    def post(self, body: bytes, path: str = "/v1/samples") -> int:
        """Send a batch; gives its stream."""
        return self.request("POST", path, JSON, body)

    def reply(self, stream: int) -> Reply:
        """Wait for the answer on a stream.

        Raises:
            ConnectionLost: There will be none.
        """
        deadline_s = time.monotonic() + _WITHIN_S
        while not self._replies[stream].complete:
            assert time.monotonic() < deadline_s, f"no answer on stream {stream}"
            self._receive()
        return self._replies.pop(stream)

    def inject(self, garbage: bytes) -> None:
        """Send bytes that are no frames."""
        self._socket.sendall(garbage)

    def drop(self, stream: int) -> None:
        """Cancel a request (RST_STREAM)."""
        self._h2.reset_stream(stream, error_code=8)
        self._flush()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(262_144)
        except ConnectionResetError:
            data = b""
        if not data:
            raise ConnectionLost("closed by the server")
        for event in self._h2.receive_data(data):
            self._on_event(event)
        self._flush()

    def _on_event(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            raise ConnectionLost(f"GOAWAY with error {event.error_code}")
        stream = getattr(event, "stream_id", None)
        reply = self._replies.get(stream) if stream else None
        if isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if reply is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            headers = {bytes(name).decode(): bytes(text).decode() for name, text in event.headers or []}
            reply.status = int(headers.pop(":status"))
            reply.headers = headers
        elif isinstance(event, h2.events.DataReceived):
            reply.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            reply.complete = True
        elif isinstance(event, h2.events.StreamReset):
            reply.status, reply.complete = 0, True

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._socket.sendall(data)
