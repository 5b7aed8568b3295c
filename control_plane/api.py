"""`serve`: the control API and the dashboard's files, on the first port of the lab.

It holds no state but the load test that it started: events and processes are read from the supervisor's files, servers
and the fleet's ledger are asked of the fleet, so that the page needs one origin only. Not here: the controls
(`controls/routes.py`), and the feeds, which the page opens itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from control_plane import __version__
from control_plane.audit import LABELS
from control_plane.audit_route import AuditRoute
from control_plane.controls.doors import FleetDoor
from control_plane.controls.far import keeper_of
from control_plane.controls.http import answering
from control_plane.controls.keeper import InsideKeeper, Keeper
from control_plane.controls.present import PresentSettings
from control_plane.controls.refusals import NotDone
from control_plane.controls.routes import Controls
from control_plane.controls.trail import AuditTrail, Trail
from control_plane.events import read_events
from control_plane.faults.inside import Inside, running_inside
from control_plane.faults.routes import fault_routes
from control_plane.faults.socket import EngineAway, Faults, engine_of
from control_plane.join.routes import JOINING_PATHS, Joining
from control_plane.openapi.routes import description_routes
from control_plane.page import (
    DASHBOARD,
    SecurityHeaders,
    chart_js_path,
    failing_part,
    json_error,
    needs_token,
)
from control_plane.ports import listening_socket
from control_plane.processes import ProcessTable
from control_plane.settings import ROOT
from lab_runtime.env import Env
from lab_runtime.guards import GuardedApp, Guards
from lab_runtime.logs import get_logger
from lab_runtime.ops import PROMETHEUS_TEXT, metrics_text
from lab_runtime.process import SelfMeter, now_us, run_async, start
from lab_runtime.tls import TlsFiles, client_context

FLEET_ANSWERS_WITHIN_S: Final = 3.0
STOP_WITHIN_S: Final = 2.0
FEED_PATH: Final = "/v1/feed"
_ERROR_NAMES: Final = {404: "not_found", 405: "method_not_allowed"}
_log = get_logger("control_api")


class ControlApi:
    """The routes, and what they read from.

    Args:
        env: The settings.
        name: This process in logs and metrics.
    """

    def __init__(self, env: Env, name: str) -> None:
        self._lab = _describe(env)
        self._run_dir = ROOT / env.text("LAB_STATE_DIR") / (env.text("LAB_RUN") or "-")
        self._processes = ProcessTable(self._run_dir.parent, env.text("LAB_RUN"), name)
        self._env, self._token = env, env.token()
        self._inside: Inside | None = None
        self._meter = SelfMeter(name)
        self._fleet: httpx2.AsyncClient | None = None
        self._fleet_door = FleetDoor(env.url("LAB_FLEET_URL", "http", 4), self._opened_client)
        self._trail = Trail(self._run_dir, now_us)
        self._controls = Controls(env, self._fleet_door, self._keeper, self._fault_engine)
        self._present = PresentSettings(self._lab["settings"], self._controls.look)
        self._joining = Joining(env, self._run_dir, self._controls.tell)
        self._audit = AuditRoute(env, self._run_dir, self._opened_client, self._joining.accounts)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/", _file(DASHBOARD / "index.html")),
                Mount("/static", StaticFiles(directory=DASHBOARD, check_dir=False)),
                Route("/vendor/chart.js", _file(chart_js_path())),
                Route("/api/lab", self._describe_lab),
                Route("/api/servers", answering(self._from_fleet)),
                Route("/api/ledger", answering(self._from_fleet)),
                Route("/api/audit", self._audit.answer),
                Route("/api/audit/counts", self._audit.counts),
                *fault_routes(self._fault_engine),
                *self._controls.routes(),
                *self._joining.routes(),
                *description_routes(),
                Route("/api/events", self._events),
                Route("/api/processes", self._list_processes),
                Route("/healthz", _alive),
                Route("/readyz", _ready),
                Route("/metrics", self._metrics),
            ],
            middleware=[
                Middleware(SecurityHeaders),
                Middleware(GuardedApp, Guards.from_env(self._env), needs_token, joining=JOINING_PATHS),
                Middleware(AuditTrail, self._trail),
            ],
            exception_handlers={HTTPException: _http_error, 500: _our_fault},
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        timeout = FLEET_ANSWERS_WITHIN_S
        verify = client_context(TlsFiles.from_env(self._env))
        async with httpx2.AsyncClient(
            timeout=timeout, trust_env=False, headers=headers, verify=verify
        ) as client:
            self._fleet = client
            try:
                if not self._env.takes_orders():
                    yield
                    return
                async with running_inside(self._env, self._run_dir) as self._inside:
                    yield
            finally:
                await self._present.aclose()
                await self._controls.load_runs.aclose()

    def _fault_engine(self) -> Faults:
        if not self._env.takes_orders():  # then it is in the supervisor's process
            return engine_of(self._run_dir.parent, self._env.text("LAB_RUN"))
        return self._opened_inside().engine

    def _keeper(self) -> Keeper:
        if not self._env.takes_orders():
            return keeper_of(self._run_dir.parent, self._env.text("LAB_RUN"))
        inside = self._opened_inside()
        seen = {"workers": self._env.integer("LAB_WORKERS"), "fsync": self._env.text("LAB_FSYNC")}
        return InsideKeeper(inside.engine.events, seen, inside.turned)

    def _opened_inside(self) -> Inside:
        if self._inside is None:
            raise EngineAway("the fault engine is not there yet")
        return self._inside

    def _opened_client(self) -> httpx2.AsyncClient:
        if self._fleet is None:
            raise NotDone("the control API is not ready yet")
        return self._fleet

    async def _describe_lab(self, _: Request) -> Response:
        return _json(self._lab | {"settings": await self._present.now()})

    async def _from_fleet(self, request: Request) -> Response:
        return Response(await self._fleet_door.get(request.url.path), media_type="application/json")

    async def _events(self, request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            return json_error(400, "malformed", "after: expected a whole number")
        return _json({"events": read_events(self._run_dir, after)})

    async def _list_processes(self, _: Request) -> Response:
        return _json({"processes": self._processes.observe()})

    async def _metrics(self, _: Request) -> Response:
        own = self._meter.observe()
        counters = {
            "fleet_requests_failed": self._fleet_door.failures,
            "audit_records_failed": self._trail.failed,
        }
        gauges = {"cpu_percent": own.cpu_percent, "resident_bytes": own.rss_bytes}
        return Response(metrics_text("control_plane", counters, gauges), media_type=PROMETHEUS_TEXT)


def _describe(env: Env) -> dict[str, Any]:
    """What `/api/lab` says but for the settings of now (`controls/present.py`)."""
    feed_ports = {"http_redis": env.published_port(2), "websocket": env.published_port(3)}
    settings = {
        "servers": env.integer("LAB_SERVERS"),
        "rate": env.number("LAB_RATE"),
        "workers": env.integer("LAB_WORKERS"),
        "fsync": env.text("LAB_FSYNC"),
        "seed": env.integer("LAB_SEED"),
        "transport": env.text("LAB_TRANSPORT"),
        "replay": env.text("LAB_REPLAY"),
        "backlog_capacity": env.integer("LAB_BACKLOG_CAPACITY"),
    }
    return {
        "run": env.text("LAB_RUN"),
        "version": __version__,
        "pipelines": {
            name: {"label": LABELS[name], "feed_port": port, "feed_path": FEED_PATH}
            for name, port in feed_ports.items()
        },
        "settings": settings,
        "started_with": dict(settings),
        "feed_hz": env.number("LAB_FEED_HZ"),
        "fleet_port": env.published_port(4),
    }


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _file(path: Path | None) -> Any:
    async def send_file(_: Request) -> Response:
        if path is None or not path.is_file():
            return json_error(404, "not_found", "this file is not installed")
        return FileResponse(path)

    return send_file


async def _alive(_: Request) -> Response:
    return _json({"status": "ok"})


async def _ready(_: Request) -> Response:
    failing = failing_part()
    if failing:
        return Response(
            msgspec.json.encode({"status": "not ready", "failing": failing}),
            503,
            media_type="application/json",
        )
    return _json({"status": "ready"})


def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    response = json_error(status, _ERROR_NAMES.get(status, "refused"), detail)
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


def _our_fault(_: Request, error: Exception) -> Response:
    _log.error("internal_error", error=type(error).__name__, detail=str(error)[:200])
    return json_error(500, "internal", "the control API failed; its log says why")


async def serve(env: Env, name: str, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ConfigError: The address or the port cannot be had.
    """
    host = env.text("LAB_HOST")
    config = HypercornConfig()
    config.bind = [f"fd://{listening_socket(host, env.port(0)).detach()}"]  # Hypercorn closes it
    if tls := TlsFiles.from_env(env):
        config.certfile, config.keyfile = str(tls.certificate), str(tls.key)
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = STOP_WITHIN_S
    _log.info("listening", host=host, port=env.port(0))
    app: Any = ControlApi(env, name).app()
    shutdown: Any = stop.wait  # Hypercorn's type wants a result of None
    await hypercorn_serve(app, config, shutdown_trigger=shutdown)


def main() -> None:
    """The body of `python -m control_plane serve`."""
    start("dashboard", lambda env, name: run_async(lambda stop: serve(env, name, stop)))
