"""What HTTP before memory counts: the clock *accepted*, once a batch is held and not where it is refused."""

from __future__ import annotations

import asyncio

import pytest

from lab_runtime.guards import Guards
from load_tests.crossovers import http_memory
from load_tests.crossovers.http_memory import CountingMemory, CountingSink
from metrics_core.errors import LimitReached
from metrics_core.sink import Batch
from pipeline_websocket.config import Config
from pipeline_websocket.ingest import Counts
from tests.support.samples import NOW_US, a_run

BATCH = Batch(b"[]", a_run("web-01", 1, range(3), sampled_at_us=NOW_US - 2_000))


class Store:
    """A sink that counts nothing, and may refuse."""

    def __init__(self, counts: Counts, fault: LimitReached | None = None) -> None:
        self.held: list[Batch] = []
        self._counts = counts
        self._fault = fault

    async def accept(self, batch: Batch) -> None:
        assert self._counts.accepted == 0, "counted before it is held"
        if self._fault:
            raise self._fault
        self.held.append(batch)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_memory, "now_us", lambda: NOW_US)


def test_what_is_held_is_counted_with_its_age() -> None:
    counts = Counts()
    store = Store(counts)
    asyncio.run(CountingSink(store, counts).accept(BATCH))
    assert store.held == [BATCH]
    assert (counts.accepted, counts.accepted_latency.n) == (3, 3)
    assert counts.accepted_latency.quantiles_us([1])[0] == pytest.approx(2_000, rel=1 / 128)


def test_what_is_refused_is_not_counted() -> None:
    counts = Counts()
    with pytest.raises(LimitReached):
        asyncio.run(CountingSink(Store(counts, LimitReached("full")), counts).accept(BATCH))
    assert (counts.accepted, counts.accepted_latency.n) == (0, 0)


def test_the_memory_behind_http_counts_and_answers_like_pipeline_b() -> None:
    async def main() -> None:
        memory = CountingMemory(
            Config(
                name="http-memory",
                run="a run",
                host="",
                port=0,
                ring_capacity=8,
                feed_hz=4,
                max_connections=10,
                producer_rate=0,
                guards=Guards(),
                tls=None,
            )
        )
        await memory.sink.accept(BATCH)
        memory.counts.rejected += 1
        ledger = await memory.ledger()
        assert ledger["producers"] == {"web-01": {"1": [[0, 2]]}}
        assert {name: n for name, n in ledger["totals"].items() if n} == {
            "accepted": 3,
            "processed": 3,
            "rejected": 1,
        }
        histograms = await memory.histograms()
        assert sum(n for _, n in histograms["accepted"]) == sum(n for _, n in histograms["processed"]) == 3
        assert await memory.failing() == {}

    asyncio.run(main())
