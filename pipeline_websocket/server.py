"""The process of pipeline B: one port for producers (`/v1/ingest`), dashboards (`/v1/feed`) and plain GET requests.

Compression is off: it costs 32 KiB a connection, a frame of one sample gains nothing, and a frame that claims to be
compressed ends its connection before anything is inflated, so no bomb can go off. For the lesson's sake `knobs.py`
turns it on for producers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve

from lab_runtime.behind import Behind
from lab_runtime.feed import (
    CLOSE_TIMEOUT_S,
    WRITE_LIMIT_BYTES,
    Answer,
    HttpRoutes,
    json_answer,
    raw_headers,
    text_answer,
)
from lab_runtime.guards import authorization_of
from lab_runtime.logs import get_logger
from lab_runtime.one_at_a_time import OneAtATime
from lab_runtime.peers import OPEN_WITHIN_S
from lab_runtime.process import now_us
from lab_runtime.self_faults import PATH as ORDERS
from lab_runtime.self_faults import SelfFaults, serve_order
from lab_runtime.tls import TlsFiles, server_context
from metrics_core.errors import RemoteFault
from metrics_core.limits import MAX_BATCH_BYTES
from metrics_core.rate_limit import RateLimit
from metrics_core.wire import BatchDecoder
from pipeline_websocket.config import Config
from pipeline_websocket.ingest import ProducerConnection
from pipeline_websocket.knobs import PATH as KNOBS
from pipeline_websocket.knobs import KnobRoutes
from pipeline_websocket.memory_side import MemorySide

INGEST: Final = "/v1/ingest"
FEED: Final = "/v1/feed"
GUARDED: Final = frozenset({"/v1/ledger", "/v1/windows", "/v1/whereabouts", "/v1/histograms"})
_log = get_logger("server")


@asynccontextmanager
async def listening(
    connected: Callable[[ServerConnection], Awaitable[None]],
    host: str,
    port: int,
    http: HttpRoutes,
    tls: TlsFiles | None = None,
) -> AsyncIterator[None]:
    """Serve WebSockets and GET requests within the lab's bounds; left, it closes every connection with 1001."""
    async with serve(
        connected,
        host,
        port,
        process_request=http,
        create_connection=http.connections.new,  # type: ignore[arg-type]
        ssl=server_context(tls),
        compression=None,
        max_size=MAX_BATCH_BYTES,
        write_limit=WRITE_LIMIT_BYTES,
        open_timeout=OPEN_WITHIN_S,
        close_timeout=CLOSE_TIMEOUT_S,
        backlog=1024,
    ):
        _log.info("listening", host=host, port=port)
        yield


def get_routes(behind: Behind) -> dict[str, Callable[[], Awaitable[Answer]]]:
    """The plain GET requests of an ingest port."""

    async def alive() -> Answer:
        return json_answer({"status": "ok"})

    failing_now = OneAtATime(behind.failing)

    async def ready() -> Answer:
        failing = await failing_now()
        return (
            json_answer({"status": "not ready"} | failing, 503)
            if failing
            else json_answer({"status": "ready"})
        )

    async def metrics() -> Answer:
        return text_answer(await behind.metrics())

    async def ledger() -> Answer:
        return json_answer(await behind.ledger())

    async def histograms() -> Answer:
        return json_answer(await behind.histograms())

    async def windows() -> Answer:
        return json_answer(await behind.windows())

    async def whereabouts() -> Answer:
        return json_answer(await behind.whereabouts())

    asked = {
        "/metrics": metrics,
        "/v1/ledger": ledger,
        "/v1/windows": windows,
        "/v1/whereabouts": whereabouts,
        "/v1/histograms": histograms,
    }
    return {"/healthz": alive, "/readyz": ready} | {path: _or_fault(ask) for path, ask in asked.items()}


def _or_fault(ask: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer]]:
    shared = OneAtATime(ask)

    async def answer() -> Answer:
        try:
            return await shared()
        except RemoteFault as fault:
            return json_answer(fault.as_dict(), fault.status)

    return answer


class PipelineServer:
    """The one process of pipeline B."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._memory = MemorySide(config)
        self._decoder = BatchDecoder()
        self._orders = SelfFaults(config.host) if config.takes_orders else None
        self._limit = RateLimit(config.producer_rate) if config.producer_rate else None

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then close every connection with 1001 (going away)."""
        config = self._config
        memory = self._memory
        sockets = frozenset({INGEST, FEED, KNOBS, *([ORDERS] if self._orders else [])})
        routes = get_routes(memory)
        http = KnobRoutes(
            memory.knobs,
            INGEST,
            sockets,
            routes,
            config.guards,
            GUARDED,
            memory.connections,
            frozenset({INGEST}),
        )
        async with (
            memory.running(stop),
            listening(self._connected, config.host, config.port, http, config.tls),
        ):
            await stop.wait()

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        memory = self._memory
        path = connection.request.path.partition("?")[0]
        if path == FEED:
            await memory.fanout.serve(connection)
        elif path == ORDERS and self._orders:
            await serve_order(self._orders.obey, connection)
        elif path == KNOBS:
            await memory.knobs.serve(connection)
        else:
            headers = raw_headers(connection.request, urlsplit(connection.request.path).query)
            phones_only = self._config.guards.joins(authorization_of(headers))
            producer = ProducerConnection(
                connection,
                memory.sink,
                memory.holder,
                self._decoder,
                memory.connected,
                now_us,
                self._limit,
                phones_only,
            )
            memory.knobs.producers.add(connection)
            try:
                await producer.serve()
            finally:
                memory.knobs.producers.discard(connection)
