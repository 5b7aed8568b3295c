"""The ingest process: Starlette's routes on Hypercorn, HTTP/1.1 and HTTP/2 (prior knowledge) on one port.

Holds no state of its own but counters that `store_side.py` hands to the store four times a second; any number may run,
on one port (`SO_REUSEPORT`) or on many machines.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, Final

import orjson
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab_runtime.behind import Behind
from lab_runtime.logs import get_logger
from lab_runtime.ops import token_matches
from lab_runtime.process import end_with
from metrics_core.errors import RemoteFault
from pipeline_http_redis.gone_clients import install as install_gone_clients
from pipeline_http_redis.ingest import IngestEndpoint
from pipeline_http_redis.late_frames import install as install_late_frames

SWEEP_EVERY_S: Final = 1.0
STOP_WITHIN_S: Final = 4.0
_log = get_logger("server")


def hypercorn_config(sock: socket.socket) -> HypercornConfig:
    """Hypercorn's settings, where its defaults do not fit (each measured or read; see docs/decisions)."""
    config = HypercornConfig()
    config.bind = [f"fd://{sock.fileno()}"]
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


class IngestServer:
    """One ingest process: HTTP on one port, before whatever holds the batches.

    Args:
        host: Address to listen on.
        port: For all routes.
        token: Bearer token; empty: none asked for.
        behind: What holds the batches.
    """

    def __init__(self, host: str, port: int, token: str, behind: Behind) -> None:
        self._host, self._port, self._token = host, port, token
        self._behind = behind
        self._endpoint = IngestEndpoint(behind.sink, token, behind.counts)

    def app(self) -> Starlette:
        """The routes."""
        app = Starlette(
            routes=[
                Route("/v1/samples", self._endpoint, methods=["POST"]),
                Route("/v1/ledger", self._ledger),
                Route("/v1/histograms", self._histograms),
                Route("/healthz", _alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
            ],
            exception_handlers={HTTPException: self._http_error, RemoteFault: _fault, 500: _our_fault},
        )
        app.router.redirect_slashes = False  # a wrong path is a 404, not a redirect
        return app

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then answer what is in flight and hand over the last counts."""
        install_late_frames()
        install_gone_clients()
        sock = listen(self._host, self._port)
        sweep = asyncio.create_task(self._sweep_for_ever())
        end_with(sweep, stop)
        try:
            async with self._behind.running(stop):
                _log.info("listening", host=self._host, port=self._port)
                app: Any = self.app()
                await _until_stopped(
                    hypercorn_serve(app, hypercorn_config(sock), shutdown_trigger=stop.wait), stop
                )
        finally:
            sweep.cancel()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self._endpoint.bodies.sweep()

    async def _ledger(self, request: Request) -> Response:
        if not token_matches(self._token, request.headers.get("authorization")):
            raise HTTPException(401, "a bearer token is needed", headers={"www-authenticate": "Bearer"})
        return _json(await self._behind.ledger())

    async def _histograms(self, _: Request) -> Response:
        return _json(await self._behind.histograms())

    async def _ready(self, _: Request) -> Response:
        failing = await self._behind.failing()
        return _json({"status": "not ready"} | failing, 503) if failing else _json({"status": "ready"})

    async def _metrics(self, _: Request) -> Response:
        return Response(await self._behind.metrics(), media_type="text/plain; version=0.0.4")

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
