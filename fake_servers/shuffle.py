"""The order in which samples leave while they are shuffled: block by block, each in a seeded order. Pure.

A block is what was held back; it is dealt once and drawn from in batches of random sizes until it is empty. So no
sample waits for more than one block, a batch mixes samples from all over its block, and at the pipeline at most half a
block is gaps at any time. Both links of a producer have the same seed, so both pipelines get the same blocks in the
same order.
"""

from __future__ import annotations

from random import Random


class Shuffler:
    """Blocks of sequence numbers in shuffled order.

    Args:
        seed: Decides the orders and the sizes, with what is dealt.
    """

    __slots__ = ("_order", "_random")

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._order: list[int] = []

    def __len__(self) -> int:
        """How many of the block are left."""
        return len(self._order)

    def deal(self, seqs: list[int]) -> None:
        """Begin the next block."""
        self._order = list(seqs)
        self._random.shuffle(self._order)

    def draw(self, most: int) -> list[int]:
        """The next 1 to `most` numbers of the block, as a batch."""
        n = self._random.randint(1, most)
        drawn, self._order = self._order[:n], self._order[n:]
        return drawn
