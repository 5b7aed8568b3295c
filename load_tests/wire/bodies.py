"""Batches of a synthetic producer as JSON bytes, at the cost of one format operation each.

Every sample has an identity of its own, so that a load run can be audited like any other.
"""

from __future__ import annotations

import random

from metrics_core.sample import Sample
from metrics_core.wire import encode_batch


class ProducerBodies:
    """The batches of one producer, one after the other.

    Args:
        name: The producer's name.
        epoch: Its start, µs since 1970.
        batch: Samples per batch.
        seed: Seed of the readings; they differ between the samples of a batch and repeat from batch to batch.
    """

    def __init__(self, name: str, epoch: int, batch: int, seed: int = 1) -> None:
        source = random.Random(f"{seed}:{name}")
        placeholder = 10**15
        samples = [
            Sample(
                name,
                epoch,
                placeholder,
                placeholder,
                round(source.uniform(0, 100), 2),
                round(source.uniform(0, 100), 2),
                round(source.uniform(0, 100), 2),
                source.randrange(10**8),
                source.randrange(10**8),
            )
            for _ in range(batch)
        ]
        template = encode_batch(samples).replace(b"%", b"%%")
        self.name = name
        self.epoch = epoch
        self._template = template.replace(b'"seq":%d,"sampled_at_us":%d' % (placeholder, placeholder), b"%b")
        self.batch = batch
        self.next_seq = 0

    def next(self, sampled_at_us: int) -> bytes:
        """The next batch, all of its samples taken at `sampled_at_us`."""
        first = self.next_seq
        self.next_seq = first + self.batch
        if self.batch == 1:
            return self._template % (b'"seq":%d,"sampled_at_us":%d' % (first, sampled_at_us),)
        tail = b',"sampled_at_us":%d' % sampled_at_us
        return self._template % tuple(
            [b'"seq":%d%b' % (seq, tail) for seq in range(first, first + self.batch)]
        )
