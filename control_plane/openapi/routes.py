"""Serves the description: made when it is first asked for, the same ever after, the lab's address apart."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from control_plane.openapi.document import make_document
from control_plane.openapi.page import make_page

_ADDRESSES: Final = 8
"""Pages kept: a lab may be called by a few names."""


def description_routes() -> list[Route]:
    """`/api/openapi.json` and `/api/docs`."""

    async def document(_: Request) -> Response:
        return Response(_document(), media_type="application/json")

    async def page(request: Request) -> Response:
        return HTMLResponse(_page(str(request.base_url).rstrip("/")))

    return [Route("/api/openapi.json", document), Route("/api/docs", page)]


@cache
def _document() -> bytes:
    return msgspec.json.format(msgspec.json.encode(make_document()), indent=2)


@lru_cache(_ADDRESSES)
def _page(address: str) -> str:
    return make_page(make_document(), address)
