"""The endpoints that every serving process has, apart from any web framework: liveness, readiness, metrics text.

`/healthz` says that the process lives; `/readyz` says whether it can do its work and names the part that fails;
`/metrics` is Prometheus text. Counters are read when asked for (no second set of counters to keep in step).
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterable, Mapping

import psutil
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


def token_matches(token: str, authorization: str | None) -> bool:
    """Whether an `Authorization` header carries the token (always true where no token is set); constant time."""
    return not token or hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())


def allowed_origins(host: str, port_base: int) -> list[str]:
    """Origins of pages that may open a WebSocket: the lab's own dashboard, under each name it has here.

    Args:
        host: What the lab listens on; for "every address" the addresses and the name of this machine count, too.
        port_base: Port of the dashboard.
    """
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    if host in ("0.0.0.0", "::"):
        found = {address.address for card in psutil.net_if_addrs().values() for address in card}
        names |= {name for name in found if name.count(".") == 3} | {socket.gethostname()}
    return [f"{scheme}://{name}:{port_base}" for name in sorted(names) for scheme in ("http", "https")]
