"""The seam between an ingest and what is behind it.

Each pipeline's `ingest.py` reaches its store only through `Sink`. So an experiment can put the HTTP ingest before the
ring, or the WebSocket ingest before Redis, and tell what the transport costs from what the store costs.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from metrics_core.sample import Sample
from metrics_core.trace import Trace


class Batch(Struct, frozen=True, gc=False):
    """A batch that passed validation.

    Attributes:
        body: The bytes as they came; a store that keeps bytes need not encode again.
        samples: The same batch decoded, at least one sample.
        trace: The way so far of one of them, where its producer asked for it.
    """

    body: bytes
    samples: list[Sample]
    trace: Trace | None = None


class Refusals(Protocol):
    """What an ingest counts of batches that it did not take: `rejected` for what they hold, `refused` for now."""

    rejected: int
    refused: int


class Sink(Protocol):
    """Something that can hold batches."""

    async def accept(self, batch: Batch) -> None:
        """Take a batch; return when it is held, in the sink's own meaning of *held*.

        Raises:
            Refused: It is not held and leaves no trace (or, for `Unavailable`, it is not known whether it is).
        """
