"""Reading request bodies: whole, within bounds of size, memory and time.

A body is read up to 4 MiB. A longer one, or one that came with the wrong headers, is still drained up to `DRAIN_BYTES`
before the answer: a client that is busy sending would see a reset connection and not why. (For HTTP/2 see also
`late_frames.py`.) All bodies being read may take `MAX_READING_BYTES` together; beyond that one is refused (429). A body
in a million pieces would cost as much as a thousand bodies; so pieces have a least mean size, once there are many.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from starlette.types import Receive

from metrics_core.errors import BacklogFull, RemoteFault, TooLarge
from metrics_core.limits import MAX_BATCH_BYTES

DRAIN_BYTES: Final = 4 * MAX_BATCH_BYTES
BODY_TIMEOUT_S: Final = 8.0  # looked at once a second: over within 10 s
MAX_READING_BYTES: Final = 16 * 1024 * 1024
MANY_PIECES: Final = 1_000
LEAST_MEAN_PIECE_BYTES: Final = 64  # one sample is 190


class BodyTimeout(RemoteFault):
    """The body did not arrive in time."""

    error, status = "timeout", 408


class BodyReader:
    """Reads the bodies of one process; `sweep` must be called about once a second."""

    def __init__(self) -> None:
        self._reading_bytes = 0  # of bodies that have not come whole
        self._slow = _SlowBodies()
        self.sweep = self._slow.sweep

    async def read(
        self, receive: Receive, announced: int, unfit: RemoteFault | None, most_bytes: int = MAX_BATCH_BYTES
    ) -> bytes | None:
        """The whole body, at most `most_bytes`; None where the client went away.

        Args:
            receive: ASGI's.
            announced: Its `Content-Length`, 0 where there is none.
            unfit: Why the request is refused whatever the body holds, if so.
            most_bytes: Bytes of a body that is kept.

        Raises:
            RemoteFault: `unfit`, when what had to be read first is read; or the body is too large or too slow, or too
                many bodies are being read.
        """
        parts: list[bytes] = []
        size, room, pieces = 0, 0, 0
        if not unfit and announced <= most_bytes:
            room = announced  # taken at once, so that of many large bodies the first come whole
            if self._reading_bytes + room > MAX_READING_BYTES:
                unfit, room = BacklogFull(f"{MAX_READING_BYTES} bytes of bodies are being read"), 0
        self._reading_bytes += room
        try:
            with self._slow:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    pieces += 1
                    if size > DRAIN_BYTES:
                        break
                    if pieces > MANY_PIECES and size < pieces * LEAST_MEAN_PIECE_BYTES:
                        unfit = TooLarge(f"expected pieces of {LEAST_MEAN_PIECE_BYTES} bytes or more")
                        break
                    if size <= most_bytes and not unfit:
                        parts.append(part)
                        if size > room:  # not announced
                            self._reading_bytes += size - room
                            room = size
                            if self._reading_bytes > MAX_READING_BYTES:
                                unfit = BacklogFull(f"{MAX_READING_BYTES} bytes of bodies are being read")
                                parts.clear()
                    if not message.get("more_body"):
                        break
        finally:
            self._reading_bytes -= room
        if unfit:
            raise unfit
        if size > most_bytes:
            raise TooLarge(f"expected at most {most_bytes} bytes")
        return b"".join(parts)

    async def discard(self, receive: Receive) -> None:
        """Read a body that nobody wants, so that the answer reaches a client that still sends."""
        with suppress(BodyTimeout, TooLarge):
            await self.read(receive, 0, None, most_bytes=0)


class _SlowBodies:
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
