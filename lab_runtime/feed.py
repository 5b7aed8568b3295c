"""Serving snapshots to dashboards over WebSocket: newest wins, nothing queues.

Each subscriber has one task that sends the newest snapshot and waits until the socket took it. A slow one finds a newer
snapshot when it is done and skips those between (`skipped`); one that takes nothing for `CUT_AFTER_S` is cut (`cut`).
So a subscriber holds at most one snapshot and `WRITE_LIMIT_BYTES` of memory, and never costs another one a frame. A
message from a subscriber ends its connection: it has nothing to say.
Rejected: `websockets.broadcast`, which has no backpressure; a client that does not read buffers without bound there.

The same port answers plain GET requests (health, metrics, ledger) through `HttpRoutes`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from lab_runtime.connections import Connections
from lab_runtime.guards import OPS_PATHS, Guards, RawHeaders, challenge
from lab_runtime.logs import get_logger
from lab_runtime.ops import PROMETHEUS_TEXT
from lab_runtime.sockets import end_hard
from metrics_core.errors import RemoteFault
from metrics_core.snapshot import BufferView

CUT_AFTER_S: Final = 4.5  # the tick before and the cut after it make it 5
KERNEL_BYTES: Final = 128 * 1024
"""What the kernel may hold for a subscriber (Linux doubles it). By itself it would take several MiB before it says that
nobody reads."""

MOST_HEARD_BYTES: Final = 1_024
WRITE_LIMIT_BYTES: Final = 32 * 1024
CLOSE_TIMEOUT_S: Final = 2.0
"""How long a peer may take to answer a closing handshake: a process must be able to stop without its peers' help."""

_log = get_logger("feed")

Answer = tuple[int, bytes, str]
"""HTTP status, body, media type."""


def json_answer(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return status, orjson.dumps(value), "application/json"


def text_answer(body: bytes) -> Answer:
    """An answer with Prometheus text."""
    return 200, body, PROMETHEUS_TEXT


class HttpRoutes:
    """Plain GET answers on a WebSocket port.

    Args:
        sockets: Paths that upgrade to WebSocket.
        routes: Path to a coroutine that gives the answer.
        guards: Asked before anything else; WebSockets and `guarded` paths need the token. Browsers, which cannot set
            headers on a WebSocket, may send it as `?token=`.
        guarded: Paths of `routes` that need the token.
        connections: Makes the port's connections, and counts them; None: with the default bound.
        joining: Paths for which a token for joining as a phone is enough.
    """

    def __init__(
        self,
        sockets: frozenset[str],
        routes: Mapping[str, Callable[[], Awaitable[Answer]]],
        guards: Guards,
        guarded: frozenset[str],
        connections: Connections | None = None,
        joining: frozenset[str] = frozenset(),
    ) -> None:
        self._joining = joining
        self._sockets = sockets
        self._routes = routes
        self._guards = guards
        self._guarded = guarded | sockets
        self.connections = connections or Connections()

    async def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """`process_request` of websockets: an answer, or None to go on with the WebSocket handshake."""
        url = urlsplit(request.path)
        headers = raw_headers(request, url.query)
        if url.path not in OPS_PATHS:
            needed, joining = url.path in self._guarded, url.path in self._joining
            fault = self._guards.fault(headers, needs_token=needed, joining=joining)
            if fault:
                return _fault(fault)
        if url.path in self._sockets:
            if "websocket" in request.headers.get("Upgrade", "").lower():
                return self._admit(connection, headers)
            detail = "this path speaks WebSocket"
            return _response(json_answer({"error": "upgrade_required", "detail": detail}, 426))
        route = self._routes.get(url.path)
        if route is None:
            return _response(json_answer({"error": "not_found", "detail": "no such path"}, 404))
        return _response(await route())

    def _admit(self, connection: ServerConnection, headers: RawHeaders) -> Response | None:
        if self.connections.full:
            self.connections.refused += 1
            return _fault(TooManyConnections(f"{self.connections.most} connections are open, no more may be"))
        expires_s = self._guards.expiry_s(headers)
        if expires_s is not None:
            self.connections.end_at(connection, expires_s)
        return None


class TooManyConnections(RemoteFault):
    """The bound on open connections is reached."""

    error, status, retry_after_s = "too_many_connections", 503, 5


def raw_headers(request: Request, query: str) -> list[tuple[bytes, bytes]]:
    """The headers as bytes, names in lower case; a token in the query where no header carries one."""
    raw = [
        (name.lower().encode("utf-8", "surrogateescape"), text.encode("utf-8", "surrogateescape"))
        for name, text in request.headers.raw_items()
    ]
    if query and not any(name == b"authorization" for name, _ in raw):
        offered = parse_qs(query).get("token", [""])[0]
        raw.append((b"authorization", b"Bearer " + offered.encode()))
    return raw


def _fault(fault: RemoteFault) -> Response:
    return _response(json_answer(fault.as_dict(), fault.status), challenge(fault))


def _response(answer: Answer, more: Mapping[str, str] | None = None) -> Response:
    status, body, media_type = answer
    headers = Headers({"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"})
    headers.update(more or {})
    return Response(status, HTTPStatus(status).phrase, headers, body)


class Fanout:
    """The newest snapshot and everyone who wants it."""

    def __init__(self) -> None:
        self._newest = b""
        self._version = 0
        self._published = asyncio.Event()
        self.subscribers = 0
        self.behind = 0
        """Subscribers that have not taken the last snapshot offered to them."""
        self.skipped = 0
        self.cut = 0

    @property
    def buffer(self) -> BufferView:
        """What waits in front of subscribers: one snapshot at most for each."""
        return BufferView("feed", self.behind, self.subscribers, "snapshots")

    def publish(self, snapshot: bytes) -> None:
        """Offer a snapshot to every subscriber."""
        self._newest = snapshot
        self._version += 1
        self._published.set()
        self._published = asyncio.Event()

    async def serve(self, connection: ServerConnection) -> None:
        """Send snapshots to one subscriber until it goes or is cut."""
        self.subscribers += 1
        _bound(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_to(connection))
                await _hear(connection)  # also while no snapshot is due
                sending.cancel()
        finally:
            self.subscribers -= 1

    async def _send_to(self, connection: ServerConnection) -> None:
        """Send the newest snapshot again and again; cut a subscriber that takes nothing."""
        seen = self._version
        try:
            while True:
                if seen == self._version:
                    await self._published.wait()
                self.skipped += self._version - seen - 1
                seen = self._version
                self.behind += 1
                try:
                    async with asyncio.timeout(CUT_AFTER_S):
                        await connection.send(self._newest, text=True)
                finally:
                    self.behind -= 1
        except TimeoutError:
            self.cut += 1
            _log.warning("slow_consumer_cut", buffered=connection.transport.get_write_buffer_size())
            end_hard(connection.transport)
        except ConnectionClosed:
            pass


def _bound(connection: ServerConnection) -> None:
    connection.protocol.max_message_size = MOST_HEARD_BYTES
    sock = connection.transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)


async def _hear(connection: ServerConnection) -> None:
    """Wait until a subscriber goes, or says something: then it is sent away."""
    with suppress(ConnectionClosed):
        await connection.recv(decode=False)
        await connection.close(CloseCode.POLICY_VIOLATION, "a feed takes no messages")
