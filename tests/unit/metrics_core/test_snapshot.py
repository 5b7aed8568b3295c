"""Snapshots: valid by the schema, figures of the right stretch of time, producers encoded once per change."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.alerts import AlertRules, Threshold
from metrics_core.histogram import Histogram
from metrics_core.sample import Sample
from metrics_core.snapshot import (
    LATENCY_WINDOW_US,
    TOTALS,
    BufferView,
    ProcessView,
    ProducerBoard,
    ProducerView,
    SlidingLatency,
    SlidingRate,
    encode_snapshot,
)
from metrics_core.summary import newest, summarize
from metrics_core.trace import Trace
from tests.support.samples import NOW_US, a_sample, samples
from tests.support.schema import check_snapshot

RULES = AlertRules()
HOPS = ("sent", "received", "decoded", "applied", "published")
A_TRACE = Trace("web-01", 1, 7, NOW_US - 900, [(hop, NOW_US - 800 + n) for n, hop in enumerate(HOPS)])


def snapshot(board: ProducerBoard, now_us: int, **replaced: Any) -> bytes:
    latency = {"p50": 1.5, "p90": 2.0, "p99": 3.0, "max": 3.0, "mean": 1.75, "n": 4}
    parts: dict[str, Any] = {
        "pipeline": "websocket",
        "run": 'a "run"',
        "at_us": now_us,
        "totals": dict.fromkeys(TOTALS, 1),
        "rate_per_s": 12.5,
        "backlog": {"waiting": 0, "capacity": 8192, "unit": "samples"},
        "buffers": [BufferView("ring", 3, 512, "samples")],
        "latency_ms": {"accepted": latency, "processed": latency},
        "producers": board.entries(now_us),
        "processes": [ProcessView("worker-1", 42, 1.5, 2**25)],
        "alerts": ["an <alert>"],
        "traces": [A_TRACE],
        "subscribers": 2,
    }
    return encode_snapshot(**(parts | replaced))


def view(found: list[Sample]) -> ProducerView:
    times = [s.sampled_at_us for s in found]
    return ProducerView(newest(found, times), summarize(found, times))


@given(st.lists(st.lists(samples(), min_size=1, max_size=5), max_size=5))
def test_any_snapshot_is_valid(by_producer: list[list[Sample]]) -> None:
    board = ProducerBoard(RULES)
    for number, found in enumerate(by_producer):
        own = [a_sample(f"web-{number}", s.epoch, s.seq, sampled_at_us=s.sampled_at_us) for s in found]
        board.update(f"web-{number}", view(own))
    decoded = check_snapshot(snapshot(board, NOW_US))
    assert [entry.producer for entry in decoded.producers] == [f"web-{n}" for n in range(len(by_producer))]


def test_a_snapshot_without_producers_is_valid() -> None:
    assert check_snapshot(snapshot(ProducerBoard(RULES), NOW_US)).producers == []


def test_a_producer_of_which_nothing_but_late_or_future_samples_came() -> None:
    board = ProducerBoard(RULES)
    board.update("web-01", ProducerView(None, []))
    entry = check_snapshot(snapshot(board, NOW_US)).producers[0]
    assert (entry.last, entry.window, entry.status) == (None, None, "silent")


def test_age_and_status_move_on_while_the_producer_is_silent() -> None:
    board = ProducerBoard(RULES)
    board.update("web-01", view([a_sample(sampled_at_us=NOW_US)]))

    def entry(now_us: int) -> tuple[int, str]:
        found = orjson.loads(board.entries(now_us)[0])
        return found["age_ms"], found["status"]

    assert entry(NOW_US) == (0, "healthy")
    assert entry(NOW_US - 2_000_000) == (0, "healthy"), "a clock ahead of ours is not a negative age"
    assert entry(NOW_US + RULES.silent_after_us - 1) == (2999, "healthy")
    assert entry(NOW_US + RULES.silent_after_us) == (3000, "silent")


def test_a_server_in_trouble_is_degraded_and_says_why() -> None:
    board = ProducerBoard(RULES)
    hot = a_sample("hot", cpu_percent=96, memory_percent=85)
    board.update("hot", view([hot]))
    cooling = [hot, a_sample("hot", seq=1, sampled_at_us=NOW_US + 1, cpu_percent=91, memory_percent=79)]
    entry = orjson.loads(board.entries(NOW_US)[0])
    assert (entry["status"], entry["alerts"]) == ("degraded", ["cpu critical", "memory warning"])
    board.update("hot", view(cooling))
    entry = orjson.loads(board.entries(NOW_US)[0])
    assert (entry["status"], entry["alerts"]) == ("degraded", ["cpu critical"])
    entry = orjson.loads(board.entries(NOW_US + RULES.silent_after_us + 1)[0])
    assert (entry["status"], entry["alerts"]) == ("silent", ["cpu critical"])


def test_the_rules_decide() -> None:
    board = ProducerBoard(AlertRules({name: Threshold(10, 42) for name in RULES.thresholds}, 500_000))
    board.update("a", view([a_sample("a", cpu_percent=41.5, memory_percent=9, disk_percent=0)]))
    entry = orjson.loads(board.entries(NOW_US + 499_999)[0])
    assert (entry["status"], entry["alerts"]) == ("degraded", ["cpu warning"])
    assert orjson.loads(board.entries(NOW_US + 500_000)[0])["status"] == "silent"


def test_producers_keep_the_order_in_which_they_were_first_seen() -> None:
    board = ProducerBoard(RULES)
    for name in ("b", "a", "c", "a"):
        board.update(name, view([a_sample(name)]))
    assert [orjson.loads(entry)["producer"] for entry in board.entries(NOW_US)] == ["b", "a", "c"]


# -- latencies and rates of a stretch of time ------------------------------------------------------------------------


def test_latency_covers_the_last_seconds_only() -> None:
    sliding, cumulative = SlidingLatency(), Histogram()
    sliding.observe(cumulative, NOW_US)
    for tick in range(1, 100):
        now_us = NOW_US + tick * 250_000
        cumulative.add(1_000 if tick < 40 else 9_000)
        figures = sliding.observe(cumulative, now_us)
    # 100 ticks of 0.25 s; the last 10 s are 40 of them, give or take the half second at which states are kept
    assert 39 <= figures["n"] <= 42
    assert figures["p50"] == figures["max"] != 1.0
    assert abs(figures["max"] - 9) < 9 / 128
    assert figures["mean"] == figures["max"]


def test_latency_without_samples_is_empty() -> None:
    sliding = SlidingLatency()
    nothing = dict.fromkeys(("p50", "p90", "p99", "max", "mean", "n"), 0)
    assert sliding.observe(Histogram({5: 3}), NOW_US) == nothing


def test_after_a_pause_latency_does_not_cover_the_pause() -> None:
    sliding, cumulative = SlidingLatency(), Histogram()
    sliding.observe(cumulative, NOW_US)
    cumulative.add(3_000_000)  # an outage, long ago
    later_us = NOW_US + 10 * LATENCY_WINDOW_US
    assert sliding.observe(cumulative, later_us)["n"] == 0
    cumulative.add(1_000)
    assert sliding.observe(cumulative, later_us + 250_000)["n"] == 1


def test_latency_works_at_the_slowest_feed() -> None:
    sliding, cumulative = SlidingLatency(), Histogram()
    for tick in range(4):  # one snapshot in 10 s, each a little late
        cumulative.add(2_000)
        figures = sliding.observe(cumulative, NOW_US + tick * 10_003_000)
    assert figures["n"] == 1


def test_the_states_kept_are_bounded() -> None:
    sliding, cumulative = SlidingLatency(), Histogram()
    for tick in range(2_000):
        sliding.observe(cumulative, NOW_US + tick * 16_000)
    assert len(sliding._states) <= 22


def test_rate_covers_the_last_two_seconds() -> None:
    rate = SlidingRate()
    counts = [25 * min(tick, 19) for tick in range(40)]
    figures = [rate.observe(count, NOW_US + tick * 250_000) for tick, count in enumerate(counts)]
    assert figures[0] == 0.0
    assert figures[19] == 100.0
    assert figures[-1] == 0.0, "2 s after the last sample nothing is left of the rate"
    assert len(rate._states) <= 10
