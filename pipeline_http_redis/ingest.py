"""`POST /v1/samples`: one batch in, one verdict out. 202 means held; every refusal has a name and leaves no trace.

A plain ASGI endpoint, not a Starlette handler: at thousands of requests a second the request and response objects
would cost more than the work. What is behind it, it reaches only through the `Sink` protocol.

Not here: reading a body within its bounds (`bodies.py`).
"""

from __future__ import annotations

import asyncio
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from lab_runtime.ops import token_matches
from metrics_core.errors import Refused, RemoteFault, Unauthorized, UnsupportedMedia
from metrics_core.sink import Batch, Refusals, Sink
from metrics_core.wire import BatchDecoder
from pipeline_http_redis.bodies import BodyReader

_ACCEPTED_ONE: Final = b'{"accepted":1}'


class Counts:
    """Batches not taken: `rejected` for what they hold, `refused` for want of room."""

    __slots__ = ("refused", "rejected")

    def __init__(self) -> None:
        self.rejected = 0
        self.refused = 0


class IngestEndpoint:
    """ASGI application for one path. Counts what it refuses in `counts`."""

    def __init__(self, sink: Sink, token: str, counts: Refusals) -> None:
        self._sink = sink
        self._token = token
        self._counts = counts
        self._decoder = BatchDecoder()
        self.bodies = BodyReader()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            announced, unfit = self._look_at_headers(scope["headers"])
            body = await self.bodies.read(receive, announced, unfit)
            if body is None:
                return  # the client went away
            samples = self._decoder.decode(body)
            await self._sink.accept(Batch(body, samples))
        except RemoteFault as fault:
            if isinstance(fault, Refused):
                self._counts.refused += 1
            else:
                self._counts.rejected += 1
            # Whatever still comes must be taken: Hypercorn's queue of this request would fill up, and with it stop
            # the whole connection, this answer included.
            rest = asyncio.create_task(_discard(receive))
            try:
                await send_fault(send, fault)
            finally:
                rest.cancel()
            return
        n = len(samples)
        await _send_json(send, 202, _ACCEPTED_ONE if n == 1 else b'{"accepted":%d}' % n)

    def _look_at_headers(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, RemoteFault | None]:
        """The announced length (0: none), and what is wrong with a request's head, if anything."""
        content_type, encoding, authorization, announced = b"", b"", None, 0
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length":
                announced = int(value) if value.isdigit() else 0
            elif name == b"content-encoding":
                encoding = value
            elif name == b"authorization":
                authorization = value.decode("latin-1")
        if self._token and not token_matches(self._token, authorization):
            return announced, Unauthorized("a bearer token is needed")
        if content_type != b"application/json":
            media_type = content_type.partition(b";")[0].strip().lower()
            if media_type != b"application/json":
                return announced, UnsupportedMedia("expected Content-Type: application/json")
        if encoding and encoding.lower() != b"identity":
            return announced, UnsupportedMedia("send the body without Content-Encoding")
        return announced, None


async def _discard(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_fault(send: Send, fault: RemoteFault) -> None:
    """Answer with a fault's status, name and detail; `Retry-After` where a retry makes sense."""
    extra = [(b"retry-after", str(fault.retry_after_s).encode())] if fault.retry_after_s else []
    if isinstance(fault, Unauthorized):
        extra.append((b"www-authenticate", b"Bearer"))
    await _send_json(send, fault.status, orjson.dumps(fault.as_dict()), extra)


async def _send_json(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (extra or [])})
    await send({"type": "http.response.body", "body": body})
