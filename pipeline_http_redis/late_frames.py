"""What goes wrong on one HTTP/2 stream costs that stream, and what a client leaves behind is cleaned up.

Hypercorn 0.18 and h2 4.4 have faults here, each found by a test of `tests/contract`, `tests/integration` or
`tests/security`:

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
opens more streams than it may    the connection and all siblings end  the stream is refused; far beyond, the
                                                                       connection ends
asks for CONNECT, which has no    UnboundLocalError ends the           the stream is reset
path                              connection
puts 1,000 streams that do not    an error ends the connection         priorities are not kept: RFC 9113 took
exist into the tree of                                                 them back
priorities
cancels while its answer leaves   a KeyError ends the connection       the stream is forgotten
floods odd frames                 each is worked off                   see `http2_floods.py`
================================  ===================================  =========================================

Not here: HTTP/1.1, where a connection has one request at a time (`strict_http1.py`); slow clients (`connections.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from typing import Any, Final

import hypercorn.protocol
from h2.errors import ErrorCodes
from h2.events import Event as H2Event
from h2.events import PriorityUpdated, RequestReceived
from hypercorn.events import Closed, RawData
from hypercorn.events import Event as ConnectionEvent
from hypercorn.protocol.events import Event
from hypercorn.protocol.h2 import H2Protocol
from priority.priority import MissingStreamError, PriorityTree

from lab_runtime.logs import get_logger
from pipeline_http_redis.connections import connections
from pipeline_http_redis.http2_floods import (
    REFUSED_STREAM_COSTS,
    cost_of,
    new_allowance,
    without_cancelled,
)
from pipeline_http_redis.http2_streams import CountingConnection

_log = get_logger("http2")


class _Answered:
    """Stands for a stream that was answered: takes whatever comes."""

    async def handle(self, event: Event) -> None:
        """Drop it."""


_ANSWERED: Final = _Answered()
_MOST_UNPARSED: Final = 16_384 + 9
"""The largest frame allowed (RFC 9113, 4.2) and its head."""


_LEAST_AT_ONCE: Final = 512
_MOST_AT_ONCE: Final = 65_536
"""Bytes worked off in one go: a read may be one piece of a large batch or 3,000 pings."""

_TURN_S: Final = 0.001
"""What one go may take, about; then it is the others' turn."""


class _Streams(dict[int, Any]):
    def __missing__(self, stream_id: int) -> _Answered:
        return _ANSWERED


class PatientH2Protocol(H2Protocol):
    """Hypercorn's HTTP/2 side of one connection, without these faults."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.streams = _Streams()
        self.priority = PriorityTree(maximum_streams=10 * self.config.h2_max_concurrent_streams)
        self.connection = CountingConnection(self.config)
        self._at_once = _LEAST_AT_ONCE
        self._loop = asyncio.get_running_loop()
        self._allowance = new_allowance(self._loop.time())
        self._taken = 0  # bytes of frames that came whole, and of the one that is coming
        self._cut = False

    # -- what the watch asks -------------------------------------------------------------------------------------

    def head_in_progress(self) -> Hashable:
        """The header block or frame that has begun and not ended; None: there is none."""
        incoming = self.connection.incoming_buffer
        if incoming._headers_buffer:
            return "block", incoming._headers_buffer[0].stream_id
        if incoming._preamble_len:
            return "preface"
        return ("frame", self._taken - len(incoming._data)) if incoming._data else None

    def untaken(self) -> dict[int, int]:
        """Bytes of answers, by stream, that wait for the client's leave to be sent."""
        return {stream: len(answer.buffer) for stream, answer in self.stream_buffers.items() if answer.buffer}

    def give_up(self) -> None:
        """Take no further request."""
        self._cut = True

    # -- what comes ----------------------------------------------------------------------------------------------

    async def handle(self, event: ConnectionEvent) -> None:
        """Take what the socket gave, or that it gives no more."""
        if isinstance(event, RawData):
            rest = event.data
            while rest and not self._cut:
                piece, rest = rest[: self._at_once], rest[self._at_once :]
                begun_s = self._loop.time()
                await self._take(piece)
                if self._loop.time() - begun_s < _TURN_S:
                    self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
                else:
                    self._at_once = max(self._at_once // 2, _LEAST_AT_ONCE)
                    await asyncio.sleep(0)
            return
        await super().handle(event)
        if isinstance(event, Closed):
            for buffer in list(self.stream_buffers.values()):
                await buffer.close()

    async def _take(self, piece: bytes) -> None:
        self._taken += len(piece)
        await super().handle(RawData(piece))
        if not self._cut and len(self.connection.incoming_buffer._data) > _MOST_UNPARSED:
            await self._end(ErrorCodes.FRAME_SIZE_ERROR)

    async def _handle_events(self, events: list[H2Event]) -> None:
        if not self._allowance.spend(cost_of(events), self._loop.time()):
            connections.flooded += 1
            _log.warning("flooding_client_cut", frames=len(events))
            await self._end(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        await super()._handle_events(without_cancelled(events))

    async def _end(self, error: ErrorCodes) -> None:
        self._cut = True
        self.connection.close_connection(error)
        await self._flush()
        await self.send(Closed())

    async def _create_stream(self, request: RequestReceived) -> None:
        assert request.stream_id is not None
        if len(self.streams) >= self.config.h2_max_concurrent_streams:
            self._allowance.spend(REFUSED_STREAM_COSTS, self._loop.time())
            self.connection.reset_stream(request.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        if (b":method", b"CONNECT") in (request.headers or []):
            self.connection.reset_stream(request.stream_id, ErrorCodes.PROTOCOL_ERROR)
            return
        try:
            await super()._create_stream(request)
        except UnicodeDecodeError:
            self.streams.pop(request.stream_id, None)
            self.stream_buffers.pop(request.stream_id, None)
            self._forget_priority(request.stream_id)
            self.connection.reset_stream(request.stream_id, ErrorCodes.PROTOCOL_ERROR)

    async def _priority_updated(self, event: PriorityUpdated) -> None:
        """Streams are served in turn, whatever the client would like."""

    # -- what goes -----------------------------------------------------------------------------------------------

    async def _send_data(self, stream_id: int) -> None:
        try:
            await super()._send_data(stream_id)
        except (KeyError, MissingStreamError):
            self._forget_priority(stream_id)

    def _forget_priority(self, stream_id: int) -> None:
        with suppress(MissingStreamError):
            self.priority.remove_stream(stream_id)


def install() -> None:
    """Make Hypercorn use it, in this process."""
    hypercorn.protocol.H2Protocol = PatientH2Protocol  # type: ignore[attr-defined]
