"""The endpoints that every serving process has, apart from any web framework: liveness, readiness, metrics text.

`/healthz` says that the process lives; `/readyz` says whether it can do its work and names the part that fails;
`/metrics` is Prometheus text. Counters are read when asked for (no second set of counters to keep in step).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics_core.histogram import Histogram, bucket_edges, bucket_middle

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_LE_US = tuple(edge for power in range(7, 25) for edge in ((1 << power) - 1,))  # 127 µs, 255 µs … 16.8 s


class _Values(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def metrics_text(
    pipeline: str,
    counters: Mapping[str, float],
    gauges: Mapping[str, float],
    latencies: Mapping[str, Histogram] | None = None,
) -> bytes:
    """Prometheus text of one process.

    Args:
        pipeline: Value of the label `pipeline` (or the name of the process where it serves none).
        counters: Cumulative counts by name, without prefix and `_total`.
        gauges: Present values by name, without prefix.
        latencies: Cumulative histograms by clock (`accepted`, `processed`), in µs; given in seconds, per octave.
    """
    families: list[Metric] = []
    for name, value in counters.items():
        counter = CounterMetricFamily(
            f"lab_{name}", f"Cumulative {name.replace('_', ' ')}.", labels=["pipeline"]
        )
        counter.add_metric([pipeline], value)
        families.append(counter)
    for name, value in gauges.items():
        gauge = GaugeMetricFamily(f"lab_{name}", f"Present {name.replace('_', ' ')}.", labels=["pipeline"])
        gauge.add_metric([pipeline], value)
        families.append(gauge)
    if latencies:
        family = HistogramMetricFamily(
            "lab_latency_seconds", "Latency by clock.", labels=["pipeline", "clock"]
        )
        for clock, histogram in latencies.items():
            buckets, total_s = _octaves(histogram)
            family.add_metric([pipeline, clock], buckets, sum_value=total_s)
        families.append(family)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Values(families))
    return generate_latest(registry)


def _octaves(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    pairs = histogram.as_pairs()
    buckets, seen, position = [], 0, 0
    for edge in _LE_US:
        while position < len(pairs) and bucket_edges(pairs[position][0])[1] <= edge:
            seen += pairs[position][1]
            position += 1
        buckets.append((str((edge + 1) / 1e6), float(seen)))
    buckets.append(("+Inf", float(histogram.n)))
    return buckets, sum(bucket_middle(bucket) * n for bucket, n in pairs) / 1e6
