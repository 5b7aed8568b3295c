"""What a pipeline must make of batches, said plainly: dictionaries and sets, no runs, no intervals, no columns.

Slow and obvious. Tests hold pipeline B's aggregator, and both pipelines end to end, against it.
"""

from __future__ import annotations

from metrics_core.histogram import bucket_of
from metrics_core.limits import MAX_FUTURE_US, WINDOW_US, WINDOWS_KEPT
from metrics_core.sample import METRICS, Sample
from metrics_core.summary import rank

Identity = tuple[str, int, int]


class Oracle:
    """Takes batches one by one.

    Attributes:
        seen: The first sample of each identity.
        processed, duplicates, future: As the pipelines count them.
        buckets: Histogram buckets of the ages of all samples but future ones.
    """

    def __init__(self) -> None:
        self.seen: dict[Identity, Sample] = {}
        self.timely: list[Sample] = []
        self.processed = self.duplicates = self.future = 0
        self.buckets: dict[int, int] = {}

    def add(self, samples: list[Sample], now_us: int) -> None:
        """Take a batch at a moment."""
        for sample in samples:
            identity = (sample.producer, sample.epoch, sample.seq)
            if identity in self.seen:
                self.duplicates += 1
                continue
            self.seen[identity] = sample
            self.processed += 1
            if sample.sampled_at_us > now_us + MAX_FUTURE_US:
                self.future += 1
                continue
            self.timely.append(sample)
            bucket = bucket_of(now_us - sample.sampled_at_us)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def ledger(self) -> dict[str, dict[int, set[int]]]:
        """The sequence numbers seen, by producer and epoch."""
        found: dict[str, dict[int, set[int]]] = {}
        for producer, epoch, seq in self.seen:
            found.setdefault(producer, {}).setdefault(epoch, set()).add(seq)
        return found

    def last(self, producer: str) -> Sample | None:
        """The newest sample of a producer."""
        own = [sample for sample in self.timely if sample.producer == producer]
        return max(own, key=rank) if own else None

    def window(self, producer: str) -> dict[str, tuple[float, float, int]] | None:
        """Minimum, maximum and count of each metric in the newest window of a producer."""
        last = self.last(producer)
        if last is None:
            return None
        index = last.sampled_at_us // WINDOW_US
        own = [s for s in self.timely if s.producer == producer and s.sampled_at_us // WINDOW_US == index]
        readings = {metric: [getattr(s, metric) for s in own] for metric in METRICS}
        return {metric: (min(found), max(found), len(found)) for metric, found in readings.items()}

    def indexes_kept(self, producer: str) -> tuple[int, int]:
        """The oldest and the newest window of a producer that may be kept."""
        last = self.last(producer)
        assert last is not None
        newest = last.sampled_at_us // WINDOW_US
        return newest - WINDOWS_KEPT + 1, newest
