"""Serving snapshots to dashboards over WebSocket: newest wins, nothing queues.

Each subscriber has one task that sends the newest snapshot and waits until the socket took it. A slow one finds a newer
snapshot when it is done and skips those between (`skipped`); one that takes nothing for `CUT_AFTER_S` is cut (`cut`).
So a subscriber holds at most one snapshot and `WRITE_LIMIT_BYTES` of memory, and never costs another one a frame.
Rejected: `websockets.broadcast`, which has no backpressure; a client that does not read buffers without bound there.

The same port answers plain GET requests (health, metrics, ledger) through `HttpRoutes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lab_runtime.logs import get_logger
from lab_runtime.ops import PROMETHEUS_TEXT, token_matches

CUT_AFTER_S: Final = 5.0
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
        token: Bearer token for WebSockets and for `guarded` paths; browsers, which cannot set headers on a
            WebSocket, may send it as `?token=`.
        guarded: Paths of `routes` that need the token.
    """

    def __init__(
        self,
        sockets: frozenset[str],
        routes: Mapping[str, Callable[[], Awaitable[Answer]]],
        token: str,
        guarded: frozenset[str],
    ) -> None:
        self._sockets = sockets
        self._routes = routes
        self._token = token
        self._guarded = guarded

    async def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """`process_request` of websockets: an answer, or None to go on with the WebSocket handshake."""
        url = urlsplit(request.path)
        if (url.path in self._sockets or url.path in self._guarded) and not self._authorized(
            request, url.query
        ):
            return _response(
                json_answer({"error": "unauthorized", "detail": "a bearer token is needed"}, 401)
            )
        if url.path in self._sockets:
            if "websocket" in request.headers.get("Upgrade", "").lower():
                return None
            detail = "this path speaks WebSocket"
            return _response(json_answer({"error": "upgrade_required", "detail": detail}, 426))
        route = self._routes.get(url.path)
        if route is None:
            return _response(json_answer({"error": "not_found", "detail": "no such path"}, 404))
        return _response(await route())

    def _authorized(self, request: Request, query: str) -> bool:
        if not self._token:
            return True
        offered = parse_qs(query).get("token", [""])[0]
        authorization = request.headers.get("Authorization") or f"Bearer {offered}"
        return token_matches(self._token, authorization)


def _response(answer: Answer) -> Response:
    status, body, media_type = answer
    headers = Headers({"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"})
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status, HTTPStatus(status).phrase, headers, body)


class Fanout:
    """The newest snapshot and everyone who wants it."""

    def __init__(self) -> None:
        self._newest = b""
        self._version = 0
        self._published = asyncio.Event()
        self.subscribers = 0
        self.skipped = 0
        self.cut = 0

    def publish(self, snapshot: bytes) -> None:
        """Offer a snapshot to every subscriber."""
        self._newest = snapshot
        self._version += 1
        self._published.set()
        self._published = asyncio.Event()

    async def serve(self, connection: ServerConnection) -> None:
        """Send snapshots to one subscriber until it goes or is cut."""
        self.subscribers += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_to(connection))
                await connection.wait_closed()  # also while no snapshot is due
                sending.cancel()
        finally:
            self.subscribers -= 1

    async def _send_to(self, connection: ServerConnection) -> None:
        seen = self._version
        try:
            while True:
                if seen == self._version:
                    await self._published.wait()
                self.skipped += self._version - seen - 1
                seen = self._version
                async with asyncio.timeout(CUT_AFTER_S):
                    await connection.send(self._newest, text=True)
        except TimeoutError:
            self.cut += 1
            _log.warning("slow_consumer_cut", buffered=connection.transport.get_write_buffer_size())
            connection.transport.abort()
        except ConnectionClosed:
            pass
