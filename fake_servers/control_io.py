"""What every endpoint of the control API does alike: read a bounded body, answer as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from metrics_core.errors import TooLarge

MOST_BYTES: Final = 4096
"""Of one request's body."""


async def read_body(request: Request) -> bytes:
    """The request's body.

    Raises:
        TooLarge: It has more than `MOST_BYTES`.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise TooLarge(f"expected at most {MOST_BYTES} bytes")
    return body


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    return Response(msgspec.json.encode(content), status, headers, "application/json")
