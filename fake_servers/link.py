"""A link: one producer's way down one pipeline. What HTTP and WebSocket have in common.

It holds the outbox, says when something is to be sent and how much at once, and keeps what an operator wants
to know: whether the other side is reached and what went wrong last. A slow or dead pipeline stays behind its
link: taking a sample only adds to an outbox and never waits.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fake_servers.history import History
from fake_servers.outbox import Outbox, Parcel, parcel_size
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
    """

    def __init__(
        self, state: PipelineState, transport: str, history: History, batch: int, capacity: int, confirm: bool
    ) -> None:
        self.state, self.transport, self.history = state, transport, history
        self.outbox = Outbox(capacity)
        self.wake = asyncio.Event()
        self.connected = False
        self.last_error = ""
        self.in_flight = 0
        """Sends without an answer yet."""
        self.sends = self.failures = 0
        self._batch, self._confirm = batch, confirm
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
        pending = self.outbox.pending_n
        if not pending or (pending < self._batch and not self._flushing):
            return None
        self.sends += 1
        return self.outbox.take(
            self._batch if pending < 2 * self._batch else max(self._batch, CATCH_UP_SAMPLES)
        )

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
        self.state.rejected(self, parcel_size(parcel))

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
