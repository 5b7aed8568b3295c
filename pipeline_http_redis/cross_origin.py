"""Cross-origin requests (Fetch standard, CORS): a page of the lab's first port may send samples to this one.

A browser asks before it sends JSON to another port (a preflight), and hides every answer that does not name the page's
origin. Both are given to the lab's own page only, which is a phone's join page; whose origin that is,
`lab_runtime/guards.py` alone decides. A foreign page gets 403 and no such header.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lab_runtime.guards import Guards

_SENT: Final = "authorization, content-type"
_REMEMBER_S: Final = "600"


def allowing(origin: bytes) -> list[tuple[bytes, bytes]]:
    """Headers by which a browser shows an answer to a page of this origin, which was checked before."""
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    ]


def preflight(guards: Guards) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for `OPTIONS`. It asks for no token: a browser sends none with this question."""

    async def answer(request: Request) -> Response:
        fault = guards.fault(request.headers.raw, needs_token=False)
        if fault:
            raise fault
        origin = request.headers.get("origin")
        if origin is None or request.headers.get("access-control-request-method") != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        headers = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": _SENT,
            "access-control-max-age": _REMEMBER_S,
            "vary": "origin",
        }
        return Response(status_code=204, headers=headers)

    return answer
