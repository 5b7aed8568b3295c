from __future__ import annotations

import pytest

from control_plane.faults.recovery import _WAITING, Backlog
from lab_runtime.ops import metrics_text


@pytest.mark.parametrize(
    "samples, jobs, back",
    [(0, 0, True), (35, 6, True), (36, 6, False), (10, 7, True), (10, 8, False), (0, 900, False)],
)
def test_a_backlog_is_back_within_a_quarter_of_a_second(samples: int, jobs: int, back: bool) -> None:
    assert Backlog(samples, jobs).is_back(Backlog(10, 2), per_s=100) is back


def test_what_waits_is_read_from_the_fleets_metrics() -> None:
    gauges = {"http_redis_waiting": 3, "websocket_waiting": 40, "websocket_connected": 7}
    text = metrics_text("fleet", {"http_redis_acked": 12}, gauges).decode()
    assert sorted(_WAITING.findall(text)) == [("http_redis", "3.0"), ("websocket", "40.0")]
