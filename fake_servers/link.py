"""A link: one producer's way down one pipeline. What HTTP and WebSocket have in common.

It holds the outbox, says when something is to be sent and how much at once, and keeps what an operator wants
to know: whether the other side is reached and what went wrong last. A slow or dead pipeline stays behind its
link: taking a sample only adds to an outbox and never waits.

A link outlives its producer. One that crashes begins a new life with a new epoch and an empty outbox; what became
of the samples of its past lives is kept, so that the ledger tells all of them. Invalid samples, made on purpose, have
an outbox of their own and take turns with the good ones.

A link that is not `on` is passed over by new samples; what it had to send still goes out.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from fake_servers.faults import ProducerFaults
from fake_servers.history import History
from fake_servers.outbox import Outbox, Parcel, parcel_size
from fake_servers.pipeline import PipelineState
from fake_servers.reasons import Reasons
from fake_servers.shuffle import Shuffler
from fake_servers.spoiled import KEPT, Spoiled, SpoiledParcel
from metrics_core.wire import encode_batch

CATCH_UP_SAMPLES: Final = 500
"""Samples of one send when a producer has fallen behind."""

SEND_TIMEOUT_S: Final = 10.0
"""After this long without an answer or ack, a send has failed and is repeated."""


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
            memory, and is given it back).
        faults: What acts on the producer on purpose; None: nothing.
        seed: Of the order of shuffled samples.
        on: Whether the producer sends to this pipeline.
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
        on: bool = True,
    ) -> None:
        self.state, self.transport, self.history = state, transport, history
        self.faults = faults or ProducerFaults()
        self.outbox, self.reasons = Outbox(capacity), Reasons()
        self.past: list[Life] = []
        """The lives that ended by a crash, oldest first."""
        self.last_words: bytes | None = None
        """How the connection is to end: None in order, else cut, in the middle of sending this."""
        self.on = on
        self.resting = False
        """Nothing is sent for a moment: the connection is about to be changed in order."""
        self.wake = asyncio.Event()
        self.connected = False
        self.last_error = ""
        self.in_flight = 0
        """Sends without an answer yet."""
        self.sends = self.failures = 0
        self.resent = 0
        """Samples of copies, sent on purpose beyond the first and acked."""
        self.batch, self.confirm = batch, confirm
        self.delay_s = self.delay_until_s = 0.0
        """Each send waits so long, until then, by the event loop's clock."""
        self._capacity, self._seed = capacity, seed
        self._spoiled: tuple[Spoiled, Life] | None = None
        self._turn_of_spoiled = False
        self._shuffler = Shuffler(f"{seed}/{history.producer}/{history.epoch}")
        self._flushing = False
        state.links.append(self)

    def offer(self) -> None:
        """The history has a new sample."""
        self.outbox.add(self.on)
        if self.outbox.pending_n >= self.batch:
            self.wake.set()

    def offer_spoiled(self, spoiled: Spoiled) -> None:
        """There is a new invalid sample."""
        if self._spoiled is None:
            self._spoiled = spoiled, Life(spoiled.epoch, Outbox(KEPT), Reasons())
        self._spoiled[1].outbox.add(self.on)
        self.wake.set()

    def flush(self) -> None:
        """No more samples come: send a batch that is not full, too."""
        self._flushing = True
        self.wake.set()

    def gather(self) -> None:
        """Samples come again: a batch gathers before it is sent."""
        self._flushing = False

    def turn(self, on: bool) -> None:
        """Send new samples down this way from now on, or no more; then what is there goes out."""
        self.on = on
        if on:
            self.gather()
        else:
            self.flush()

    def next_parcel(self) -> Parcel | None:
        """What to send now: a batch, more after falling behind, nothing while a batch still gathers."""
        if self.last_words is not None or self.resting:
            return None  # the connection is being cut, or changed
        self._turn_of_spoiled = not self._turn_of_spoiled  # neither keeps the other waiting
        if self._turn_of_spoiled:
            parcel = self._one_spoiled() or self._good()
        else:
            parcel = self._good() or self._one_spoiled()
        self.sends += bool(parcel)
        return parcel or None

    def send_delay_s(self, now_s: float) -> float:
        """How long this send is to wait.

        Args:
            now_s: By the event loop's clock.
        """
        return self.delay_s if now_s < self.delay_until_s else 0.0

    def _one_spoiled(self) -> Parcel:
        return SpoiledParcel(self._spoiled[1].outbox.take(1)) if self._spoiled else []

    def _good(self) -> Parcel:
        held_back = min(self.faults.held_back, self._capacity // 2)
        return self._shuffled(held_back) if held_back else self._in_order()

    def _in_order(self) -> Parcel:
        batch, pending = self.batch, self.outbox.pending_n
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
            if parcel := outbox.take_these(shuffler.draw(max(self.batch, held_back // 4))):
                return parcel

    def encode(self, parcel: Parcel) -> bytes:
        """The parcel's samples as one batch; the same samples give the same bytes on every pipeline.

        `next_parcel` and `encode` belong in one step without an await between: the history moves on.
        """
        if self._spoiled and isinstance(parcel, SpoiledParcel):
            return self._spoiled[0].batch(parcel)
        sample = self.history.sample
        return encode_batch([sample(seq) for low, high in parcel for seq in range(low, high + 1)])

    def acked(self, parcel: Parcel) -> None:
        """The other side holds these samples."""
        self._life_of(parcel).outbox.ack(parcel)

    def give_back(self, parcel: Parcel) -> None:
        """The attempt failed; what is still kept of these samples is to be sent again."""
        self._life_of(parcel).outbox.give_back(parcel)

    def resume(self, next_seq: int, held: list[tuple[int, int]] | None, replay: bool) -> None:
        """Begin anew on a fresh connection with what the other side says that it holds (see `Outbox.resume`)."""
        self.outbox.resume(next_seq, held, replay)
        if self._spoiled:  # of these it holds none; what was in flight is sent again
            outbox = self._spoiled[1].outbox
            outbox.resume(0, outbox.acked, replay=False)
        self.in_flight = 0

    def rejected(self, parcel: Parcel, reason: str) -> None:
        """The other side refused these samples for good."""
        self.last_error = reason
        life = self._life_of(parcel)
        life.outbox.reject(parcel)
        life.reasons.add(parcel, reason)
        self.state.rejected(self, parcel_size(parcel))

    def begin_life(self, history: History) -> None:
        """The producer died and starts anew; nothing is in flight any more."""
        self.past += self.present()
        self._spoiled = None
        self.history, self.outbox, self.reasons = history, Outbox(self._capacity), Reasons()
        self._shuffler = Shuffler(f"{self._seed}/{history.producer}/{history.epoch}")
        self.in_flight = 0

    def lives(self) -> list[Life]:
        """All lives of the producer, the present one last; invalid samples are a life of their own."""
        return [*self.past, *self.present()]

    def present(self) -> list[Life]:
        """The present life; with it, where there are any, its invalid samples."""
        present = Life(self.history.epoch, self.outbox, self.reasons)
        return [self._spoiled[1], present] if self._spoiled else [present]

    def _life_of(self, parcel: Parcel) -> Life:
        if self._spoiled and isinstance(parcel, SpoiledParcel):
            return self._spoiled[1]
        return Life(self.history.epoch, self.outbox, self.reasons)

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

    def left(self) -> None:
        """The connection was closed in order, because it is not needed any more."""
        self.connected = False
        self.state.left(self)

    @property
    def waiting(self) -> int:
        """Samples without a fate."""
        return sum(life.outbox.waiting for life in self.present())

    @property
    def settled(self) -> bool:
        """Whether every sample has its fate, and nothing that was acked and can be given back is in doubt."""
        left = self.waiting or self.outbox.pending_n or self.in_flight
        return not left and (self.connected or not self.confirm or not self.on or not self.outbox.next_seq)
