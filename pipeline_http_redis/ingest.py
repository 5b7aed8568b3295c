"""`POST /v1/samples`: one batch in, one verdict out. 202 means held; every refusal has a name and leaves no trace.

A plain ASGI endpoint, not a Starlette handler: at thousands of requests a second the request and response objects
would cost more than the work. What is behind it, it reaches only through the `Sink` protocol.

The body is read whole, up to 4 MiB. A longer one, or one that came with the wrong headers, is still drained up to
`DRAIN_BYTES` before the answer: a client that is busy sending would see a reset connection and not why. (For HTTP/2
see also `late_frames.py`.)
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
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
            unfit = self._unfit_headers(scope["headers"])
            body = await self._read_body(receive, unfit)
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

    async def discard_body(self, receive: Receive) -> None:
        """Read a body that nobody wants, so that the answer reaches a client that still sends."""
        with suppress(BodyTimeout, TooLarge):
            await self._read_body(receive, unfit=None, most_bytes=0)

    def _unfit_headers(self, headers: list[tuple[bytes, bytes]]) -> RemoteFault | None:
        """What is wrong with a request's head, if anything."""
        content_type, encoding, authorization = b"", b"", None
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"content-encoding":
                encoding = value
            elif name == b"authorization":
                authorization = value.decode("latin-1")
        if self._token and not token_matches(self._token, authorization):
            return Unauthorized("a bearer token is needed")
        if content_type != b"application/json":
            media_type = content_type.partition(b";")[0].strip().lower()
            if media_type != b"application/json":
                return UnsupportedMedia("expected Content-Type: application/json")
        if encoding and encoding.lower() != b"identity":
            return UnsupportedMedia("send the body without Content-Encoding")
        return None

    async def _read_body(
        self, receive: Receive, unfit: RemoteFault | None, most_bytes: int = MAX_BATCH_BYTES
    ) -> bytes | None:
        """The whole body, at most `most_bytes`; None where the client went away.

        Raises:
            RemoteFault: `unfit`, when what had to be read first is read; or the body is too large or too slow.
        """
        if unfit:
            most_bytes = 0
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
                    if size <= most_bytes:
                        parts.append(part)
                    elif size > DRAIN_BYTES:
                        break
                if not message.get("more_body"):
                    break
        if unfit:
            raise unfit
        if size > most_bytes:
            raise TooLarge(f"expected at most {most_bytes} bytes")
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
