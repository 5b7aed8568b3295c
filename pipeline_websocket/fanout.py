"""Snapshots of pipeline B: four times a second, straight from the aggregator's memory, to every dashboard.

The tick also folds what waits, so that nothing waits longer than one tick even when nobody looks.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from lab_runtime.feed import Fanout
from lab_runtime.process import SelfMeter, now_us
from metrics_core.snapshot import (
    BufferView,
    ProcessView,
    ProducerBoard,
    SlidingLatency,
    SlidingRate,
    encode_snapshot,
)
from metrics_core.trace import RecentTraces, Trace
from pipeline_websocket.aggregator import MOST_PENDING, Aggregator
from pipeline_websocket.config import Config
from pipeline_websocket.ingest import Counts


class SnapshotTicker:
    """Builds a snapshot per tick while somebody is connected.

    Args:
        config: Of this process.
        aggregator: What the snapshots tell.
        counts: What the transport counted.
        fanout: Takes the snapshots.
        applied: Traces of samples that were applied; taken out here.
    """

    def __init__(
        self,
        config: Config,
        aggregator: Aggregator,
        counts: Counts,
        fanout: Fanout,
        applied: deque[Trace],
    ) -> None:
        self._config = config
        self._aggregator = aggregator
        self._counts = counts
        self._fanout = fanout
        self._applied = applied
        self._traces = RecentTraces(now_us())
        self._board = ProducerBoard(config.rules)
        self._rate = SlidingRate()
        self._accepted, self._processed = SlidingLatency(), SlidingLatency()
        self._meter = SelfMeter(config.name)
        self._process: list[ProcessView] = []

    async def run(self) -> None:
        """Tick until cancelled."""
        period_s = 1 / self._config.feed_hz
        next_look = measured = time.monotonic()
        while True:
            next_look += period_s
            await asyncio.sleep(max(0.0, next_look - time.monotonic()))
            next_look = max(next_look, time.monotonic() - period_s)
            if time.monotonic() - measured >= 1.0:
                measured = time.monotonic()
                self._process = [self._meter.observe()]
            waiting = self._aggregator.pending
            while self._aggregator.fold_some():
                await asyncio.sleep(0)
            applied = list(self._applied)
            self._applied.clear()
            if self._fanout.subscribers:
                self._traces.publish(applied, now_us())
                self._fanout.publish(self._snapshot(now_us(), waiting))
            else:
                self._traces.nobody_looks(now_us())

    def _snapshot(self, at_us: int, waiting: int) -> bytes:
        for name, view in self._aggregator.take_changes().items():
            self._board.update(name, view)
        totals = self.totals()
        return encode_snapshot(
            pipeline="websocket",
            run=self._config.run,
            at_us=at_us,
            totals=totals,
            rate_per_s=self._rate.observe(totals["processed"], at_us),
            backlog={"waiting": waiting, "capacity": MOST_PENDING, "unit": "samples"},
            buffers=self._buffers(totals, waiting),
            latency_ms={
                "accepted": self._accepted.observe(self._counts.accepted_latency, at_us),
                "processed": self._processed.observe(self._aggregator.processed_latency, at_us),
            },
            producers=self._board.entries(at_us),
            processes=self._process,
            alerts=[],
            traces=self._traces.newest,
            subscribers=self._fanout.subscribers,
        )

    def _buffers(self, totals: dict[str, int], waiting: int) -> list[BufferView]:
        aggregator = self._aggregator
        in_rings = totals["processed"] - totals["overwritten"]  # every sample enters its ring once
        room = aggregator.producers * aggregator.ring_capacity
        return [
            BufferView("fold", waiting, MOST_PENDING, "samples"),
            BufferView("ring", in_rings, room, "samples"),
            self._fanout.buffer,
        ]

    def totals(self) -> dict[str, int]:
        """The counters of `metrics_core.snapshot.TOTALS`."""
        aggregator, counts = self._aggregator, self._counts
        aggregator.fold()
        return {
            "accepted": counts.accepted,
            "processed": aggregator.processed,
            "duplicates": aggregator.duplicates,
            "rejected": counts.rejected,
            "refused": counts.refused,
            "late": aggregator.late,
            "future": aggregator.future,
            "overwritten": aggregator.overwritten,
            "dead_lettered": 0,
        }
