"""`/api/faults`: the fault engine over HTTP, for the page, scenarios and scripts. Guarded as all of `/api/` is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control_plane.controls.asker import asked_by
from control_plane.faults.actuators import FaultRefused, UnknownFault
from control_plane.faults.catalog import decode
from control_plane.faults.socket import Faults
from metrics_core.errors import RemoteFault, TooLarge

MOST_BYTES: Final = 2_048


def fault_routes(faults: Callable[[], Faults]) -> list[Route]:
    """The routes.

    Args:
        faults: Gives the engine to ask; raises a `RemoteFault` where there is none.
    """

    def answering(
        endpoint: Callable[[Request], Awaitable[Response]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except RemoteFault as fault:
                return _json(fault.as_dict(), fault.status)

        return answer

    async def listing(_: Request) -> Response:
        return _json(await faults().listing())

    async def begin(request: Request) -> Response:
        return _json(await faults().begin(decode(await _body(request)), asked_by(request.headers.raw)), 201)

    async def undo(request: Request) -> Response:
        return _json(await faults().undo(_id(request)))

    async def reveal(request: Request) -> Response:
        return _json(await faults().reveal(_id(request)))

    async def undo_all(_: Request) -> Response:
        return _json(await faults().undo_all())

    return [
        Route("/api/faults", answering(listing)),
        Route("/api/faults", answering(begin), methods=["POST"]),
        Route("/api/faults/undo", answering(undo_all), methods=["POST"]),
        Route("/api/faults/{id}/undo", answering(undo), methods=["POST"]),
        Route("/api/faults/{id}/reveal", answering(reveal), methods=["POST"]),
    ]


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not (text.isdecimal() and text.isascii() and len(text) < 10):
        raise UnknownFault(f"no fault has the id {text:.20}")
    return int(text)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TooLarge(f"a fault has at most {MOST_BYTES} bytes")
    if not body:
        raise FaultRefused('expected {"kind": …, "target": …}')
    return body


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
