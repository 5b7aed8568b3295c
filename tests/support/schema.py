"""Feed snapshots and ledgers as the interface says that they look (DESIGN, section 3): types, ranges, what must add up.

Strict about what is required, open for additions: a key that the interface does not name is no fault.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from metrics_core.sample import METRICS, Sample
from metrics_core.trace import MOST_SHOWN, Trace

Count = Annotated[int, Meta(ge=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Totals(Struct):
    accepted: Count
    processed: Count
    duplicates: Count
    rejected: Count
    refused: Count
    late: Count
    future: Count
    dead_lettered: Count
    overwritten: Count = 0


class Backlog(Struct):
    waiting: Count
    capacity: Annotated[int, Meta(ge=1)]
    unit: Literal["jobs", "samples"]


class Latency(Struct):
    p50: NotNegative
    p90: NotNegative
    p99: NotNegative
    max: NotNegative
    mean: NotNegative
    n: Count


class Latencies(Struct):
    accepted: Latency
    processed: Latency


class Metric(Struct):
    min: NotNegative
    mean: NotNegative
    max: NotNegative
    n: Annotated[int, Meta(ge=1)]


class Window(Struct):
    start_us: Count
    window_s: NotNegative
    cpu_percent: Metric
    memory_percent: Metric
    disk_percent: Metric
    net_rx_bytes_per_s: Metric
    net_tx_bytes_per_s: Metric


Alert = Annotated[str, Meta(pattern=r"^(cpu|memory|disk) (warning|critical)$")]


class Buffer(Struct):
    name: Literal["group commit", "Redis queue", "workers", "stream", "fold", "ring", "feed"]
    waiting: Count
    capacity: Count
    unit: Literal["batches", "jobs", "samples", "snapshots"]


class ProducerEntry(Struct):
    producer: str
    status: Literal["healthy", "degraded", "silent"]
    last: Sample | None
    window: Window | None
    alerts: list[Alert]
    age_ms: Count


class ProcessEntry(Struct):
    name: Annotated[str, Meta(min_length=1)]
    pid: Annotated[int, Meta(ge=1)]
    cpu_percent: NotNegative
    rss_bytes: Annotated[int, Meta(ge=1)]


class Snapshot(Struct):
    type: Literal["snapshot"]
    schema: Literal[1]
    pipeline: Literal["http_redis", "websocket"]
    run: str
    at_us: Annotated[int, Meta(ge=10**15)]
    totals: Totals
    rate_per_s: NotNegative
    backlog: Backlog
    buffers: list[Buffer]
    latency_ms: Latencies
    producers: list[ProducerEntry]
    processes: list[ProcessEntry]
    alerts: list[str]
    traces: Annotated[list[Trace], Meta(max_length=MOST_SHOWN)]
    subscribers: Annotated[int, Meta(ge=1)]


class LedgerAnswer(Struct):
    pipeline: Literal["http_redis", "websocket"]
    totals: Totals
    producers: dict[str, dict[str, list[tuple[Count, Count]]]]


_TO_A = ["sent", "received", "decoded", "committed", "dequeued", "applied", "published"]
HOPS = {
    "http_redis": [_TO_A, [hop for hop in _TO_A if hop != "committed"]],
    "websocket": [["sent", "received", "decoded", "applied", "published"]],
}
"""What a trace may tell; of a commit the fan-out may not have heard."""

_decode_snapshot = msgspec.json.Decoder(Snapshot).decode
_convert_ledger = msgspec.json.Decoder(LedgerAnswer).decode


def check_snapshot(text: bytes | str) -> Snapshot:
    """Hold one message of a feed against the schema, and against itself.

    Raises:
        AssertionError, msgspec.ValidationError: It is not a snapshot.
    """
    snapshot = _decode_snapshot(text)
    names = [entry.producer for entry in snapshot.producers]
    assert len(names) == len(set(names)), "a producer twice"
    for entry in snapshot.producers:
        assert entry.last is None or entry.last.producer == entry.producer
        _check_window(entry.window)
        awake = "degraded" if entry.alerts else "healthy"
        assert entry.status == (awake if entry.age_ms < 3000 else "silent")
    for latency in (snapshot.latency_ms.accepted, snapshot.latency_ms.processed):
        assert latency.p50 <= latency.p90 <= latency.p99 <= latency.max
        assert latency.n > 0 or latency.max == latency.mean == 0
        assert latency.mean <= latency.max
    _check_buffers(snapshot)
    for trace in snapshot.traces:
        assert [hop for hop, _ in trace.hops] in HOPS[snapshot.pipeline]
        assert trace.hops[-1][1] <= snapshot.at_us
    return snapshot


def _check_buffers(snapshot: Snapshot) -> None:
    by_name = {buffer.name: buffer for buffer in snapshot.buffers}
    assert len(by_name) == len(snapshot.buffers), "a buffer twice"
    if "feed" in by_name:
        assert by_name["feed"].capacity == snapshot.subscribers


def _check_window(window: Window | None) -> None:
    if window is None:
        return
    counts = {getattr(window, metric).n for metric in METRICS}
    assert len(counts) == 1, "one number of samples for all metrics"
    for metric in METRICS:
        figures: Metric = getattr(window, metric)
        assert figures.min - 1 <= figures.mean <= figures.max + 1  # rates enter a mean as whole bytes


def check_ledger(answer: dict[str, Any]) -> LedgerAnswer:
    """Hold the answer of `GET /v1/ledger` against the schema: intervals ascend, are disjoint and do not touch.

    Raises:
        AssertionError, msgspec.ValidationError: It is not a ledger.
    """
    ledger = _convert_ledger(msgspec.json.encode(answer))
    for epochs in ledger.producers.values():
        for epoch, intervals in epochs.items():
            assert epoch.isdecimal()
            assert intervals, "an epoch without any sample"
            assert all(low <= high for low, high in intervals)
            assert all(after[0] > before[1] + 1 for before, after in pairwise(intervals))
    identities = sum(
        high - low + 1
        for epochs in ledger.producers.values()
        for intervals in epochs.values()
        for low, high in intervals
    )
    assert identities == ledger.totals.processed, "the ledger and the counter disagree"
    return ledger
