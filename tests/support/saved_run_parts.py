"""The parts of a made-up run: set-up, histograms, cost, one line per second. Used by `saved_runs.py`."""

from __future__ import annotations

import random
from statistics import NormalDist
from typing import Final

from load_tests.runs import schema
from metrics_core.histogram import Histogram

_DRAIN_S: Final = 2
_NORMAL: Final = NormalDist()
_POINTS: Final = 400
_SAID: Final = {"http1": "HTTP/1.1", "http2": "HTTP/2", "websocket": "WebSocket 13"}


def make_setup(protocol: schema.Protocol, store: schema.Store) -> schema.Setup:
    """What such an arm runs against."""
    redis = store == "redis"
    return schema.Setup(
        acknowledgement="on disk" if redis else "in memory", fsync="always" if redis else "none",
        workers=2 if redis else 0, ingest_processes=1, processes=5 if redis else 1, compression="none", tls=False,
        negotiated=_SAID[protocol], build="this folder", revision="4eca2ef", own_lab=True, background_per_s=0.0,
        versions={"starlette": "1.10.0", "websockets": "17.4", "valkey": "9.1.2"},
    )  # fmt: skip


def make_histogram(middle_ms: float, tail: float, n: int) -> Histogram:
    """Log-normal around `middle_ms`, exact by its inverse; the last of 400 values three times as far out."""
    histogram = Histogram()
    for point in range(_POINTS):
        share = (point + 0.5) / _POINTS
        value_ms = middle_ms * 2.718 ** (tail * _NORMAL.inv_cdf(share))
        count = n * (point + 1) // _POINTS - n * point // _POINTS
        if count:
            histogram.add(round(value_ms * 1000 * (3 if point == _POINTS - 1 else 1)), count)
    return histogram


def make_clocks(histograms: dict[str, Histogram]) -> dict[str, schema.Clock]:
    """The three clocks of these histograms."""

    def quantiles(name: str) -> schema.Quantiles | None:
        histogram = histograms.get(name)
        if histogram is None:
            return None
        return schema.Quantiles(
            histogram.n, *(us / 1000 for us in histogram.quantiles_us([0.5, 0.9, 0.99, 0.999, 1]))
        )

    found = {}
    for name in ("accepted", "processed", "visible"):
        corrected = quantiles(name)
        assert corrected is not None
        found[name] = schema.Clock(corrected, quantiles(f"{name}_uncorrected"))
    return found


def make_cost(
    protocol: schema.Protocol, store: schema.Store, samples: int, chance: random.Random
) -> schema.Cost:
    """The bill: five processes and Redis, or one process."""
    redis = store == "redis"
    names = {"ingest": 0.36, "worker-1": 0.24, "worker-2": 0.23, "fanout": 0.03, "redis": 0.14}
    shares = names if redis else {"pipeline-b": 1.0}
    cpu_s = samples / 1000 * (1.05 if redis else 0.09) * chance.uniform(0.97, 1.03)
    processes = [
        schema.ProcessCost(name, 0.7 * own_s, 0.3 * own_s, 41_000_000, int(own_s * 900), int(cpu_s * 40))
        for name, own_s in ((name, cpu_s * share) for name, share in shares.items())
    ]
    sent, received = {"http1": (370, 150), "http2": (260, 60), "websocket": (215, 4)}[protocol]
    wire = schema.Wire(
        sent * samples,
        received * samples,
        (sent + 80) * samples,
        (received + 70) * samples,
        46_000,
        50,
        "TCP_INFO",
    )
    bill = schema.RedisCost(
        samples * 3, samples // 2, samples * 420, samples * 60, samples * 260, samples // 3
    )
    return schema.Cost(10.0, processes, wire, bill if redis else None)


def make_series(run: schema.Run, middle_ms: float, chance: random.Random) -> schema.Series:
    """One line per second, two of them drain."""
    seconds = int(run.plan.duration_s)
    load = [True] * seconds + [False] * _DRAIN_S
    rate = run.plan.rate_per_s

    def each(value: float, spread: float = 0.08) -> list[float | None]:
        return [value * chance.uniform(1 - spread, 1 + spread) if loaded else None for loaded in load]

    def rates(value: float) -> list[float]:
        return [value * chance.uniform(0.97, 1.03) if loaded else 0.0 for loaded in load]

    return schema.Series(
        t_s=[float(second + 1) for second in range(len(load))],
        created_per_s=rates(rate),
        acked_per_s=rates(rate),
        refused_per_s=[0.0] * len(load),
        processed_per_s=[*rates(rate)],
        accepted_p50_ms=each(middle_ms * 0.6),
        accepted_p99_ms=each(middle_ms * 1.4),
        processed_p50_ms=each(middle_ms),
        processed_p99_ms=each(middle_ms * 2.4, 0.3),
        visible_p50_ms=each(middle_ms + 130),
        visible_p99_ms=each(middle_ms + 260),
        backlog=[float(chance.randrange(4)) for _ in load],
        cpu_percent={
            **{each_.name: each(100 * (each_.user_s + each_.system_s) / 8) for each_ in run.cost.processes},
            "generator": each(18.5),
        },
        rss_bytes={each_.name: each(each_.rss_bytes, 0.01) for each_ in run.cost.processes},
    )
