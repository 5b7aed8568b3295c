"""One producer of the load: sends its samples when they are meant to be sent, hears what became of each.

It has one connection at a time. Sending and hearing run beside each other, so that a body which cannot go out yet (one
request at a time on HTTP/1.1, streams, frames in flight) waits here, and that wait is part of its latency: it was meant
to be sent. A connection that breaks leaves what it carried unanswered; the next is made with growing pauses. Nothing is
sent twice: the generator is a measuring device, not a durable producer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import gevent
from gevent.event import Event
from msgspec import Struct

from lab_runtime.process import now_us
from load_tests.generator.ordered_socket import OrderedSocket
from load_tests.generator.pacer import Pacer
from load_tests.generator.recorder import Recorder
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel, ReplyError
from load_tests.wire.packets import SocketCount, closing_bytes, read

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
MOST_UNSEEN: Final = 200_000  # sends that no snapshot showed yet; beyond it the oldest are given up
_HELD_S: Final = 0.001  # a write that takes longer waited for the peer, not for this process

ChannelMaker = Callable[[], Channel]
OnReply = Callable[[float, int, str], None]
"""Told of every answer: latency in ms from the moment of sending, bytes sent, error (empty: none)."""


class Sent(Struct):
    """One send.

    Attributes:
        first: Sequence number of its first sample.
        n: Samples in it; 0 once it was refused: then it will never be visible.
        due_us, sent_us: When it was meant to be sent, and when it was.
        size: Bytes of the body.
    """

    first: int
    n: int
    due_us: int
    sent_us: int
    size: int


class Wall:
    """Maps moments of the schedule to the wall clock: both clocks were read at the start of a phase."""

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.start_s = time.monotonic() + (start_us - now_us()) / 1e6


class Producer:
    """See the module.

    Args:
        bodies: Its samples.
        connect: Opens a connection.
        pacer: Shared by the producers of a process.
        recorder: Likewise.
        on_reply: Told of every answer.
    """

    def __init__(
        self,
        bodies: ProducerBodies,
        connect: ChannelMaker,
        pacer: Pacer,
        recorder: Recorder,
        on_reply: OnReply,
    ) -> None:
        self.bodies = bodies
        self._connect = connect
        self._pacer = pacer
        self._recorder = recorder
        self._on_reply = on_reply
        self._channel: Channel | None = None
        self._reader: Any = None
        self._open: dict[int, Sent] = {}  # sent and not answered, by the channel's number
        self._number = 0
        self._changed = Event()  # an answer came, or the connection broke
        self._held_until_s = 0.0  # until then the pipeline took nothing: no fault of the generator
        self._deadline_s = 0.0
        self._gave_up = False
        self._closed_counts: list[SocketCount] = []
        self._counted: SocketCount | None = None
        self.unseen: deque[Sent] = deque()  # not yet shown by a snapshot
        self.negotiated = ""
        self.connections = 0
        self.handshake_bytes = 0

    def connect(self) -> None:
        """Open the connection.

        Raises:
            OSError, ReplyError: It cannot be had.
        """
        channel = self._connect()
        channel.sock = OrderedSocket(channel.sock)  # type: ignore[assignment]
        self._channel, self._number, self._open = channel, 0, {}
        self.connections += 1
        self._counted = read(channel.sock)
        if self._counted is not None:
            self.handshake_bytes += self._counted.both_ways + closing_bytes(channel.sock)
        self._reader = gevent.spawn(self._read, channel)

    def close(self) -> None:
        """Close the connection, and make no other."""
        self.give_up()
        if self._channel is not None:
            self._let_go(self._channel)
        if self._reader is not None:
            self._reader.kill()

    def give_up(self) -> None:
        """Send nothing more, and wait for no answer."""
        self._gave_up, self._deadline_s = True, 0.0
        self._changed.set()

    def run(self, moments: Iterator[float], wall: Wall, give_up_s: float) -> None:
        """Send by a schedule, then wait for the answers.

        Args:
            moments: When each send is meant to happen, s after the start.
            wall: The start.
            give_up_s: When to stop, s after the start; what is open then, and what could not even be sent yet,
                counts as unanswered.
        """
        pacer, recorder, bodies = self._pacer, self._recorder, self.bodies
        self._deadline_s = 0.0 if self._gave_up else wall.start_s + give_up_s
        try:
            for at_s in moments:
                moment_s = wall.start_s + at_s
                pacer.wait_until(moment_s)
                came_s = time.monotonic()
                if self._gave_up:
                    return
                if moment_s >= self._held_until_s:
                    recorder.late(int((came_s - moment_s) * 1e6))
                due_us = wall.start_us + int(at_s * 1e6)
                first = bodies.next_seq
                recorder.created(bodies.name, bodies.epoch, first, bodies.batch, due_us)
                if came_s < self._deadline_s:
                    self._send(bodies.next(due_us), first, due_us)
                else:
                    bodies.next_seq += bodies.batch
                    recorder.unanswered(bodies.batch)
            while self._open and self._wait():
                pass
        finally:
            self._abandon()

    def _send(self, body: bytes, first: int, due_us: int) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            channel = self._channel
            if channel is None:
                if time.monotonic() + pause_s > self._deadline_s:
                    self._recorder.unanswered(self.bodies.batch)
                    return
                try:
                    self.connect()
                except (OSError, ReplyError) as error:
                    self._recorder.failed(_in_words(error))
                    gevent.sleep(pause_s)
                    pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
                self._held_until_s = time.monotonic()
                continue
            sent = Sent(first, self.bodies.batch, due_us, now_us(), len(body))
            self._open[self._number] = sent  # before the write: the answer may come while it still blocks
            begun_s = time.monotonic()
            try:
                went_out = channel.send(body)
            except OSError as error:
                self._broke(channel, error)  # counts it among what was open
                return
            ended_s = time.monotonic()
            if went_out:
                if ended_s - begun_s > _HELD_S:
                    self._held_until_s = ended_s
                self._number += 1
                if len(self.unseen) >= MOST_UNSEEN:
                    self.unseen.popleft()
                self.unseen.append(sent)
                return
            del self._open[self._number]
            in_time = self._wait()
            self._held_until_s = time.monotonic()
            if not in_time:
                self._recorder.unanswered(self.bodies.batch)
                return

    def _wait(self) -> bool:
        """Until something changed; False where the deadline has come."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            return False
        self._changed.clear()
        return bool(self._changed.wait(left_s))

    def _read(self, channel: Channel) -> None:
        """Hear the answers of one connection until it ends."""
        recorder, bodies, on_reply = self._recorder, self.bodies, self._on_reply
        name, epoch = bodies.name, bodies.epoch
        try:
            while True:
                numbers = channel.receive()
                answered_us = now_us()
                for number in numbers:
                    sent = self._open.pop(number, None)
                    if sent is None:
                        continue  # given up before it was answered
                    recorder.acked(name, epoch, sent.first, sent.n, sent.due_us, sent.sent_us, answered_us)
                    on_reply((answered_us - sent.sent_us) / 1000, sent.size, "")
                for refusal in channel.refused:
                    sent = self._open.pop(refusal.number, None)
                    if sent is None:
                        continue
                    if refusal.for_good:
                        recorder.rejected(name, epoch, sent.first, sent.n)
                    else:
                        recorder.refused(sent.n, answered_us)
                    on_reply((answered_us - sent.sent_us) / 1000, sent.size, refusal.error)
                    sent.n = 0
                channel.refused.clear()
                self.negotiated = channel.negotiated or self.negotiated
                self._changed.set()
        except (OSError, ReplyError) as error:
            self._broke(channel, error)

    def _broke(self, channel: Channel, error: Exception) -> None:
        if self._channel is not channel:
            return
        self._recorder.failed(_in_words(error))
        self._on_reply(0.0, 0, _in_words(error))
        self._let_go(channel)
        self._abandon()
        self._changed.set()

    def _let_go(self, channel: Channel) -> None:
        self._channel = None
        self._note_count(channel)
        channel.sock.close()

    def _abandon(self) -> None:
        """What is open gets no answer any more."""
        for sent in self._open.values():
            self._recorder.unanswered(sent.n)
        self._open = {}

    def saw(self, last_seq: int, at_us: int) -> None:
        """A snapshot shows this producer's sample `last_seq` as its newest: all up to it are visible."""
        unseen, recorder = self.unseen, self._recorder
        while unseen and unseen[0].first <= last_seq:
            sent = unseen.popleft()
            if sent.n:
                recorder.seen(sent.n, sent.due_us, sent.sent_us, at_us)

    def _note_count(self, channel: Channel) -> None:
        now = read(channel.sock)
        if now is not None and self._counted is not None:
            self._closed_counts.append(now.minus(self._counted))
        self._counted = None

    def take_wire(self) -> list[SocketCount]:
        """What its connections carried since the last call."""
        counts, self._closed_counts = self._closed_counts, []
        if self._channel is not None and self._counted is not None:
            now = read(self._channel.sock)
            if now is not None:
                counts.append(now.minus(self._counted))
                self._counted = now
        return counts


def _in_words(error: Exception) -> str:
    if isinstance(error, ReplyError):
        return str(error)
    return getattr(error, "strerror", None) or type(error).__name__
