"""A small HTTP server for stand-ins: HTTP/1.1 and HTTP/2 by prior knowledge on one port, on h11 and h2 alone.

A stand-in must cut connections in the midst of an answer and end at once; a real server tries hard not to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import NamedTuple, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11


class Asked(NamedTuple):
    """A request."""

    version: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Told(NamedTuple):
    """An answer. Status 0: cut the connection instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed


Answer = Callable[[Asked], Awaitable[Told]]


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, connections: set[asyncio.Transport]) -> None:
        self._answer, self._connections = answer, connections
        self._speech: _Http1 | _Http2 | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its own base class
        self._connections.add(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self._transport)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._speech is None:
            self._speech = _Http2() if data.startswith(b"PRI * HTTP/2") else _Http1()
        for stream, asked in self._speech.receive(data):
            task = asyncio.get_running_loop().create_task(self._serve(stream, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._transport.write(self._speech.outgoing())

    async def _serve(self, stream: int, asked: Asked) -> None:
        told = await self._answer(asked)
        assert self._speech is not None
        if not told.status:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._speech.tell(stream, told)
            self._transport.write(self._speech.outgoing())


class _Http1:
    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER)
        self._out = b""
        self._request: h11.Request | None = None
        self._body = b""

    def receive(self, data: bytes) -> list[tuple[int, Asked]]:
        self._connection.receive_data(data)
        asked = []
        while (event := self._connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._request, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert self._request is not None
                headers = {name.decode(): value.decode() for name, value in self._request.headers}
                method, path = self._request.method.decode(), self._request.target.decode()
                asked.append((0, Asked("1.1", method, path, headers, self._body)))
            elif isinstance(event, h11.ConnectionClosed):
                break
        return asked

    def tell(self, _: int, told: Told) -> None:
        headers = [*told.headers.items(), ("content-length", str(len(told.body)))]
        send = self._connection.send
        self._out += send(h11.Response(status_code=told.status, headers=headers)) or b""
        self._out += (send(h11.Data(data=told.body)) or b"") + (send(h11.EndOfMessage()) or b"")
        self._connection.start_next_cycle()

    def outgoing(self) -> bytes:
        out, self._out = self._out, b""
        return out


class _Http2:
    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}

    def receive(self, data: bytes) -> list[tuple[int, Asked]]:
        asked = []
        for event in self._connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self._requests[event.stream_id] = (dict(event.headers), bytearray())  # type: ignore[arg-type]
            elif isinstance(event, h2.events.DataReceived):
                self._requests[event.stream_id][1].extend(event.data)
                if event.flow_controlled_length:
                    self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                headers, body = self._requests.pop(event.stream_id)
                asked.append(
                    (event.stream_id, Asked("2", headers[":method"], headers[":path"], headers, bytes(body)))
                )
        return asked

    def tell(self, stream: int, told: Told) -> None:
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            self._connection.send_headers(stream, [(":status", str(told.status)), *told.headers.items()])
            self._connection.send_data(stream, told.body, end_stream=True)

    def outgoing(self) -> bytes:
        return self._connection.data_to_send()


async def cut_all(transports: Collection[asyncio.Transport]) -> None:
    """Cut connections, also those that were accepted just now and become one within a few turns of the loop."""
    for _ in range(10):
        for transport in list(transports):
            transport.abort()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serve(answer: Answer, port: int = 0) -> AsyncIterator[int]:
    """Serve until the block ends; then every connection is cut.

    Args:
        answer: Called for each request.
        port: Where to listen; 0 for any port.

    Yields:
        The port.
    """
    connections: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer, connections), "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await cut_all(connections)
