"""Made-up figures in the shape of real feed snapshots, written by the lab's own encoder (`metrics_core.snapshot`).

Everything follows from the producer's number and the time, so two calls with the same time give the same bytes.
Not here: who sends them (`fake_lab.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from metrics_core.alerts import DEFAULTS, AlertRules, Threshold
from metrics_core.sample import Sample
from metrics_core.snapshot import (
    TOTALS,
    BufferView,
    ProcessView,
    ProducerView,
    encode_producer,
    encode_snapshot,
    finish_producer,
)
from metrics_core.summary import summarize
from metrics_core.trace import Trace

KINDS: Final = ("web", "db", "cache", "queue", "batch")
CALM: Final = AlertRules({metric: Threshold(100, 100) for metric in DEFAULTS})
EPOCH_US: Final = 1_766_200_000_000_000

_PROCESSES: Final = {
    "http_redis": [
        ("ingest", 9.4, 61e6),
        ("worker-1", 6.8, 47e6),
        ("worker-2", 6.1, 47e6),
        ("fanout", 2.2, 39e6),
        ("redis", 3.1, 14e6),
    ],
    "websocket": [("pipeline-b", 4.7, 44e6)],
}
_LATENCY_MS: Final = {"http_redis": ((5.2, 11.4), (9.6, 24.0)), "websocket": ((0.62, 1.9), (0.81, 2.6))}
_BACKLOG: Final = {"http_redis": ("jobs", 1000), "websocket": ("samples", 25_600)}


def producer_names(count: int) -> list[str]:
    """Names like a fleet's: `web-01`, `db-01`, …"""
    return [f"{KINDS[i % len(KINDS)]}-{i // len(KINDS) + 1:02d}" for i in range(count)]


def sample_at(name: str, number: int, now_us: int, period_us: int = 1_000_000) -> Sample:
    """The newest sample that producer `number` has taken at `now_us`."""
    offset_us = number * 7919 % period_us
    seq = (now_us - EPOCH_US - offset_us) // period_us
    phase = number * 1.7 + seq / 23
    cpu = 38 + 22 * math.sin(phase) + 9 * math.sin(phase * 5.3) + (35 if (seq + number * 13) % 97 < 4 else 0)
    return Sample(
        producer=name,
        epoch=EPOCH_US,
        seq=seq,
        sampled_at_us=EPOCH_US + offset_us + seq * period_us,
        cpu_percent=round(min(99.5, max(0.5, cpu)), 1),
        memory_percent=round(45 + number % 7 * 5 + 8 * math.sin(phase / 3), 1),
        disk_percent=round(30 + number * 11 % 55 + 3 * math.sin(phase / 9), 1),
        net_rx_bytes_per_s=int(250_000 * (1.2 + math.sin(phase)) * (1 + number % 4)),
        net_tx_bytes_per_s=int(180_000 * (1.2 + math.sin(phase + 1)) * (1 + number % 3)),
    )


@dataclass(slots=True)
class SnapshotMaker:
    """Makes the snapshots of one pipeline.

    Attributes:
        pipeline: `http_redis` or `websocket`.
        names: The producers.
        silent: Producers that stopped sampling at `stopped_at_us`.
        totals: Counters that differ from what the time gives.
        slowness: Factor on every latency.
        alerts: Texts for the operator.
        rules: When a producer is in trouble; by default no reading is.
        buffers: What waits where.
        traces: Ways of single samples.
    """

    pipeline: str
    names: list[str]
    started_us: int
    run: str = "run-fake"
    rate: float = 1.0
    silent: frozenset[str] = frozenset()
    stopped_at_us: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    slowness: float = 1.0
    alerts: list[str] = field(default_factory=list)
    rules: AlertRules = CALM
    buffers: list[BufferView] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)

    def encode(self, now_us: int) -> bytes:
        """The snapshot at `now_us` as the feed would send it."""
        elapsed_s = (now_us - self.started_us) / 1e6
        processed = int(elapsed_s * len(self.names) * self.rate)
        wave = 1 + 0.16 * math.sin(elapsed_s / 4) + 0.06 * math.sin(elapsed_s * 3.1)
        totals = dict.fromkeys(TOTALS, 0) | {"accepted": processed, "processed": processed} | self.totals
        unit, capacity = _BACKLOG[self.pipeline]
        waiting = max(0, round(2.4 * wave - 1.6)) if unit == "jobs" else max(0, round(9 * wave - 6))
        accepted, folded = _LATENCY_MS[self.pipeline]
        return encode_snapshot(
            pipeline=self.pipeline,
            run=self.run,
            at_us=now_us,
            totals=totals,
            rate_per_s=round(len(self.names) * self.rate * (1 + 0.012 * math.sin(elapsed_s)), 1),
            backlog={"waiting": waiting, "capacity": capacity, "unit": unit},
            buffers=self.buffers,
            latency_ms={
                "accepted": _latency(*accepted, wave * self.slowness, len(self.names) * 10),
                "processed": _latency(*folded, wave * self.slowness, len(self.names) * 10),
            },
            producers=list(self._producers(now_us)),
            processes=[
                ProcessView(name=name, pid=4000 + i, cpu_percent=round(cpu * wave, 1), rss_bytes=int(rss))
                for i, (name, cpu, rss) in enumerate(_PROCESSES[self.pipeline])
            ],
            alerts=self.alerts,
            traces=self.traces,
            subscribers=1,
        )

    def _producers(self, now_us: int) -> Iterable[bytes]:
        for number, name in enumerate(self.names):
            taken_us = self.stopped_at_us if name in self.silent else now_us
            sample = sample_at(name, number, taken_us, int(1e6 / self.rate))
            view = ProducerView(last=sample, windows=summarize([sample], [sample.sampled_at_us]))
            yield finish_producer(encode_producer(name, view, self.rules), self.rules, now_us)


def _latency(p50: float, p99: float, wave: float, n: int) -> dict[str, Any]:
    figures = {"p50": p50 * wave, "p90": (p50 + p99) / 2 * wave, "p99": p99 * wave, "max": p99 * 1.4 * wave}
    figures["mean"] = (0.9 * p50 + 0.1 * p99) * wave
    return {name: round(value, 3) for name, value in figures.items()} | {"n": n}
