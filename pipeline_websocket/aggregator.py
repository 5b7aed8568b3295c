"""The aggregates of pipeline B: which identities were seen, windows, latencies, counters. Pure: time comes in.

A batch is taken in two steps. `add` does what must be done at once: it tells new identities from repeats, puts samples
into the ring, counts them as processed. `fold`, called before anything is read and at the latest when `MOST_PENDING`
samples wait, brings them into windows and histograms column by column, which takes about half the time of sample by
sample. No reader can see the difference, because every read folds first; so *processed* is the moment of `add`.

All or nothing: a batch that would break a bound raises before it changes anything.
"""

from __future__ import annotations

from typing import Final

from metrics_core import limits
from metrics_core.errors import LimitReached
from metrics_core.histogram import Histogram
from metrics_core.intervals import IntervalSet
from metrics_core.runs import ProducerRuns, is_one_run, split_runs
from metrics_core.sample import Sample
from metrics_core.snapshot import ProducerView
from metrics_core.summary import Summary, Windows, newest, rank, summarize
from pipeline_websocket.ring import Ring

MOST_PENDING: Final = 2_048
PRODUCERS_AT_ONCE: Final = 8


class Producer:
    """All that pipeline B knows of one producer."""

    __slots__ = ("epoch", "epochs", "last", "next_seq", "pending", "pending_times", "ring", "seen", "windows")

    def __init__(self, ring_capacity: int) -> None:
        self.ring = Ring(ring_capacity)
        self.windows = Windows()
        self.last: Sample | None = None
        self.epochs: dict[int, IntervalSet] = {}
        # The current epoch, its identities, and the number after the last one: the way of nearly every batch.
        self.epoch = -1
        self.seen = IntervalSet()
        self.next_seq = -1
        self.pending: list[Sample] = []  # not folded yet; without those from the future
        self.pending_times: list[int] = []  # their sampled_at_us


class Aggregator:
    """Aggregates of all producers. One per process; not thread-safe, the event loop serializes."""

    def __init__(self, ring_capacity: int) -> None:
        self._ring_capacity = ring_capacity
        self._producers: dict[str, Producer] = {}
        self._dirty: dict[str, Producer] = {}  # producers with pending samples
        self._pending = 0
        self._arrivals: list[tuple[list[int], int]] = []  # when samples of a batch were taken, when it came
        self._changed: dict[str, Producer] = {}
        self._processed_latency = Histogram()
        self.processed = 0
        self.duplicates = 0
        self.late = 0
        self.future = 0

    def add(self, samples: list[Sample], now_us: int) -> None:
        """Take a batch, whole.

        Args:
            samples: A valid batch.
            now_us: When it is taken, µs since 1970.

        Raises:
            LimitReached: A bound on producers, epochs or gaps; nothing of the batch is kept.
        """
        first = samples[0]
        producer = self._producers.get(first.producer)
        if (
            producer is not None
            and first.seq == producer.next_seq
            and first.epoch == producer.epoch
            and is_one_run(samples)
        ):
            producer.next_seq += len(samples)
            self._keep(first.producer, producer, samples, now_us)
        else:
            self._add_any(samples, now_us)
        if self._pending >= MOST_PENDING:
            self.fold()

    def _add_any(self, samples: list[Sample], now_us: int) -> None:
        """Gaps, repeats, several producers or epochs in one batch, a producer's first sample."""
        groups, repeats = split_runs(samples)
        self._check_limits(groups)
        self.duplicates += repeats
        for group in groups:
            producer = self._producers.get(group.producer)
            if producer is None:
                producer = self._producers[group.producer] = Producer(self._ring_capacity)
            self._turn_to(producer, group.epoch)
            marked = [part for low, high in group.runs for part in producer.seen.overlap(low, high)]
            fresh = group.samples
            if marked:
                fresh = [s for s in fresh if not any(low <= s.seq <= high for low, high in marked)]
                self.duplicates += len(group.samples) - len(fresh)
            for low, high in group.runs:
                producer.seen.add(low, high)
            producer.next_seq = producer.seen.last + 1
            if fresh:
                self._keep(group.producer, producer, fresh, now_us)

    def _keep(self, name: str, producer: Producer, samples: list[Sample], now_us: int) -> None:
        producer.ring.extend(samples)
        self.processed += len(samples)
        self._dirty[name] = producer
        times = [sample.sampled_at_us for sample in samples]
        latest_us = now_us + limits.MAX_FUTURE_US
        if max(times) > latest_us:
            self.future += len(samples)
            samples = [sample for sample in samples if sample.sampled_at_us <= latest_us]
            times = [sample.sampled_at_us for sample in samples]
            self.future -= len(samples)
        if not times:
            return
        producer.pending += samples
        producer.pending_times += times
        self._arrivals.append((times, now_us))
        self._pending += len(times)

    def _check_limits(self, groups: list[ProducerRuns]) -> None:
        strangers = {group.producer for group in groups} - self._producers.keys()
        if len(self._producers) + len(strangers) > limits.MAX_PRODUCERS:
            raise LimitReached(f"more than {limits.MAX_PRODUCERS} producers")
        new_epochs: dict[str, int] = {}
        for group in groups:
            producer = self._producers.get(group.producer)
            if producer is None or group.epoch not in producer.epochs:
                known = len(producer.epochs) if producer else 0
                new_epochs[group.producer] = new_epochs.get(group.producer, 0) + 1
                if known + new_epochs[group.producer] > limits.MAX_EPOCHS_PER_PRODUCER:
                    raise LimitReached(f"more than {limits.MAX_EPOCHS_PER_PRODUCER} restarts of one producer")
            intervals = len(producer.epochs.get(group.epoch, ())) if producer else 0
            if (
                intervals + len(group.runs) > limits.MAX_INTERVALS_PER_EPOCH
                and intervals + self._more_intervals(group) > limits.MAX_INTERVALS_PER_EPOCH
            ):
                raise LimitReached(
                    f"more than {limits.MAX_INTERVALS_PER_EPOCH} gaps in the sequence numbers of one epoch"
                )

    def _more_intervals(self, group: ProducerRuns) -> int:
        """How many intervals more a group needs; none for repeats and next numbers, fewer where it fills gaps."""
        seen = self.held(group.producer, group.epoch)
        return sum(1 - seen.touching(low, high) for low, high in group.runs)

    def _turn_to(self, producer: Producer, epoch: int) -> None:
        """Make an epoch the producer's current one; first bring the numbers of the fast way into its set."""
        self._settle(producer)
        if producer.epoch != epoch:
            producer.epoch = epoch
            producer.seen = producer.epochs.setdefault(epoch, IntervalSet())
            producer.next_seq = producer.seen.last + 1

    @staticmethod
    def _settle(producer: Producer) -> None:
        """The fast way only moves `next_seq`; here its numbers join the interval that they continue."""
        if producer.epoch >= 0 and producer.next_seq - 1 > producer.seen.last:
            producer.seen.add(max(0, producer.seen.last), producer.next_seq - 1)

    def fold(self) -> None:
        """Bring all that waits into windows and histograms. Call before reading anything."""
        while self.fold_some():
            pass

    def fold_some(self) -> bool:
        """Fold a few producers, about 0.1 ms of work, so that a tick need not hold up samples that arrive meanwhile.

        Returns:
            Whether something still waits.
        """
        if self._arrivals:
            ages = [now_us - taken for times, now_us in self._arrivals for taken in times]
            self._processed_latency.add_all(ages)
            self._arrivals = []
        for _ in range(min(PRODUCERS_AT_ONCE, len(self._dirty))):
            name, producer = self._dirty.popitem()
            samples, times = producer.pending, producer.pending_times
            producer.pending, producer.pending_times = [], []
            self._pending -= len(samples)
            if samples:
                candidate = newest(samples, times)
                if producer.last is None or rank(candidate) > rank(producer.last):
                    producer.last = candidate
                for summary in summarize(samples, times):
                    self.late += producer.windows.add(summary)
            self._changed[name] = producer
        return bool(self._dirty)

    @property
    def ring_capacity(self) -> int:
        """How many samples a ring holds."""
        return self._ring_capacity

    def resize_rings(self, capacity: int) -> None:
        """Let each ring hold so many samples from now on; what no longer fits counts as overwritten."""
        self._ring_capacity = capacity
        for producer in self._producers.values():
            producer.ring.resize(capacity)

    # -- reading -------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Samples not folded yet."""
        return self._pending

    @property
    def overwritten(self) -> int:
        """Samples that the rings no longer hold."""
        return sum(producer.ring.overwritten for producer in self._producers.values())

    @property
    def producers(self) -> int:
        """How many producers are known; each has a ring."""
        return len(self._producers)

    @property
    def processed_latency(self) -> Histogram:
        """Cumulative histogram of the clock *processed*."""
        self.fold()
        return self._processed_latency

    def take_changes(self) -> dict[str, ProducerView]:
        """Producers that changed since the last call."""
        self.fold()
        changed, self._changed = self._changed, {}
        return {
            name: ProducerView(producer.last, producer.windows.summaries)
            for name, producer in changed.items()
        }

    def held(self, name: str, epoch: int) -> IntervalSet:
        """The sequence numbers of one producer and epoch that are in the aggregates."""
        producer = self._producers.get(name)
        if producer is None:
            return IntervalSet()
        self._settle(producer)
        return producer.epochs.get(epoch, IntervalSet())

    def ledger(self) -> dict[str, dict[int, IntervalSet]]:
        """Every identity that is in the aggregates."""
        for producer in self._producers.values():
            self._settle(producer)
        return {name: producer.epochs for name, producer in self._producers.items()}

    def aggregates(self) -> dict[str, tuple[Sample | None, list[Summary]]]:
        """The newest sample and the windows of each producer."""
        self.fold()
        return {name: (own.last, own.windows.summaries) for name, own in self._producers.items()}

    def ledger_of(self, name: str) -> dict[int, IntervalSet]:
        """Every identity of one producer that is in the aggregates."""
        producer = self._producers.get(name)
        if producer is None:
            return {}
        self._settle(producer)
        return producer.epochs

    def overwritten_of(self, name: str) -> int:
        """How many samples of a producer its ring no longer holds."""
        producer = self._producers.get(name)
        return producer.ring.overwritten if producer else 0

    def newest_samples(self, name: str) -> list[Sample]:
        """What the ring of a producer holds, newest first."""
        producer = self._producers.get(name)
        return producer.ring.newest_first() if producer else []
