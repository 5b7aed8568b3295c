"""A link: one producer's way down one pipeline. What HTTP and WebSocket have in common.

It holds the outbox, says when something is to be sent and how much at once, and keeps what an operator wants
to know: whether the other side is reached and what went wrong last. A slow or dead pipeline stays behind its
link: taking a sample only adds to an outbox and never waits.

A link outlives its producer. One that crashes begins a new life with a new epoch and an empty outbox; what became
of the samples of its past lives is kept, so that the ledger tells all of them.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from fake_servers.faults import ProducerFaults
from fake_servers.history import History
from fake_servers.outbox import Outbox, Parcel, parcel_size
from fake_servers.reasons import Reasons
from fake_servers.shuffle import Shuffler
from lab_runtime.logs import get_logger
from metrics_core.wire import encode_batch

CATCH_UP_SAMPLES: Final = 500
"""Samples of one send when a producer has fallen behind."""

SEND_TIMEOUT_S: Final = 10.0
"""After this long without an answer or ack, a send has failed and is repeated."""

log = get_logger("fleet")


class PipelineState:
    """One pipeline as the whole fleet sees it; logs when the first link is cut and when the last one is back.

    Args:
        name: `http_redis` or `websocket`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.links: list[Link] = []
        self._down: set[str] = set()
        self._told_of_rejects = False

    def changed(self, link: Link) -> None:
        """A link went up or down."""
        producer, before = link.history.producer, len(self._down)
        if link.connected:
            self._down.discard(producer)
            if before and not self._down:
                log.info("pipeline reached again by all servers", pipeline=self.name)
        else:
            self._down.add(producer)
            if not before:
                log.warning(
                    "pipeline not reached", pipeline=self.name, server=producer, reason=link.last_error
                )

    def rejected(self, link: Link, samples: int) -> None:
        """A batch was refused for good; told once, counted always."""
        if not self._told_of_rejects:
            self._told_of_rejects = True
            log.warning(
                "samples rejected, further ones are only counted",
                pipeline=self.name,
                server=link.history.producer,
                samples=samples,
                reason=link.last_error,
            )

    def failing(self) -> str | None:
        """Why no server at all reaches the pipeline; None where one does, or none should."""
        if not self.links or any(link.connected for link in self.links):
            return None
        return next((link.last_error for link in self.links if link.last_error), "not reached yet")


class Life(NamedTuple):
    """One epoch of a producer at one pipeline: what became of its samples, and why some were rejected."""

    epoch: int
    outbox: Outbox
    reasons: Reasons


class Link:
    """One producer's way down one pipeline.

    Args:
        state: The pipeline as the fleet sees it.
        transport: `http1`, `http2` or `websocket`.
        history: The producer's samples.
        batch: Samples of one send.
        capacity: Samples that the outbox keeps.
        confirm: Whether what was acked is in doubt while the link is cut (a pipeline that holds it in
            memory).
        faults: What acts on the producer on purpose; None: nothing.
        seed: Of the order of shuffled samples.
    """

    def __init__(
        self,
        state: PipelineState,
        transport: str,
        history: History,
        batch: int,
        capacity: int,
        confirm: bool,
        faults: ProducerFaults | None = None,
        seed: int = 0,
    ) -> None:
        self.state, self.transport, self.history = state, transport, history
        self.faults = faults or ProducerFaults()
        self.outbox, self.reasons = Outbox(capacity), Reasons()
        self.past: list[Life] = []
        """The lives that ended by a crash, oldest first."""
        self.last_words: bytes | None = None
        """How the connection is to end: None in order, else cut, in the middle of sending this."""
        self.wake = asyncio.Event()
        self.connected = False
        self.last_error = ""
        self.in_flight = 0
        """Sends without an answer yet."""
        self.sends = self.failures = 0
        self.resent = 0
        """Samples of copies, sent on purpose beyond the first and acked."""
        self._batch, self._capacity, self._confirm, self._seed = batch, capacity, confirm, seed
        self._shuffler = Shuffler(f"{seed}/{history.producer}/{history.epoch}")
        self._flushing = False
        state.links.append(self)

    def offer(self) -> None:
        """The history has a new sample."""
        self.outbox.add()
        if self.outbox.pending_n >= self._batch:
            self.wake.set()

    def flush(self) -> None:
        """No more samples come: send a batch that is not full, too."""
        self._flushing = True
        self.wake.set()

    def next_parcel(self) -> Parcel | None:
        """What to send now: a batch, more after falling behind, nothing while a batch still gathers."""
        if self.last_words is not None:
            return None  # the connection is being cut
        held_back = min(self.faults.held_back, self._capacity // 2)
        parcel = self._shuffled(held_back) if held_back else self._in_order()
        self.sends += bool(parcel)
        return parcel or None

    def _in_order(self) -> Parcel:
        batch, pending = self._batch, self.outbox.pending_n
        if pending < batch and not self._flushing:
            return []
        if pending < 2 * batch:
            return self.outbox.take(min(batch, pending))
        # Whole batches, so that a batch is never parted over two sends.
        return self.outbox.take(min(pending // batch, max(1, CATCH_UP_SAMPLES // batch)) * batch)

    def _shuffled(self, held_back: int) -> Parcel:
        outbox, shuffler = self.outbox, self._shuffler
        while True:
            if not shuffler:
                pending = outbox.pending_n
                if not pending or (pending < held_back and not self._flushing):
                    return []
                shuffler.deal(outbox.oldest_pending(held_back))
            # What was dealt may be settled or dropped meanwhile.
            if parcel := outbox.take_these(shuffler.draw(max(self._batch, held_back // 4))):
                return parcel

    def encode(self, parcel: Parcel) -> bytes:
        """The parcel's samples as one batch; the same samples give the same bytes on every pipeline.

        `next_parcel` and `encode` belong in one step without an await between: the history moves on.
        """
        sample = self.history.sample
        return encode_batch([sample(seq) for low, high in parcel for seq in range(low, high + 1)])

    def rejected(self, parcel: Parcel, reason: str) -> None:
        """The other side refused these samples for good."""
        self.last_error = reason
        self.outbox.reject(parcel)
        self.reasons.add(parcel, reason)
        self.state.rejected(self, parcel_size(parcel))

    def begin_life(self, history: History) -> None:
        """The producer died and starts anew; nothing is in flight any more."""
        self.past.append(Life(self.history.epoch, self.outbox, self.reasons))
        self.history, self.outbox, self.reasons = history, Outbox(self._capacity), Reasons()
        self._shuffler = Shuffler(f"{self._seed}/{history.producer}/{history.epoch}")
        self.in_flight = 0

    def lives(self) -> list[Life]:
        """All lives of the producer, the present one last."""
        return [*self.past, Life(self.history.epoch, self.outbox, self.reasons)]

    def up(self) -> None:
        """The other side answered."""
        if not self.connected:
            self.connected = True
            self.state.changed(self)

    def down(self, reason: str) -> None:
        """The other side is not reached."""
        first_time, self.last_error = not self.failures, reason
        self.failures += 1
        if self.connected or first_time:
            self.connected = False
            self.state.changed(self)

    @property
    def settled(self) -> bool:
        """Whether every sample has its fate, and nothing that was acked is in doubt."""
        outbox = self.outbox
        nothing_left = not (outbox.waiting or outbox.pending_n or self.in_flight)
        return nothing_left and (self.connected or not self._confirm or not outbox.next_seq)
