"""HTTP/2 frames that come after the answer, or that Hypercorn cannot read, cost one stream and not the connection.

Hypercorn 0.18 forgets a stream when its answer is complete. A DATA frame that comes later (an answer of 404 or 413 may
well overtake a body) is then looked up, not found, and a KeyError ends the connection with every sibling on it
(hypercorn issues 312, 329, 334). A path that is not ASCII ends it by a UnicodeDecodeError. Here the late frame is
dropped, its flow-control credit given back, and the unreadable request is reset.

And a frame larger than allowed ends its connection when it is announced: h2 gathers all of it first, up to 16 MiB.

Not here: HTTP/1.1, where a connection has one request at a time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import hypercorn.protocol
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from hypercorn.events import Closed
from hypercorn.events import Event as ConnectionEvent
from hypercorn.protocol.events import Event
from hypercorn.protocol.h2 import H2Protocol
from priority.priority import MissingStreamError


class _Answered:
    """Stands for a stream that was answered: takes whatever comes."""

    async def handle(self, event: Event) -> None:
        """Drop it."""


_ANSWERED: Final = _Answered()
_MOST_UNPARSED: Final = 16_384 + 9
"""The largest frame allowed (RFC 9113, 4.2) and its head."""


class _Streams(dict[int, Any]):
    def __missing__(self, stream_id: int) -> _Answered:
        return _ANSWERED


class PatientH2Protocol(H2Protocol):
    """Hypercorn's HTTP/2 side of one connection, without these faults."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.streams = _Streams()

    async def handle(self, event: ConnectionEvent) -> None:
        """Take what the socket gave."""
        await super().handle(event)
        if len(self.connection.incoming_buffer._data) > _MOST_UNPARSED:
            self.connection.close_connection(ErrorCodes.FRAME_SIZE_ERROR)
            await self._flush()
            await self.send(Closed())

    async def _create_stream(self, request: RequestReceived) -> None:
        try:
            await super()._create_stream(request)
        except UnicodeDecodeError:
            assert request.stream_id is not None
            self.streams.pop(request.stream_id, None)
            self.stream_buffers.pop(request.stream_id, None)
            with suppress(MissingStreamError):
                self.priority.remove_stream(request.stream_id)
            self.connection.reset_stream(request.stream_id, ErrorCodes.PROTOCOL_ERROR)


def install() -> None:
    """Make Hypercorn use it, in this process."""
    hypercorn.protocol.H2Protocol = PatientH2Protocol  # type: ignore[attr-defined]
