"""The feed's snapshot: one JSON text per tick that says all a dashboard shows of a pipeline (DESIGN: Feed).

Both pipelines build it here, so that the page needs no case distinction. A producer's part is encoded apart
(`encode_producer`) and kept by the fan-out until the producer changes: with 2,000 producers of which 50 change between
two ticks, 50 are encoded and 2,000 are joined.

Not here: when to send it, and to whom (`fanout.py` of each pipeline).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from metrics_core.alerts import AlertRules, alerts
from metrics_core.histogram import Histogram
from metrics_core.sample import Sample
from metrics_core.summary import Summary
from metrics_core.trace import Trace

SCHEMA: Final = 1
LATENCY_WINDOW_US: Final = 10_000_000

TOTALS: Final = (
    "accepted", "processed", "duplicates", "rejected", "refused", "late", "future", "overwritten", "dead_lettered",
)  # fmt: skip
"""Counters of a pipeline, all cumulative over its run, in samples (`rejected` and `refused`: in batches)."""

_encode = msgspec.json.Encoder().encode


class ProducerView(Struct, gc=False):
    """What a snapshot says of one producer, apart from its age.

    Attributes:
        last: Its newest sample by `sampled_at_us`; None where it sent only late or future ones.
        windows: The tumbling windows kept of it, oldest first.
    """

    last: Sample | None
    windows: Sequence[Summary]


class ProcessView(Struct, gc=False):
    """One process of a pipeline: its name, pid, CPU in percent of one core, resident memory in bytes."""

    name: str
    pid: int
    cpu_percent: float
    rss_bytes: int


class BufferView(Struct, gc=False):
    """A place where something waits: how much, how much may (0: nothing is there to take it), and of what."""

    name: str
    waiting: int
    capacity: int
    unit: str


class EncodedProducer(Struct, gc=False):
    """A producer's entry but for its end.

    Attributes:
        entry: What changes only with its samples, without the closing brace.
        newest_us: The time of its newest sample; 0 where it has none.
        fresh: Its status while it is not silent.
    """

    entry: bytes
    newest_us: int
    fresh: bytes


def encode_producer(name: str, view: ProducerView, rules: AlertRules) -> EncodedProducer:
    """What of a producer's entry changes only with its samples; age and status are put behind it with every tick."""
    found = alerts(view.last, view.windows, rules.thresholds)
    window = view.windows[-1].as_window() if view.windows else None
    entry = {"producer": name, "last": view.last, "window": window, "alerts": found}
    newest_us = view.last.sampled_at_us if view.last else 0
    return EncodedProducer(_encode(entry)[:-1], newest_us, b"degraded" if found else b"healthy")


def finish_producer(encoded: EncodedProducer, rules: AlertRules, now_us: int) -> bytes:
    """A producer's whole entry at `now_us`."""
    age_us = now_us - encoded.newest_us
    status = encoded.fresh if age_us < rules.silent_after_us else b"silent"
    return b'%b,"age_ms":%d,"status":"%b"}' % (encoded.entry, max(0, age_us // 1000), status)


class SlidingLatency:
    """Quantiles of the last `LATENCY_WINDOW_US` µs out of a cumulative histogram, seen tick by tick."""

    __slots__ = ("_states",)

    def __init__(self) -> None:
        self._states: deque[tuple[int, Histogram]] = deque()

    def observe(self, cumulative: Histogram, now_us: int) -> dict[str, float]:
        """Take the histogram's present state and give the figures of the window, in ms.

        Returns:
            `p50`, `p90`, `p99`, `max` and `mean` in ms, and `n`, the number of samples they come from.
        """
        states = self._states
        if states and now_us - states[-1][0] > 2 * LATENCY_WINDOW_US:
            states.clear()  # nobody looked for a while; what came meanwhile is not of the last seconds
        if not states or now_us - states[-1][0] >= LATENCY_WINDOW_US // 20:
            states.append((now_us, cumulative.copy()))
        while len(states) > 1 and states[1][0] <= now_us - LATENCY_WINDOW_US:
            states.popleft()
        recent = cumulative.minus(states[0][1])
        p50, p90, p99, highest = (round(us / 1000, 3) for us in recent.quantiles_us((0.5, 0.9, 0.99, 1)))
        mean = round(recent.mean_us() / 1000, 3)
        return {"p50": p50, "p90": p90, "p99": p99, "max": highest, "mean": mean, "n": recent.n}


class SlidingRate:
    """Events per second over the last `RATE_WINDOW_US` µs of a cumulative count."""

    RATE_WINDOW_US: Final = 2_000_000
    __slots__ = ("_states",)

    def __init__(self) -> None:
        self._states: deque[tuple[int, int]] = deque()

    def observe(self, cumulative: int, now_us: int) -> float:
        """Take the present count and give the rate per second."""
        states = self._states
        states.append((now_us, cumulative))
        while len(states) > 2 and states[1][0] <= now_us - self.RATE_WINDOW_US:
            states.popleft()
        elapsed_us = now_us - states[0][0]
        return round((cumulative - states[0][1]) * 1e6 / elapsed_us, 1) if elapsed_us > 0 else 0.0


class ProducerBoard:
    """Every producer's entry, encoded when it changed and kept until it changes again.

    Args:
        rules: When a producer is in trouble.
    """

    __slots__ = ("_encoded", "_rules")

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules
        self._encoded: dict[str, EncodedProducer] = {}

    def update(self, name: str, view: ProducerView) -> None:
        """Take a producer's present state."""
        self._encoded[name] = encode_producer(name, view, self._rules)

    def entries(self, now_us: int) -> list[bytes]:
        """All producers' entries at `now_us`, in the order in which they were first seen."""
        rules = self._rules
        return [finish_producer(encoded, rules, now_us) for encoded in self._encoded.values()]


def encode_snapshot(
    *,
    pipeline: str,
    run: str,
    at_us: int,
    totals: dict[str, int],
    rate_per_s: float,
    backlog: dict[str, Any],
    buffers: list[BufferView],
    latency_ms: dict[str, dict[str, float]],
    producers: list[bytes],
    processes: list[ProcessView],
    alerts: list[str],
    traces: list[Trace],
    subscribers: int,
) -> bytes:
    """One snapshot as JSON bytes, ready to send to any number of subscribers.

    Args:
        pipeline: `http_redis` or `websocket`.
        run: Identity of the lab's run.
        at_us: When it is sent, µs since 1970: the state had been read just before.
        totals: The counters of `TOTALS`.
        rate_per_s: Samples processed per second.
        backlog: `waiting`, `capacity` and their `unit`.
        buffers: Every place where samples wait, in the order in which they meet them.
        latency_ms: `accepted` and `processed` figures of `SlidingLatency`.
        producers: Entries of `finish_producer`.
        processes: The pipeline's processes, its store included.
        alerts: Short texts for the operator.
        traces: Ways of single samples, `RecentTraces.newest`.
        subscribers: Dashboards connected to this feed.
    """
    head = {
        "type": "snapshot",
        "schema": SCHEMA,
        "pipeline": pipeline,
        "run": run,
        "at_us": at_us,
        "totals": totals,
        "rate_per_s": rate_per_s,
        "backlog": backlog,
        "buffers": buffers,
        "latency_ms": latency_ms,
        "processes": processes,
        "alerts": alerts,
        "traces": traces,
        "subscribers": subscribers,
    }
    return b'%b,"producers":[%b]}' % (_encode(head)[:-1], b",".join(producers))
