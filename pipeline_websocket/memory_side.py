"""What stands behind pipeline B's ingest: the aggregator in this process's memory, its snapshots, answers out of it.

Not here: the transport before it. `server.py` puts WebSocket there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab_runtime.connections import Connections
from lab_runtime.feed import Fanout
from lab_runtime.ops import metrics_text
from lab_runtime.process import end_with, now_us
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import count, format_ledger
from metrics_core.sink import Batch, Refusals, Sink
from metrics_core.trace import MOST_SHOWN, Trace
from metrics_core.windows_view import windows_view
from pipeline_websocket.aggregator import Aggregator
from pipeline_websocket.config import Config
from pipeline_websocket.fanout import SnapshotTicker
from pipeline_websocket.ingest import Counts, Holder
from pipeline_websocket.knobs import Knobs
from pipeline_websocket.whereabouts import look


class AggregatorSink:
    """The `Sink` of pipeline B: held means in the ring and in the aggregates of this process's memory."""

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator = aggregator
        self._add = aggregator.add
        self.arrivals = 0
        """Samples of all batches taken, repeats included."""
        self.traces: deque[Trace] = deque(maxlen=MOST_SHOWN)
        """Of samples that were applied since the last look."""

    async def accept(self, batch: Batch) -> None:
        """Take a batch at once.

        Raises:
            LimitReached: A bound on producers, epochs or gaps; nothing is kept.
        """
        trace = batch.trace
        if trace is not None and trace.seq in self._aggregator.held(trace.producer, trace.epoch):
            trace = None  # a repeat
        self._add(batch.samples, now_us())
        self.arrivals += len(batch.samples)
        if trace is not None:
            trace.passed("applied", now_us())
            self.traces.append(trace)

    async def held(self, name: str, epoch: int) -> IntervalSet:
        """The sequence numbers in the aggregates of one producer and epoch."""
        return self._aggregator.held(name, epoch)


class MemorySide:
    """The memory as an ingest process sees it; see `lab_runtime.behind.Behind`.

    Attributes:
        fanout: Sends the snapshots of this memory.
        holder: Tells what is held of a producer.
        connected: What the transport counts.
        connections: Of the transport's port.
        knobs: What can be changed in it while it runs.
    """

    def __init__(self, config: Config) -> None:
        self._run = config.run
        self._aggregator = Aggregator(config.ring_capacity)
        held_here = self._held_here = AggregatorSink(self._aggregator)
        self.sink: Sink = held_here
        self.holder: Holder = held_here
        self.connected = Counts()
        self.connections = Connections(config.max_connections)
        self.counts: Refusals = self.connected
        self.fanout = Fanout()
        self.knobs = Knobs(self._aggregator)
        self._ticker = SnapshotTicker(config, self._aggregator, self.connected, self.fanout, held_here.traces)

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Fold and publish snapshots."""
        tick = asyncio.create_task(self._ticker.run())
        end_with(tick, stop)
        try:
            yield
        finally:
            tick.cancel()

    async def ledger(self) -> dict[str, Any]:
        """Totals and identities processed."""
        return {
            "pipeline": "websocket",
            "run": self._run,
            "totals": self._ticker.totals(),
            "producers": format_ledger(self._aggregator.ledger()),
        }

    async def histograms(self) -> dict[str, Any]:
        """Both clocks, cumulative."""
        return {
            "pipeline": "websocket",
            "accepted": self.connected.accepted_latency.as_pairs(),
            "processed": self._aggregator.processed_latency.as_pairs(),
        }

    async def windows(self) -> dict[str, Any]:
        """Newest samples and windows, as they are kept."""
        return windows_view("websocket", self._aggregator.aggregates())

    async def whereabouts(self) -> dict[str, Any]:
        """Which processed samples the rings still hold, and which they do not, by identity."""
        aggregator = self._aggregator
        counts = {
            "accepted": self._held_here.arrivals,
            "processed": aggregator.processed,
            "duplicates": aggregator.duplicates,
            "unique": count(aggregator.ledger()),
        }
        found = await look(aggregator)
        return {"pipeline": "websocket", "run": self._run} | found | {"counts": counts | found["counts"]}

    async def failing(self) -> dict[str, str]:
        """Memory does not fail alone."""
        return {}

    async def metrics(self) -> bytes:
        """Prometheus text."""
        fanout = self.fanout
        counters = self._ticker.totals() | {
            "feed_snapshots_skipped": fanout.skipped,
            "feed_subscribers_cut": fanout.cut,
        }
        counters |= self.connections.counters()
        gauges = self.connections.gauges() | {
            "feed_subscribers": fanout.subscribers,
            "producer_connections": self.connected.connections,
            "producer_connections_compressed": self.knobs.compressing,
            "samples_not_folded": self._aggregator.pending,
        }
        latencies = {
            "accepted": self.connected.accepted_latency,
            "processed": self._aggregator.processed_latency,
        }
        return metrics_text("websocket", counters, gauges, latencies)
