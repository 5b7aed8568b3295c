"""The part of the control API that changes the fleet while it runs: `/api/fleet`, orders to servers, `/api/broadcast`.

Requests are checked whole before anything is changed.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fake_servers.control_io import json_reply, read_body
from fake_servers.fleet import Fleet
from fake_servers.live import LiveChanges
from fake_servers.orders import parse_broadcast


def live_routes(fleet: Fleet) -> list[Route]:
    """The routes; the control API's guards stand before them."""
    live = LiveChanges(fleet)

    async def knobs(request: Request) -> Response:
        if request.method == "POST":
            await live.set_knobs(await read_body(request))
        return json_reply(live.told())

    async def order(request: Request) -> Response:
        path = request.path_params
        affected = await live.order(path["action"], path["name"], await read_body(request))
        return json_reply({"affected": affected})

    async def broadcast(request: Request) -> Response:
        return json_reply({"affected": live.broadcast(parse_broadcast(await read_body(request)))})

    return [
        Route("/api/fleet", knobs, methods=["GET", "POST"]),
        Route("/api/servers/{name}/{action}", order, methods=["POST"]),
        Route("/api/broadcast", broadcast, methods=["POST"]),
    ]
