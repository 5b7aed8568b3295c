"""The part of the control API that breaks things: `POST /api/faults`, `/api/faults/undo`, `/api/route`.

Requests are checked whole before anything is changed. `route` leads a pipeline's connections through a proxy on this
machine and nowhere else, since the lab's token travels with them; in containers (`LAB_FAULTS=inside`) the proxy is in
another one, and any private address will do.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fake_servers.control_io import json_reply, read_body
from fake_servers.faults import decode, parse_fault, parse_undo
from fake_servers.fleet import Fleet
from metrics_core.errors import SchemaViolation


class RouteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/route`."""

    pipeline: Literal["http_redis", "websocket"]
    url: Annotated[str, msgspec.Meta(max_length=200)] | None


def fault_routes(fleet: Fleet, *, in_containers: bool = False) -> list[Route]:
    """The routes; the control API's guards stand before them."""

    async def begin(request: Request) -> Response:
        asked = parse_fault(await read_body(request))
        affected = await fleet.begin_fault(asked.kind, asked.target, asked.grade)
        return json_reply({"kind": asked.kind, "target": asked.target, "affected": affected})

    async def undo(request: Request) -> Response:
        asked = parse_undo(await read_body(request))
        affected = await fleet.undo_fault(asked.kind, asked.target)
        return json_reply({"kind": asked.kind, "target": asked.target, "affected": affected})

    netloc = private_netloc if in_containers else local_netloc

    async def route(request: Request) -> Response:
        asked = decode(await read_body(request), RouteRequest)
        affected = await fleet.route(asked.pipeline, None if asked.url is None else netloc(asked.url))
        return json_reply({"pipeline": asked.pipeline, "url": asked.url, "affected": affected})

    return [
        Route("/api/faults", begin, methods=["POST"]),
        Route("/api/faults/undo", undo, methods=["POST"]),
        Route("/api/route", route, methods=["POST"]),
    ]


def local_netloc(url: str) -> str:
    """Host and port of a URL of this machine. The scheme is not looked at: the protocol stays the configured one.

    Raises:
        SchemaViolation: It is not `scheme://host:port` with an address of this machine's loopback.
    """
    return _netloc(url, private=False)


def private_netloc(url: str) -> str:
    """The same for any address of a private network.

    Raises:
        SchemaViolation: It is not `scheme://host:port` with such an address.
    """
    return _netloc(url, private=True)


def _netloc(url: str, *, private: bool) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        fine = address.is_loopback or (private and address.is_private)
    except ValueError:
        fine, port, host = False, None, ""
    if not fine or not port:
        where = "a private address" if private else "this machine's loopback"
        raise SchemaViolation(f"$.url: expected http://host:port on {where}, or null")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
