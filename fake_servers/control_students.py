"""What a student can ask of one server, as of a real one: `/servers/{name}/health|metrics|slow|error/{code}|data/{kb}`.

The first two tell the truth about the server. The others are for poking at: an answer that takes its time, an answer
that fails, an answer of a given size. They cost the fleet next to nothing, and `slow` has a bound on how many wait.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fake_servers.control_io import json_reply
from fake_servers.fleet import Fleet
from fake_servers.orders import UnknownServer
from fake_servers.producer import Producer
from fake_servers.views import server_health, server_metrics
from lab_runtime.ops import PROMETHEUS_TEXT
from metrics_core.errors import BacklogFull, SchemaViolation

USUAL_MS: Final = 500
LONGEST_MS: Final = 10_000
MOST_WAITING: Final = 200
"""Slow answers at once, over all servers."""

LARGEST_KIB: Final = 1024
_ONE_KIB: Final = bytes(range(32, 96)) * 16


def student_routes(fleet: Fleet) -> list[Route]:
    """The routes; the control API's guards stand before them."""
    waiting = 0

    def asked(request: Request) -> Producer:
        name = request.path_params["name"]
        if name not in fleet.producers:
            raise UnknownServer(f"no server is named {name!r:.80}")
        return fleet.producers[name]

    async def health(request: Request) -> Response:
        status, content = server_health(asked(request))
        return json_reply(content, status)

    async def metrics(request: Request) -> Response:
        return Response(server_metrics(asked(request)), media_type=PROMETHEUS_TEXT)

    async def slow(request: Request) -> Response:
        nonlocal waiting
        name = asked(request).name
        ms = _number(request.query_params.get("ms", str(USUAL_MS)), "ms", 0, LONGEST_MS)
        if waiting >= MOST_WAITING:
            raise BacklogFull(f"{MOST_WAITING} slow answers are waiting already")
        waiting += 1
        try:
            await asyncio.sleep(ms / 1000)
        finally:
            waiting -= 1
        return json_reply({"name": name, "waited_ms": ms})

    async def error(request: Request) -> Response:
        name = asked(request).name
        code = _number(request.path_params["code"], "code", 400, 599)
        return json_reply({"error": "asked_for", "detail": f"{name} was asked to answer {code}"}, code)

    async def data(request: Request) -> Response:
        asked(request)
        kib = _number(request.path_params["kb"], "kb", 0, LARGEST_KIB)
        return Response(_ONE_KIB * kib, media_type="application/octet-stream")

    parts: dict[str, Any] = {
        "health": health,
        "metrics": metrics,
        "slow": slow,
        "error/{code}": error,
        "data/{kb}": data,
    }
    return [Route(f"/servers/{{name}}/{path}", endpoint) for path, endpoint in parts.items()]


def _number(text: str, name: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and low <= int(text) <= high):
        raise SchemaViolation(f"{name}: expected a whole number from {low} to {high}")
    return int(text)
