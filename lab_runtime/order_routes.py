"""The fault engine's orders on an HTTP port (see `self_faults.py`); WebSocket ports take them by `serve_order`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab_runtime.self_faults import MOST_BYTES, PATH, Obey, answer

Look = Callable[[], Awaitable[bytes]]
"""Gives what can be broken from here, as JSON."""


def order_routes(obey: Obey | None, look: Look | None = None) -> list[Route]:
    """The routes; the guards of the port stand before them.

    Args:
        obey: Carries out an order; None: this process takes none, and there are no routes.
        look: Answers GET; None: there is no such route.
    """
    if obey is None:
        return []

    async def order(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                break
        status, said = await answer(obey, body)
        return Response(said, status, media_type="application/json")

    routes = [Route(PATH, order, methods=["POST"])]
    if look is not None:

        async def targets(_: Request) -> Response:
            return Response(await look(), media_type="application/json")

        routes.append(Route(PATH, targets))
    return routes
