from __future__ import annotations

from typing import Any

from control_plane.scenarios.measures import Watch, measure


def snapshot(processed: int, waiting: int = 0, p99: float = 1.0) -> dict[str, Any]:
    return {
        "totals": {"processed": processed},
        "backlog": {"waiting": waiting},
        "latency_ms": {"processed": {"p99": p99}},
    }


def audit(**counts: int) -> dict[str, Any]:
    equations = [{"holds": True}, {"holds": False}]
    part = {"counts": counts, "equations": equations}
    return {"pipelines": {"http_redis": part, "websocket": {"counts": {}, "equations": []}}}


def measured(**changes: Any) -> dict[str, float | str]:
    given: dict[str, Any] = {
        "before": audit(),
        "after": audit(),
        "totals": {"http_redis": ({}, {}), "websocket": ({}, {})},
        "watches": {"http_redis": Watch(), "websocket": Watch()},
        "faults": [],
    }
    return measure(**(given | changes))


def test_a_standstill_is_the_longest_time_without_a_new_sample() -> None:
    watch = Watch()
    for at_s, processed in ((1.0, 10), (2.0, 20), (3.0, 20), (6.5, 30), (7.0, 31)):
        watch.see(snapshot(processed), at_s)
    watch.end(7.5)
    assert watch.standstill_s == 4.5


def test_a_standstill_that_lasts_at_the_end_counts() -> None:
    watch = Watch()
    watch.see(snapshot(10), 1.0)
    watch.end(9.0)
    assert watch.standstill_s == 8.0


def test_what_was_never_seen_stood_still_for_no_time() -> None:
    watch = Watch()
    watch.end(9.0)
    assert watch.standstill_s == 0.0


def test_peaks_are_kept() -> None:
    watch = Watch()
    for waiting, p99 in ((1, 5.0), (9, 80.0), (2, 7.0)):
        watch.see(snapshot(1, waiting, p99), 0.0)
    assert (watch.peak_backlog, watch.peak_p99_ms) == (9, 80.0)


def test_only_what_was_lost_during_the_run_counts() -> None:
    found = measured(before=audit(lost_store=5, lost_outbox=1), after=audit(lost_store=7, lost_outbox=4))
    assert found["A.lost_store"] == 2
    assert found["A.lost"] == 5
    assert found["A.lost_acked"] == 2
    assert found["B.lost"] == 0
    assert found["A.unbalanced"] == 1


def test_counters_are_differences_also_where_their_holder_forgot_them() -> None:
    totals = {
        "http_redis": ({"duplicates": 3, "future": 1}, {"duplicates": 10, "future": 5}),
        "websocket": ({"processed": 500}, {"processed": 40, "future": 6}),
    }
    found = measured(totals=totals)
    assert (found["A.duplicates"], found["B.processed"]) == (7, 40)
    assert found["AB.future_difference"] == 2


def test_the_longest_recovery_and_the_first_fault_are_told() -> None:
    faults = [
        {"kind": "kill", "target": "redis", "recovered_s": 0.82},
        {"kind": "pause", "target": "x", "recovered_s": None},
    ]
    found = measured(faults=faults)
    assert (found["fault.recovered_s"], found["fault.kind"], found["fault.target"]) == (0.8, "kill", "redis")
