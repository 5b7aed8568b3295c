"""The fleet's control API on base+4: what the servers do, the ledger, and the drain. Starlette on Hypercorn.

What it changes is `POST /api/drain`, the faults (`control_faults.py`) and what `control_live.py` has; what students ask
of single servers is in `control_students.py`. Hosts, origins and the token are checked before any of it
(`lab_runtime/guards.py`), so that no foreign page can drain the fleet or break anything.
"""

from __future__ import annotations

import asyncio
import socket

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
from fake_servers.control_io import json_reply
from fake_servers.control_live import live_routes
from fake_servers.control_students import student_routes
from fake_servers.fleet import Fleet
from fake_servers.orders import UnknownServer
from fake_servers.views import fleet_metrics, server_page, server_view
from lab_runtime.guards import GuardedApp, Guards, challenge
from lab_runtime.ops import PROMETHEUS_TEXT
from lab_runtime.order_routes import order_routes
from lab_runtime.process import SelfMeter
from lab_runtime.self_faults import SelfFaults
from metrics_core.errors import ConfigError, RemoteFault
from metrics_core.ledger import format_ledger


def build_app(fleet: Fleet, config: FleetConfig) -> Starlette:
    """The control API of `fleet` as an ASGI application."""
    meter = SelfMeter("fleet")
    guards = Guards(config.host, config.port_base, config.token, config.hostnames)

    async def servers(_: Request) -> Response:
        return json_reply({"servers": [server_view(producer) for producer in fleet.producers.values()]})

    async def server(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in fleet.producers:
            raise UnknownServer(f"no server is named {name!r:.80}")
        return json_reply(server_page(fleet.producers[name]))

    async def ledger(_: Request) -> Response:
        pipelines = {
            pipeline: {
                **{fate: {"producers": format_ledger(identities)} for fate, identities in fates.items()},
                "reasons": fleet.reasons(pipeline),
                "resent": fleet.resent(pipeline),
            }
            for pipeline, fates in fleet.ledger().items()
        }
        return json_reply({"pipelines": pipelines})

    async def drain(_: Request) -> Response:
        drained, waiting = await fleet.drain()
        return json_reply({"drained": drained, "waiting": waiting})

    async def healthz(_: Request) -> Response:
        return json_reply({"status": "ok"})

    async def readyz(_: Request) -> Response:
        failing = fleet.failing()
        if not failing:
            return json_reply({"status": "ready"})
        detail = "; ".join(f"{pipeline}: {reason}" for pipeline, reason in failing.items())
        return json_reply({"error": "not_ready", "detail": detail}, 503)

    async def metrics(_: Request) -> Response:
        return Response(fleet_metrics(fleet, meter), media_type=PROMETHEUS_TEXT)

    app = Starlette(
        routes=[
            Route("/api/servers", servers),
            Route("/api/servers/{name}", server),
            Route("/api/ledger", ledger),
            Route("/api/drain", drain, methods=["POST"]),
            *live_routes(fleet),
            *student_routes(fleet),
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


async def _answer_fault(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RemoteFault)  # it is registered for these only
    return json_reply(fault.as_dict(), fault.status, challenge(fault))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    detail = f"{request.method} {request.url.path:.200}: {error.detail}"
    return json_reply(
        {"error": names.get(error.status_code, "refused"), "detail": detail}, error.status_code, error.headers
    )


async def _answer_bug(_: Request, error: Exception) -> Response:
    return json_reply({"error": "internal", "detail": type(error).__name__}, 500)
