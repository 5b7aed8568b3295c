"""The ingest process: Starlette's routes on Hypercorn, HTTP/1.1 and HTTP/2 (prior knowledge) on one port.

Holds no state of its own but counters that `store_side.py` hands to the store four times a second; any number may run,
on one port (`SO_REUSEPORT`) or on many machines.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

import orjson
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab_runtime.behind import Behind
from lab_runtime.guards import GuardedApp, Guards
from lab_runtime.logs import get_logger
from lab_runtime.one_at_a_time import OneAtATime
from lab_runtime.open_files import held_now
from lab_runtime.ops import metrics_text
from lab_runtime.order_routes import order_routes
from lab_runtime.process import end_with
from lab_runtime.self_faults import Order
from lab_runtime.tls import TlsFiles
from metrics_core.errors import RemoteFault
from metrics_core.rate_limit import RateLimit
from pipeline_http_redis.connections import HEAD_WITHIN_S, connections
from pipeline_http_redis.connections import install as install_connections
from pipeline_http_redis.cross_origin import preflight
from pipeline_http_redis.ingest import DEFAULT_MOST_IN_FLIGHT, IngestEndpoint
from pipeline_http_redis.late_frames import install as install_late_frames
from pipeline_http_redis.strict_http1 import install as install_strict_http1

ON_ITS_OWN: Final = frozenset({("POST", "/v1/samples"), ("OPTIONS", "/v1/samples")})
SWEEP_EVERY_S: Final = 1.0
STOP_WITHIN_S: Final = 4.0
_log = get_logger("server")


def hypercorn_config(sock: socket.socket, tls: TlsFiles | None = None) -> HypercornConfig:
    """Hypercorn's settings, where its defaults do not fit (each measured or read; see docs/decisions)."""
    config = HypercornConfig()
    config.bind = [f"fd://{sock.fileno()}"]
    if tls:  # with ALPN: h2 or http/1.1
        config.certfile, config.keyfile = str(tls.certificate), str(tls.key)
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    config.keep_alive_max_requests = 2**62  # 1,000 by default: then it drops replies in flight on HTTP/2
    config.keep_alive_timeout = (
        75.0  # 5 s by default: a producer with one sample a minute would reconnect each time
    )
    config.backlog = 1_024  # 100 by default: fewer than producers that come back together after an outage
    config.h2_max_concurrent_streams = 1_000  # 100 by default: stream 101 ends the connection
    config.graceful_timeout = STOP_WITHIN_S - 1
    config.ssl_handshake_timeout = HEAD_WITHIN_S  # 60 s by default
    return config


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that several processes may open on one port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


class Orders(Protocol):
    """Takes the fault engine's orders (`orders.py`; there are none but in containers)."""

    async def obey(self, order: Order) -> dict[str, Any] | None:
        """Carry out an order."""

    async def look(self) -> bytes:
        """What can be broken from here, as JSON."""

    async def aclose(self) -> None:
        """Let go of what it holds."""


class IngestServer:
    """One ingest process: HTTP on one port, before whatever holds the batches.

    Args:
        host: Address to listen on.
        port: For all routes.
        guards: Hosts, origins and tokens.
        behind: What holds the batches.
        producer_rate: Samples per second and producer; 0: any number.
        most_in_flight: Requests in hand.
        tls: Certificate and key; None: no TLS.
        orders: Carries out the fault engine's orders; None: there are none to be taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        guards: Guards,
        behind: Behind,
        producer_rate: float = 0.0,
        most_in_flight: int = DEFAULT_MOST_IN_FLIGHT,
        tls: TlsFiles | None = None,
        orders: Orders | None = None,
    ) -> None:
        self._host, self._port, self._guards, self._tls = host, port, guards, tls
        self._behind, self._orders = behind, orders
        self._failing, self._told = OneAtATime(behind.failing), OneAtATime(behind.metrics)
        limit = RateLimit(producer_rate) if producer_rate else None
        self._endpoint = IngestEndpoint(behind.sink, guards, behind.counts, limit, most_in_flight)

    def app(self) -> Starlette:
        """The routes."""
        orders = order_routes(self._orders.obey, self._orders.look) if self._orders else []
        app = Starlette(
            routes=[
                Route("/v1/samples", self._endpoint, methods=["POST"]),
                Route("/v1/samples", preflight(self._guards), methods=["OPTIONS"]),
                Route("/v1/ledger", _answering(self._behind.ledger)),
                Route("/v1/windows", _answering(self._behind.windows)),
                Route("/v1/whereabouts", _answering(self._behind.whereabouts)),
                Route("/v1/histograms", _answering(self._behind.histograms)),
                *orders,
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
            ],
            middleware=[Middleware(GuardedApp, self._guards, lambda path: True, ON_ITS_OWN)],
            exception_handlers={HTTPException: self._http_error, RemoteFault: _fault, 500: _our_fault},
        )
        app.router.redirect_slashes = False  # a wrong path is a 404, not a redirect
        return app

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then answer what is in flight and hand over the last counts."""
        install_late_frames()
        install_strict_http1()
        install_connections()
        sock = listen(self._host, self._port)
        sweep = asyncio.create_task(self._sweep_for_ever())
        end_with(sweep, stop)
        try:
            async with self._behind.running(stop):
                _log.info("listening", host=self._host, port=self._port)
                app: Any = self.app()
                await _until_stopped(
                    hypercorn_serve(app, hypercorn_config(sock, self._tls), shutdown_trigger=stop.wait), stop
                )
        finally:
            sweep.cancel()
            if self._orders:
                await self._orders.aclose()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self._endpoint.bodies.sweep()
            await connections.sweep()

    async def _ready(self, _: Request) -> Response:
        failing = await self._failing()
        return _json({"status": "not ready"} | failing, 503) if failing else _json({"status": "ready"})

    async def _metrics(self, _: Request) -> Response:
        gauges = {"http_connections": len(connections.open)} | held_now()
        own = metrics_text("http_redis", connections.counters(), gauges)
        return Response(await self._told() + own, media_type="text/plain; version=0.0.4")

    async def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        await self._endpoint.bodies.discard(request.receive)
        response = _json(
            {"error": _NAMES.get(error.status_code, "refused"), "detail": error.detail}, error.status_code
        )
        response.headers.update(error.headers or {})
        return response


async def _until_stopped(serving: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Serve; after `stop` for `STOP_WITHIN_S` at most.

    Hypercorn 0.18 can wait for ever for an HTTP/2 client that is gone in the middle of an answer (hypercorn PR 374).
    """
    server, stopped = asyncio.ensure_future(serving), asyncio.ensure_future(stop.wait())
    await asyncio.wait({server, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    done, _ = await asyncio.wait({server}, timeout=STOP_WITHIN_S)
    if done:
        server.result()
    else:
        _log.warning("stopped_late", waited_s=STOP_WITHIN_S)
        server.cancel()


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _answering(ask: Callable[[], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
    async def work_out() -> bytes:
        return orjson.dumps(await ask())

    shared = OneAtATime(work_out)

    async def answer(_: Request) -> Response:
        return Response(await shared(), media_type="application/json")

    return answer


async def _alive(_: Request) -> Response:
    return _json({"status": "ok"})


_NAMES: Final = {404: "not_found", 405: "method_not_allowed", 401: "unauthorized"}


def _fault(_: Request, error: Exception) -> Response:
    assert isinstance(error, RemoteFault)
    response = _json(error.as_dict(), error.status)
    if error.retry_after_s:
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def _our_fault(_: Request, error: Exception) -> Response:
    _log.error("internal_error", error=type(error).__name__, detail=str(error)[:200])
    return _json({"error": "internal", "detail": "the ingest failed; its log says why"}, 500)
