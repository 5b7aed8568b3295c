"""A sink that keeps all batches, as pipeline B's connections see one."""

from __future__ import annotations

from metrics_core.intervals import IntervalSet
from metrics_core.sink import Batch


class KeepingSink:
    """Keeps all batches.

    Attributes:
        batches: What came.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def accept(self, batch: Batch) -> None:
        """Keep a batch."""
        self.batches.append(batch)

    async def held(self, name: str, epoch: int) -> IntervalSet:
        """Nothing was held before."""
        return IntervalSet()
