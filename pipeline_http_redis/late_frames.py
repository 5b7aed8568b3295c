"""What goes wrong on one HTTP/2 stream costs that stream, and what a client leaves behind is cleaned up.

Hypercorn 0.18 and h2 4.4 have four faults here, each found by a test of `tests/contract` or `tests/integration`:

================================  ===================================  =========================================
a client …                        then                                 here
================================  ===================================  =========================================
sends DATA after the answer (a    the stream is looked up and gone: a  the frame is dropped, its flow-control
404 or 413 overtakes a body)      KeyError ends the connection and     credit given back
                                  all siblings (hypercorn 312, 329)
asks for a path that is not       UnicodeDecodeError, the same         the stream is reset
ASCII
leaves before it read all         the tasks that answer wait for ever  they are let go
answers
announces a frame of up to        h2 gathers all of it, then           the connection ends when more than a
16 MiB                            complains                            frame's worth waits
================================  ===================================  =========================================

Not here: HTTP/1.1, where a connection has one request at a time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import hypercorn.protocol
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from hypercorn.events import Closed, RawData
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
        self._cut = False

    async def handle(self, event: ConnectionEvent) -> None:
        """Take what the socket gave, or that it gives no more."""
        if self._cut and isinstance(event, RawData):
            return
        await super().handle(event)
        if isinstance(event, Closed):
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()
        elif len(self.connection.incoming_buffer._data) > _MOST_UNPARSED:
            self._cut = True
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
