"""Metrics text."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab_runtime.ops import PROMETHEUS_TEXT, metrics_text
from metrics_core.histogram import Histogram


def samples_of(text: bytes) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_counters_and_gauges() -> None:
    text = metrics_text("http_redis", {"processed": 5, "dead_lettered": 0}, {"backlog_jobs": 2})
    assert samples_of(text) == {
        ("lab_processed_total", ""): 5,
        ("lab_dead_lettered_total", ""): 0,
        ("lab_backlog_jobs", ""): 2,
    }
    assert b'lab_processed_total{pipeline="http_redis"} 5.0' in text


def test_latencies_are_cumulative_per_octave_in_seconds() -> None:
    histogram = Histogram()
    histogram.add_all([100, 127, 128, 255, 256, 1_000_000, 60_000_000])
    found = samples_of(metrics_text("websocket", {}, {}, {"processed": histogram}))
    assert found["lab_latency_seconds_bucket", "0.000128"] == 2
    assert found["lab_latency_seconds_bucket", "0.000256"] == 4
    assert found["lab_latency_seconds_bucket", "0.000512"] == 5
    assert found["lab_latency_seconds_bucket", "1.048576"] == 6
    assert found["lab_latency_seconds_bucket", "16.777216"] == 6
    assert found["lab_latency_seconds_bucket", "+Inf"] == found["lab_latency_seconds_count", ""] == 7
    assert found["lab_latency_seconds_sum", ""] == pytest.approx(61.000866, rel=1 / 128)


def test_an_empty_histogram() -> None:
    found = samples_of(metrics_text("websocket", {}, {}, {"accepted": Histogram()}))
    assert found["lab_latency_seconds_bucket", "+Inf"] == 0


def test_the_media_type_is_that_of_prometheus() -> None:
    assert PROMETHEUS_TEXT.startswith("text/plain; version=0.0.4")
