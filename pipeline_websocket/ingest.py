"""`/v1/ingest`: frames in, cumulative acknowledgements out. One frame is one batch, numbered from 0 per connection.

::

    producer  →  {"type": "resume", "producer": "web-01", "epoch": 17…}     optional, at any time
              ←  {"type": "resume", "next_seq": 1042, "held": [[0, 1041]]}
    producer  →  {"type": "trace", "producer": …, "epoch": …, "seq": 7, "sent_us": …}   optional
    producer  →  {…sample…}  [{…}, {…}]  {…}                                 frames 0, 1, 2
              ←  {"type": "reject", "frame": 1, "error": "schema", "detail": "$[1].seq: …"}
              ←  {"type": "ack", "frames": 3}                         0–2 are held or were rejected by name

An ack goes out when frames have come and the last ack is 50 ms old, or at 1,000 frames: an idle producer is
answered at once, a busy one twenty times a second. Backpressure is TCP's own: no further frame is read until the last
one is in. A resume is not a batch and has no number. Nor has a trace, which speaks of a sample in the frame right
after it; only that one frame is timed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import orjson
from msgspec import Struct
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from lab_runtime.logs import get_logger
from metrics_core.errors import InvalidSample, Refused, RemoteFault
from metrics_core.histogram import Histogram
from metrics_core.intervals import IntervalSet
from metrics_core.phones import only_phones
from metrics_core.rate_limit import RateLimit
from metrics_core.sample import ExactInteger, ProducerName
from metrics_core.sink import Batch, Sink
from metrics_core.trace import TraceNote, begin, decode_note
from metrics_core.wire import BatchDecoder

ACK_EVERY_S: Final = 0.05
ACK_FRAMES: Final = 1_000
ACK_SAMPLES: Final = 10_000
MOST_UNREAD_BYTES: Final = 64 * 1024
_log = get_logger("ingest")


class Resume(Struct, tag="resume", forbid_unknown_fields=True):
    """A producer's question: what of this epoch do you hold?"""

    producer: ProducerName
    epoch: ExactInteger


class Holder(Protocol):
    """Something that can tell what it holds of a producer."""

    async def held(self, name: str, epoch: int) -> IntervalSet:
        """The sequence numbers held of one producer and epoch."""


_decode_resume = msgspec.json.Decoder(Resume).decode


class Counts:
    """What all connections of this process counted: refused batches and the clock *accepted*."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.refused = 0
        self.connections = 0
        self.accepted_latency = Histogram()


class ProducerConnection:
    """One producer's connection: reads frames, acknowledges them."""

    def __init__(
        self,
        connection: ServerConnection,
        sink: Sink,
        holder: Holder,
        decoder: BatchDecoder,
        counts: Counts,
        now_us: Callable[[], int],
        limit: RateLimit | None = None,
        phones_only: bool = False,
    ) -> None:
        self._limit, self._phones_only = limit, phones_only
        self._connection = connection
        self._sink = sink
        self._holder = holder
        self._decode = decoder.decode
        self._counts = counts
        self._now_us = now_us
        self._loop = asyncio.get_running_loop()
        self._frames = 0
        self._acked = 0
        self._unacked: list[int] = []  # sampled_at_us of samples held and not acknowledged yet
        self._last_ack_s = 0.0
        self._ack_timer: asyncio.Handle | None = None

    async def serve(self) -> None:
        """Read until the producer goes."""
        receive, decode, accept = self._connection.recv, self._decode, self._sink.accept
        limit, clock_s, phones_only = self._limit, self._loop.time, self._phones_only
        self._counts.connections += 1
        try:
            while True:
                frame = await receive(decode=False)
                try:
                    samples = decode(frame)
                    if phones_only:
                        only_phones(samples)
                    if limit is not None:
                        limit.take(samples, int(clock_s() * 1_000_000))
                    await accept(Batch(frame, samples))
                except RemoteFault as fault:
                    if isinstance(fault, InvalidSample) and (note := _trace_note(frame)):
                        await self._take_traced(note)
                    elif not await self._answered_resume(frame, fault):
                        self._reject(fault)
                else:
                    # Now, while they are in the processor's cache: later this would cost twice as much.
                    self._unacked += [sample.sampled_at_us for sample in samples]
                    self._count_frame()
        except ConnectionClosed as closed:
            _let_go_of_frames(closed)
        finally:
            self._counts.connections -= 1
            if self._ack_timer:
                self._ack_timer.cancel()

    async def _take_traced(self, note: TraceNote) -> None:
        """Take the frame after a trace; another trace is none that it could be."""
        frame = await self._connection.recv(decode=False)
        received_us = self._now_us()
        try:
            samples = self._decode(frame)
            if self._phones_only:
                only_phones(samples)
            of = (note.producer, note.epoch)
            trace = begin(samples, note.seq, note.sent_us, received_us, self._now_us(), of)
            if self._limit is not None:
                self._limit.take(samples, int(self._loop.time() * 1_000_000))
            await self._sink.accept(Batch(frame, samples, trace))
        except RemoteFault as fault:
            if not await self._answered_resume(frame, fault):
                self._reject(fault)
        else:
            self._unacked += [sample.sampled_at_us for sample in samples]
            self._count_frame()

    def _count_frame(self) -> None:
        self._frames += 1
        if self._ack_timer is None:
            wait_s = self._last_ack_s + ACK_EVERY_S - self._loop.time()
            # call_soon, not at once: frames that came in the same read are acknowledged together
            self._ack_timer = (
                self._loop.call_later(wait_s, self._send_ack)
                if wait_s > 0
                else self._loop.call_soon(self._send_ack)
            )
        elif self._frames - self._acked >= ACK_FRAMES or len(self._unacked) >= ACK_SAMPLES:
            self._ack_timer.cancel()
            self._send_ack()

    def _send_ack(self) -> None:
        self._ack_timer = None
        self._last_ack_s = self._loop.time()
        self._acked = self._frames
        self._send(b'{"type":"ack","frames":%d}' % self._frames)
        if self._unacked:
            now_us = self._now_us()
            self._counts.accepted += len(self._unacked)
            self._counts.accepted_latency.add_all([now_us - taken for taken in self._unacked])
            self._unacked = []

    def _reject(self, fault: RemoteFault) -> None:
        if isinstance(fault, Refused):
            self._counts.refused += 1
        else:
            self._counts.rejected += 1
        self._send(orjson.dumps({"type": "reject", "frame": self._frames, **fault.as_dict()}))
        self._count_frame()

    async def _answered_resume(self, frame: bytes, fault: RemoteFault) -> bool:
        if not isinstance(fault, InvalidSample) or b'"resume"' not in frame:
            return False
        try:
            asked = _decode_resume(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        held = await self._holder.held(asked.producer, asked.epoch)
        self._send(orjson.dumps({"type": "resume", "next_seq": held.next_missing(), "held": held.as_lists()}))
        return True

    def _send(self, message: bytes) -> None:
        """Send without waiting; a producer that does not read its answers is cut before they pile up."""
        if self._connection.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            _log.warning("producer_does_not_read", connection=str(self._connection.id))
            self._connection.transport.abort()
            return
        broadcast([self._connection], message, text=True)


def _trace_note(frame: bytes) -> TraceNote | None:
    if b'"trace"' not in frame:
        return None
    try:
        return decode_note(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _let_go_of_frames(closed: ConnectionClosed) -> None:
    """Take the stack out of the exceptions that websockets 17 keeps of a closed connection.

    The stack holds the last frame, up to 4 MiB, in a reference cycle until a garbage collection comes by: many
    connections that end after a large frame would add up.
    """
    error: BaseException | None = closed
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
