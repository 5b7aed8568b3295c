"""The ingest process: Starlette's routes on Hypercorn, HTTP/1.1 and HTTP/2 (prior knowledge) on one port.

Holds no state of its own but counters that it hands to the store four times a second; any number may run, on one port
(`SO_REUSEPORT`) or on many machines.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import orjson
import redis
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab_runtime.logs import get_logger
from lab_runtime.ops import metrics_text, token_matches
from lab_runtime.process import SelfMeter, end_with, now_us
from metrics_core.histogram import Histogram
from pipeline_http_redis.batcher import Batcher
from pipeline_http_redis.config import Config
from pipeline_http_redis.gone_clients import install as install_gone_clients
from pipeline_http_redis.ingest import Counts, IngestEndpoint
from pipeline_http_redis.late_frames import install as install_late_frames
from pipeline_http_redis.store.counters import read_counters
from pipeline_http_redis.store.intake import Intake
from pipeline_http_redis.store.ledger import read_ledger

REPORT_EVERY_S: Final = 0.25
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
    """One ingest process."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._intake = Intake(config.redis_url)
        self._batcher = Batcher(self._intake, config.backlog_capacity, now_us)
        self._counts = Counts()
        self._endpoint = IngestEndpoint(self._batcher, config.token, self._counts)
        self._meter = SelfMeter(config.name)

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
            exception_handlers={
                HTTPException: self._http_error,
                redis.RedisError: _store_away,
                500: _our_fault,
            },
        )
        app.router.redirect_slashes = False  # a wrong path is a 404, not a redirect
        return app

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then answer what is in flight and hand over the last counts."""
        install_late_frames()
        install_gone_clients()
        sock = listen(self._config.host, self._config.ingest_port)
        background = [asyncio.create_task(self._batcher.run()), asyncio.create_task(self._report_for_ever())]
        for task in background:
            end_with(task, stop)
        _log.info("listening", host=self._config.host, port=self._config.ingest_port)
        try:
            app: Any = self.app()
            await _until_stopped(
                hypercorn_serve(app, hypercorn_config(sock), shutdown_trigger=stop.wait), stop
            )
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            with suppress(redis.RedisError, OSError):
                await self._report()
            await self._intake.redis.aclose()

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            self._endpoint.bodies.sweep()
            with suppress(redis.RedisError, OSError):  # counted on; told with the next report
                await self._report()

    async def _report(self) -> None:
        counts = {name: n for name in ("rejected", "refused") if (n := getattr(self._counts, name))}
        accepted = self._batcher.accepted
        self._batcher.accepted = Histogram()
        try:
            await self._intake.report(counts, accepted, self._meter.observe(), now_us())
        except (redis.RedisError, OSError):
            self._batcher.accepted.merge(accepted)
            raise
        for name, n in counts.items():
            setattr(self._counts, name, getattr(self._counts, name) - n)

    async def _ledger(self, request: Request) -> Response:
        if not token_matches(self._config.token, request.headers.get("authorization")):
            raise HTTPException(401, "a bearer token is needed", headers={"www-authenticate": "Bearer"})
        totals, producers = await read_ledger(self._intake.redis)
        return _json(
            {"pipeline": "http_redis", "run": self._config.run, "totals": totals, "producers": producers}
        )

    async def _histograms(self, _: Request) -> Response:
        changes = await read_counters(self._intake.redis, now_us())
        return _json(
            {
                "pipeline": "http_redis",
                "accepted": changes.accepted.as_pairs(),
                "processed": changes.processed.as_pairs(),
            }
        )

    async def _ready(self, _: Request) -> Response:
        try:
            await self._intake.redis.ping()
        except (redis.RedisError, OSError) as error:
            return _json({"status": "not ready", "failing": "redis", "detail": type(error).__name__}, 503)
        return _json({"status": "ready"})

    async def _metrics(self, _: Request) -> Response:
        changes = await read_counters(self._intake.redis, now_us())
        gauges = {"backlog_jobs": changes.waiting, "batches_gathering": self._batcher.waiting_batches}
        latencies = {"accepted": changes.accepted, "processed": changes.processed}
        text = metrics_text("http_redis", changes.totals, gauges, latencies)
        return Response(text, media_type="text/plain; version=0.0.4")

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


def _store_away(_: Request, error: Exception) -> Response:
    response = _json({"error": "unavailable", "detail": "Redis does not answer"}, 503)
    response.headers["retry-after"] = "1"
    _log.warning("store_away", error=type(error).__name__)
    return response


def _our_fault(_: Request, error: Exception) -> Response:
    _log.error("internal_error", error=type(error).__name__, detail=str(error)[:200])
    return _json({"error": "internal", "detail": "the ingest failed; its log says why"}, 500)
