"""`POST /v1/samples`: one batch in, one verdict out. 202 means held; every refusal has a name and leaves no trace.

A plain ASGI endpoint, not a Starlette handler: at thousands of requests a second the request and response objects
would cost more than the work. What is behind it, it reaches only through the `Sink` protocol.

The body is read whole, up to 4 MiB. A longer one is still drained up to `DRAIN_BYTES`: answering early would make
Hypercorn 0.18 fail late DATA frames with a KeyError and answer 500 to sibling streams (hypercorn issues 312, 329, 334).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from lab_runtime.ops import token_matches
from metrics_core.errors import Refused, RemoteFault, TooLarge, Unauthorized, UnsupportedMedia
from metrics_core.limits import MAX_BATCH_BYTES
from metrics_core.sink import Batch, Sink
from metrics_core.wire import BatchDecoder

DRAIN_BYTES: Final = 4 * MAX_BATCH_BYTES
BODY_TIMEOUT_S: Final = 10.0

_ACCEPTED_ONE: Final = b'{"accepted":1}'


class Counts:
    """Batches refused since the last report: `rejected` for what they hold, `refused` for want of room."""

    __slots__ = ("refused", "rejected")

    def __init__(self) -> None:
        self.rejected = 0
        self.refused = 0


class BodyTimeout(RemoteFault):
    """The body did not arrive in time."""

    error, status = "timeout", 408


class IngestEndpoint:
    """ASGI application for one path. Counts what it refuses in `counts`."""

    def __init__(self, sink: Sink, token: str, counts: Counts) -> None:
        self._sink = sink
        self._token = token
        self._counts = counts
        self._decoder = BatchDecoder()
        self.slow_bodies = SlowBodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_headers(scope["headers"])
            body = await self._read_body(receive)
            if body is None:
                return  # the client went away
            samples = self._decoder.decode(body)
            await self._sink.accept(Batch(body, samples))
        except RemoteFault as fault:
            if isinstance(fault, Refused):
                self._counts.refused += 1
            else:
                self._counts.rejected += 1
            await send_fault(send, fault)
            return
        n = len(samples)
        await _send_json(send, 202, _ACCEPTED_ONE if n == 1 else b'{"accepted":%d}' % n)

    def _check_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        content_type, encoding, authorization = b"", b"", None
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-encoding":
                encoding = value
            elif name == b"authorization":
                authorization = value.decode("latin-1")
        if self._token and not token_matches(self._token, authorization):
            raise Unauthorized("a bearer token is needed")
        if content_type != b"application/json":
            _check_media_type(content_type)
        if encoding and encoding.lower() != b"identity":
            raise UnsupportedMedia("send the body without Content-Encoding")

    async def _read_body(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        with self.slow_bodies:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                if part:
                    size += len(part)
                    if size <= MAX_BATCH_BYTES:
                        parts.append(part)
                    elif size > DRAIN_BYTES:
                        break
                if not message.get("more_body"):
                    break
        if size > MAX_BATCH_BYTES:
            raise TooLarge(f"expected at most {MAX_BATCH_BYTES} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)


class SlowBodies:
    """Cuts requests whose body takes longer than `BODY_TIMEOUT_S`.

    One sweep a second over the bodies being read; `asyncio.timeout` per request would cost as much as decoding it.
    """

    def __init__(self) -> None:
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_event_loop()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = self._loop.time() + BODY_TIMEOUT_S

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._reading.pop(task, None)
        if kind is asyncio.CancelledError and task in self._late:
            self._late.discard(task)
            task.uncancel()
            raise BodyTimeout(f"the body took longer than {BODY_TIMEOUT_S:.0f} s")

    def sweep(self) -> None:
        """End the reading of bodies that are late."""
        now = self._loop.time()
        for task, deadline in list(self._reading.items()):
            if deadline < now:
                self._reading.pop(task, None)
                self._late.add(task)
                task.cancel()


def _check_media_type(content_type: bytes) -> None:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise UnsupportedMedia("expected Content-Type: application/json")


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
