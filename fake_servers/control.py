"""The fleet's control API on base+4: what the servers do, the ledger, and the drain. Starlette on Hypercorn.

It only reads the fleet, `POST /api/drain` and the faults (`control_faults.py`) apart. Hosts, origins and the token are
checked before any of it (`lab_runtime/guards.py`), so that no foreign page can drain the fleet or break anything.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import msgspec
from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fake_servers.config import FleetConfig
from fake_servers.control_faults import fault_routes
from fake_servers.fleet import Fleet
from fake_servers.producer import Producer
from lab_runtime.guards import GuardedApp, Guards, challenge
from lab_runtime.ops import PROMETHEUS_TEXT, metrics_text
from lab_runtime.order_routes import order_routes
from lab_runtime.process import SelfMeter
from lab_runtime.self_faults import SelfFaults
from metrics_core.errors import ConfigError, RemoteFault
from metrics_core.ledger import format_ledger


class _UnknownServer(RemoteFault):
    error, status = "not_found", 404


def build_app(fleet: Fleet, config: FleetConfig) -> Starlette:
    """The control API of `fleet` as an ASGI application."""
    meter = SelfMeter("fleet")
    guards = Guards(config.host, config.port_base, config.token, config.hostnames)

    async def servers(_: Request) -> Response:
        return _json({"servers": [server_view(producer) for producer in fleet.producers.values()]})

    async def server(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in fleet.producers:
            raise _UnknownServer(f"no server is named {name!r:.80}")
        return _json(server_view(fleet.producers[name]))

    async def ledger(_: Request) -> Response:
        pipelines = {
            pipeline: {
                **{fate: {"producers": format_ledger(identities)} for fate, identities in fates.items()},
                "reasons": fleet.reasons(pipeline),
                "resent": fleet.resent(pipeline),
            }
            for pipeline, fates in fleet.ledger().items()
        }
        return _json({"pipelines": pipelines})

    async def drain(_: Request) -> Response:
        drained, waiting = await fleet.drain()
        return _json({"drained": drained, "waiting": waiting})

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok"})

    async def readyz(_: Request) -> Response:
        failing = fleet.failing()
        if not failing:
            return _json({"status": "ready"})
        detail = "; ".join(f"{pipeline}: {reason}" for pipeline, reason in failing.items())
        return _json({"error": "not_ready", "detail": detail}, 503)

    async def metrics(_: Request) -> Response:
        return Response(fleet_metrics(fleet, meter), media_type=PROMETHEUS_TEXT)

    app = Starlette(
        routes=[
            Route("/api/servers", servers),
            Route("/api/servers/{name}", server),
            Route("/api/ledger", ledger),
            Route("/api/drain", drain, methods=["POST"]),
            *fault_routes(fleet, in_containers=config.takes_orders),
            *order_routes(SelfFaults(config.host).obey if config.takes_orders else None),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        middleware=[Middleware(GuardedApp, guards, lambda path: True)],
        exception_handlers={RemoteFault: _answer_fault, HTTPException: _answer_http, Exception: _answer_bug},
    )
    app.router.redirect_slashes = False
    return app


def server_view(producer: Producer) -> dict[str, Any]:
    """One server as `GET /api/servers` shows it: its present life; `lives` counts those before, too."""
    pipelines = {
        name: {
            "transport": link.transport,
            "connected": link.connected,
            "waiting": link.outbox.waiting,
            "acked": link.outbox.acked.size,
            "rejected": link.outbox.rejected.size,
            "dropped": link.outbox.dropped.size,
            "replayed": link.outbox.replayed,
            "gone": link.outbox.gone.size,
            "resent": link.resent,
            "last_error": link.last_error,
        }
        for name, link in producer.links.items()
    }
    return {
        "name": producer.name,
        "role": producer.role,
        "status": producer.status,
        "transport": "+".join(link.transport for link in producer.links.values()),
        "epoch": producer.history.epoch,
        "next_seq": producer.history.next_seq,
        "skipped": producer.skipped,
        "lives": producer.lives,
        "faults": producer.faults.active(),
        "last": producer.history.last(),
        "pipelines": pipelines,
    }


def fleet_metrics(fleet: Fleet, meter: SelfMeter) -> bytes:
    """The fleet as Prometheus text; what concerns one pipeline has its name in front."""
    process = meter.observe()
    counters: dict[str, float] = {
        "samples": sum(p.created_before + p.history.next_seq for p in fleet.producers.values()),
        "skipped_slots": sum(producer.skipped for producer in fleet.producers.values()),
        "link_crashes": fleet.crashes,
    }
    if fleet.sample_log:
        counters["sample_log_written"] = fleet.sample_log.written
        counters["sample_log_failed"] = fleet.sample_log.failed
        counters["sample_log_files_deleted"] = fleet.sample_log.files_deleted
    gauges: dict[str, float] = {
        "servers": len(fleet.producers),
        "cpu_percent": process.cpu_percent,
        "rss_bytes": process.rss_bytes,
    }
    for pipeline in fleet.pipelines:
        links = fleet.links(pipeline)
        outboxes = [life.outbox for link in links for life in link.lives()]
        counters[f"{pipeline}_acked"] = sum(outbox.acked.size for outbox in outboxes)
        counters[f"{pipeline}_rejected"] = sum(outbox.rejected.size for outbox in outboxes)
        counters[f"{pipeline}_replayed"] = sum(outbox.replayed for outbox in outboxes)
        counters[f"{pipeline}_resent"] = fleet.resent(pipeline)
        counters[f"{pipeline}_crashed"] = sum(
            life.outbox.crashed.size for link in links for life in link.past
        )
        counters[f"{pipeline}_sends"] = sum(link.sends for link in links)
        counters[f"{pipeline}_failures"] = sum(link.failures for link in links)
        # Gauges: a late ack takes a sample back out of these.
        gauges[f"{pipeline}_dropped"] = sum(outbox.dropped.size for outbox in outboxes)
        gauges[f"{pipeline}_gone"] = sum(outbox.gone.size for outbox in outboxes)
        gauges[f"{pipeline}_waiting"] = sum(link.outbox.waiting for link in links)
        gauges[f"{pipeline}_connected"] = sum(link.connected for link in links)
    return metrics_text("fleet", counters, gauges)


def listen(config: FleetConfig) -> socket.socket:
    """Take the control API's port, before anything else is started.

    Raises:
        ConfigError: The port cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(100)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {config.host} port {config.port}: {error.strerror or error}"
        ) from None
    return listener


async def serve_control(
    fleet: Fleet, config: FleetConfig, listener: socket.socket, ended: asyncio.Event
) -> None:
    """Serve the control API until `ended` is set."""
    hypercorn = HypercornConfig()
    hypercorn.bind = [f"fd://{listener.detach()}"]  # Hypercorn owns it from here on
    hypercorn.accesslog = hypercorn.errorlog = None
    if config.tls:
        hypercorn.certfile, hypercorn.keyfile = str(config.tls.certificate), str(config.tls.key)
    hypercorn.include_server_header = False
    hypercorn.graceful_timeout = 0.4  # of the 4.3 s that the process has for its end
    await serve(build_app(fleet, config), hypercorn, shutdown_trigger=ended.wait)  # type: ignore[arg-type]


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")


async def _answer_fault(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RemoteFault)  # it is registered for these only
    return _json(fault.as_dict(), fault.status, challenge(fault))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    detail = f"{request.method} {request.url.path:.200}: {error.detail}"
    return _json(
        {"error": names.get(error.status_code, "refused"), "detail": detail}, error.status_code, error.headers
    )


async def _answer_bug(_: Request, error: Exception) -> Response:
    return _json({"error": "internal", "detail": type(error).__name__}, 500)
