"""What every endpoint of the controls does alike: read a bounded body, check it, answer as JSON, faults included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from control_plane.controls.refusals import NotDone
from metrics_core.errors import LabError, Malformed, RemoteFault, SchemaViolation, TooLarge

MOST_BYTES: Final = 4_096
"""Of one request's body."""

Endpoint = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """A request that takes nothing: no body, or `{}`."""


def answering(endpoint: Endpoint) -> Endpoint:
    """The same endpoint; a fault that it raises becomes its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RemoteFault as fault:
            return json_answer(fault.as_dict(), fault.status)
        except LabError as error:
            return json_answer({"error": NotDone.error, "detail": str(error)}, NotDone.status)

    return answer


async def body_of(request: Request) -> bytes:
    """The request's body.

    Raises:
        TooLarge: It has more than `MOST_BYTES`.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TooLarge(f"expected at most {MOST_BYTES} bytes")
    return body


async def read(request: Request, kind: type[T]) -> T:
    """The request's body as one of the typed requests; an empty one counts as `{}`.

    Raises:
        TooLarge, Malformed: It is too long, or no JSON.
        SchemaViolation: It is not such a request; the text starts with the path.
    """
    return decode(await body_of(request) or b"{}", kind)


def decode(body: bytes, kind: type[T]) -> T:
    """A body as one of the typed requests.

    Raises:
        Malformed: It is no JSON.
        SchemaViolation: It is not such a request.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        raise SchemaViolation(f"{path.rstrip('`') or '$'}: {text[:1].lower()}{text[1:]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None


def json_answer(content: Any, status: int = 200) -> Response:
    """An answer with a JSON body."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")
