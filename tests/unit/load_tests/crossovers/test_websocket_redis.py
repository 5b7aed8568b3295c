"""What WebSocket before Redis answers to `resume`."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import redis

from load_tests.crossovers.websocket_redis import Marks
from metrics_core.intervals import IntervalSet
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.intake import Intake


class Store:
    """Redis with one sorted set, or away."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.redis = self
        self._fault = fault

    async def zrange(self, key: str, low: int, high: int, *, withscores: bool) -> list[Any]:
        assert (low, high, withscores) == (0, -1, True)
        if self._fault:
            raise self._fault
        return [(b"0", 41.0), (b"50", 60.0)] if key == keys.marks("web-01", "7") else []


def held(store: Store, name: str, epoch: int) -> IntervalSet:
    return asyncio.run(Marks(cast(Intake, store)).held(name, epoch))


def test_what_redis_marked_is_held() -> None:
    assert held(Store(), "web-01", 7) == IntervalSet([(0, 41), (50, 60)])
    assert held(Store(), "web-01", 8) == held(Store(), "web-02", 7) == IntervalSet()


@pytest.mark.parametrize(
    "fault", [redis.ConnectionError("away"), redis.TimeoutError("slow"), OSError("gone")]
)
def test_while_redis_is_away_nothing_is_said_to_be_held(fault: Exception) -> None:
    assert held(Store(fault), "web-01", 7) == IntervalSet()
