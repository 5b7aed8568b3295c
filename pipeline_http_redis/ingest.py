"""`POST /v1/samples`: one batch in, one verdict out. 202 means held; every refusal has a name and leaves no trace.

A plain ASGI endpoint, not a Starlette handler: at thousands of requests a second the request and response objects
would cost more than the work. What is behind it, it reaches only through the `Sink` protocol.

Not here: reading a body within its bounds (`bodies.py`).
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from lab_runtime.guards import Guards, challenge
from lab_runtime.process import now_us
from metrics_core.errors import BacklogFull, InvalidSample, RemoteFault, UnsupportedMedia
from metrics_core.phones import only_phones
from metrics_core.rate_limit import RateLimit
from metrics_core.sink import Batch, Refusals, Sink
from metrics_core.trace import HEADER, begin, parse_header
from metrics_core.wire import BatchDecoder
from pipeline_http_redis.bodies import BodyReader
from pipeline_http_redis.cross_origin import allowing

DEFAULT_MOST_IN_FLIGHT: Final = 4_096
_ACCEPTED_ONE: Final = b'{"accepted":1}'
_TRACE: Final = HEADER.encode()


class Head(NamedTuple):
    """What the headers of a request say.

    Attributes:
        announced: Length of the body; 0: not told.
        unfit: Why the request is refused whatever its body holds, if so.
        trace: A trace that is asked for.
        page: Origin of the lab's own page, where one asks.
        phones_only: Whether its token is for joining as a phone.
    """

    announced: int
    unfit: RemoteFault | None = None
    trace: tuple[int, int] | None = None
    page: bytes | None = None
    phones_only: bool = False


_NO_HEAD: Final = Head(0)


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
        head = _NO_HEAD
        try:
            if self.in_flight > self._most_in_flight:
                raise BacklogFull(f"{self._most_in_flight} requests are in hand, no more may be")
            head = self._look_at_headers(scope["headers"])
            asked = head.trace
            body = await self.bodies.read(receive, head.announced, head.unfit)
            if body is None:
                return  # the client went away
            received_us = now_us() if asked else 0
            samples = self._decoder.decode(body)
            if head.phones_only:
                only_phones(samples)
            trace = begin(samples, *asked, received_us, now_us()) if asked else None
            if self._limit is not None:
                self._limit.take(samples, int(self._clock_s() * 1_000_000))
            await self._sink.accept(Batch(body, samples, trace))
        except RemoteFault as fault:
            if isinstance(fault, InvalidSample):
                self._counts.rejected += 1
            else:
                self._counts.refused += 1
            # Whatever still comes must be taken: Hypercorn's queue of this request would fill up, and with it stop
            # the whole connection, this answer included.
            rest = asyncio.create_task(_discard(receive))
            try:
                await send_fault(send, fault, head.page)
            finally:
                rest.cancel()
            return
        n = len(samples)
        told = _ACCEPTED_ONE if n == 1 else b'{"accepted":%d}' % n
        await _send_json(send, 202, told, allowing(head.page) if head.page else None)

    def _look_at_headers(self, headers: list[tuple[bytes, bytes]]) -> Head:
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
        if foreign:
            return Head(announced, foreign)
        page = origins[0] if origins else None
        if fault := guards.token_fault(authorization, joining=True):
            return Head(announced, fault, page=page)
        if content_type != b"application/json":
            media_type = content_type.partition(b";")[0].strip().lower()
            if media_type != b"application/json":
                return Head(announced, UnsupportedMedia("expected Content-Type: application/json"), page=page)
        if encoding and encoding.lower() != b"identity":
            return Head(announced, UnsupportedMedia("send the body without Content-Encoding"), page=page)
        return Head(announced, None, asked, page, guards.joins(authorization))


async def _discard(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_fault(send: Send, fault: RemoteFault, page: bytes | None = None) -> None:
    """Answer with a fault's status, name and detail; `Retry-After` where a retry makes sense.

    Args:
        send: ASGI's.
        fault: Why it is refused.
        page: Origin of the lab's own page, where that asks.
    """
    extra = [(name.encode(), text.encode()) for name, text in challenge(fault).items()]
    if page:
        extra += allowing(page)
    await _send_json(send, fault.status, orjson.dumps(fault.as_dict()), extra)


async def _send_json(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (extra or [])})
    await send({"type": "http.response.body", "body": body})
