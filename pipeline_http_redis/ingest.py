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

from lab_runtime.guards import Guards, challenge
from lab_runtime.process import now_us
from metrics_core.errors import BacklogFull, Refused, RemoteFault, UnsupportedMedia
from metrics_core.rate_limit import RateLimit
from metrics_core.sink import Batch, Refusals, Sink
from metrics_core.trace import HEADER, begin, parse_header
from metrics_core.wire import BatchDecoder
from pipeline_http_redis.bodies import BodyReader

DEFAULT_MOST_IN_FLIGHT: Final = 4_096
_ACCEPTED_ONE: Final = b'{"accepted":1}'
_TRACE: Final = HEADER.encode()


class Counts:
    """Batches not taken: `rejected` for what they hold, `refused` for want of room."""

    __slots__ = ("refused", "rejected")

    def __init__(self) -> None:
        self.rejected = 0
        self.refused = 0


class IngestEndpoint:
    """ASGI application for one path. Counts what it refuses in `counts`.

    Args:
        sink: Holds the batches.
        guards: Asked before the body is looked at. Only here they are asked header by header: this is the hot path.
        counts: What is refused.
        limit: How much each producer may send; None: any number.
        most_in_flight: Requests in hand; one more is refused at once, its body unread.
    """

    def __init__(
        self,
        sink: Sink,
        guards: Guards,
        counts: Refusals,
        limit: RateLimit | None = None,
        most_in_flight: int = DEFAULT_MOST_IN_FLIGHT,
    ) -> None:
        self._sink = sink
        self._guards = guards
        self._limit = limit
        self._counts = counts
        self._most_in_flight = most_in_flight
        self._clock_s = asyncio.get_event_loop().time
        self.in_flight = 0
        self._decoder = BatchDecoder()
        self.bodies = BodyReader()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.in_flight += 1
        try:
            await self._take(scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self.in_flight > self._most_in_flight:
                raise BacklogFull(f"{self._most_in_flight} requests are in hand, no more may be")
            announced, unfit, asked = self._look_at_headers(scope["headers"])
            body = await self.bodies.read(receive, announced, unfit)
            if body is None:
                return  # the client went away
            received_us = now_us() if asked else 0
            samples = self._decoder.decode(body)
            trace = begin(samples, *asked, received_us, now_us()) if asked else None
            if self._limit is not None:
                self._limit.take(samples, int(self._clock_s() * 1_000_000))
            await self._sink.accept(Batch(body, samples, trace))
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

    def _look_at_headers(
        self, headers: list[tuple[bytes, bytes]]
    ) -> tuple[int, RemoteFault | None, tuple[int, int] | None]:
        """The announced length (0: none), what is wrong with a request's head, if anything, and a trace asked for."""
        guards = self._guards
        content_type, encoding, authorization, announced, asked = b"", b"", b"", 0, None
        host, origins, foreign = None, None, None
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length":
                announced = int(value) if value.isdigit() else 0
            elif name == b"content-encoding":
                encoding = value
            elif name == b"authorization":
                authorization = value
            elif name == b"host":
                host = value
                foreign = None if value in guards.good_hosts else guards.host_fault(value)
                if foreign:
                    break
            elif name == b"origin":
                origins = [value] if origins is None else [*origins, value]
            elif name == _TRACE:
                asked = parse_header(value)
        if host is None:
            foreign = guards.host_fault(b"")
        elif origins and not foreign:
            foreign = guards.origins_fault(origins, host)
        if fault := foreign or guards.token_fault(authorization):
            return announced, fault, None
        if content_type != b"application/json":
            media_type = content_type.partition(b";")[0].strip().lower()
            if media_type != b"application/json":
                return announced, UnsupportedMedia("expected Content-Type: application/json"), None
        if encoding and encoding.lower() != b"identity":
            return announced, UnsupportedMedia("send the body without Content-Encoding"), None
        return announced, None, asked


async def _discard(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_fault(send: Send, fault: RemoteFault) -> None:
    """Answer with a fault's status, name and detail; `Retry-After` where a retry makes sense."""
    extra = [(name.encode(), text.encode()) for name, text in challenge(fault).items()]
    await _send_json(send, fault.status, orjson.dumps(fault.as_dict()), extra)


async def _send_json(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (extra or [])})
    await send({"type": "http.response.body", "body": body})
