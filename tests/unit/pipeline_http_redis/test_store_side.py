"""What an ingest process tells the store: what was counted since the last report that arrived."""

from __future__ import annotations

import asyncio

import pytest
import redis

from lab_runtime.guards import Guards
from metrics_core.histogram import Histogram
from metrics_core.snapshot import ProcessView
from pipeline_http_redis.batcher import Batcher
from pipeline_http_redis.config import Config
from pipeline_http_redis.ingest import Counts
from pipeline_http_redis.store_side import StoreSide

CONFIG = Config(
    name="ingest-1",
    run="a run",
    host="",
    ingest_port=0,
    fanout_port=0,
    redis_url="unix:///nowhere",
    backlog_capacity=10,
    feed_hz=4,
    max_in_flight=10,
    max_connections=10,
    producer_rate=0,
    guards=Guards(),
    tls=None,
)
Told = list[tuple[dict[str, int], list[tuple[int, int]]]]


class Reports:
    """The store's end of reports; every second one fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, side: StoreSide) -> None:
        self.told: Told = []
        self._asked = 0
        monkeypatch.setattr(side.intake, "report", self._report)

    async def _report(
        self,
        counts: dict[str, int],
        accepted: Histogram,
        process: ProcessView,
        gathered: tuple[int, int],
        at_us: int,
    ) -> None:
        assert gathered == (0, CONFIG.max_in_flight)
        self._asked += 1
        if self._asked % 2 == 0:
            raise redis.ConnectionError
        self.told.append((counts, accepted.as_pairs()))


def test_each_count_is_told_once_and_again_where_it_did_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        counts, accepted = Counts(), Histogram()
        side = StoreSide(CONFIG, counts, accepted)
        reports = Reports(monkeypatch, side)
        for _ in range(4):
            counts.rejected += 1
            accepted.add(5)
            async with side.running(asyncio.Event()):
                pass  # leaving reports
        assert reports.told == [({"rejected": 1}, [(5, 1)]), ({"rejected": 2}, [(5, 2)])]
        assert (counts.rejected, counts.refused) == (4, 0), "the counts themselves are cumulative"

    asyncio.run(main())


def test_without_a_clock_of_the_transport_that_of_the_commits_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        side = StoreSide(CONFIG, Counts())
        reports = Reports(monkeypatch, side)
        assert isinstance(side.sink, Batcher)
        side.sink.accepted.add(7)
        async with side.running(asyncio.Event()):
            pass
        assert reports.told == [({}, [(7, 1)])]

    asyncio.run(main())
