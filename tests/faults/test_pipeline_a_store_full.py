"""Pipeline A's store without room, on the disk or in memory: refused by name, nothing lost, back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from metrics_core.wire import encode_batch
from pipeline_http_redis.batcher import MEMORY_KEPT_FREE
from tests.support.account import check_account, told, wait_for_samples
from tests.support.full_disk import small_disk
from tests.support.h1_client import H1Client
from tests.support.keeper import Keeper
from tests.support.outbox_load import OutboxLoad
from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines
from tests.support.samples import a_sample
from tests.support.waiting import until

both_stores = pytest.mark.parametrize("store", [None, redis_server], ids=["valkey", "redis"])
WORKERS = ("worker-1", "worker-2")


def load_of(pipelines: Pipelines) -> OutboxLoad:
    """A few thousand samples a second."""
    return OutboxLoad(pipelines.ingest_port, producers=4, batch=50, every_s=0.02)


def restarted(keeper: Keeper, times: int) -> bool:
    """Whether the store was started again so often."""
    return keeper.restarts["store"] >= times


@both_stores
def test_the_disk_is_full(store: Callable[[], str] | None) -> None:
    """With `appendfsync always` the store ends rather than promise what it cannot keep; it is started again."""
    with (
        temporary_pipelines(store() if store else None) as pipelines,
        small_disk(pipelines.folder / "store") as disk,
    ):
        pipelines.start_a(workers=2)
        pids = [pipelines[name].pid for name in ("ingest-1", "fanout", *WORKERS)]
        with load_of(pipelines) as load, Keeper(pipelines, "store") as keeper:
            for goal in (4, 8):
                wait_for_samples(load, 1_000)
                refused = load.statuses()[503]
                disk.fill()
                told(load, 503, refused + 1)
                acked = load.acked
                until(partial(restarted, keeper, goal), "the store ends, and again and again")
                assert load.acked - acked < 1_000, "no acks without room, but for what a cut file gave back"
                disk.free()
            wait_for_samples(load, 1_000)
        check_account(pipelines, load)
        assert "recover from AOF write error" in pipelines["store"].said()
        assert pids == [pipelines[name].pid for name in ("ingest-1", "fanout", *WORKERS)]


def used_bytes(pipelines: Pipelines) -> int:
    """The memory that the store uses."""
    info: Any = pipelines.redis.info("memory")
    return int(info["used_memory"])


@contextmanager
def max_memory(pipelines: Pipelines, most_bytes: int) -> Iterator[None]:
    """While it is entered the store may have only so much memory."""
    pipelines.redis.config_set("maxmemory", most_bytes)
    try:
        yield
    finally:
        pipelines.redis.config_set("maxmemory", 0)


def refusals(load: OutboxLoad) -> int:
    """How often it was told to come again."""
    return load.statuses()[429] + load.statuses()[503]


def refuses(load: OutboxLoad, times: int) -> bool:
    """Whether it was told so this often."""
    return refusals(load) >= times


@both_stores
def test_the_memory_is_used_up(store: Callable[[], str] | None) -> None:
    """`maxmemory` comes down on a running store: not one write more, and no process ends."""
    with temporary_pipelines(store() if store else None) as pipelines:
        pipelines.start_a(workers=2)
        names = ("store", "ingest-1", "fanout", *WORKERS)
        pids = [pipelines[name].pid for name in names]
        with load_of(pipelines) as load:
            for _ in range(2):
                wait_for_samples(load, 1_000)
                with max_memory(pipelines, used_bytes(pipelines) // 2):
                    until(partial(refuses, load, refusals(load) + 20), "it refuses")
                    with H1Client(pipelines.ingest_port) as client:
                        reply = client.post(encode_batch([a_sample("refused")]))
                    assert (reply.status, reply.headers["retry-after"]) in ((429, "1"), (503, "1"))
                    assert "Redis" in reply.json()["detail"]
            wait_for_samples(load, 1_000)
        check_account(pipelines, load)
        assert "refused" not in pipelines.ledger()
        assert [pipelines[name].pid for name in names if pipelines[name].alive] == pids
        assert pipelines.stack_traces() == []


def test_a_backlog_never_takes_the_memory_that_the_workers_need() -> None:
    """At its `maxmemory` Redis would refuse the workers, too, for good: so the ingest stops before."""
    with temporary_pipelines(BACKLOG_CAPACITY="100000") as pipelines:
        pipelines.start_a(workers=1)
        most_bytes = used_bytes(pipelines) + 16_000_000
        with OutboxLoad(pipelines.ingest_port, batch=2_000) as load, max_memory(pipelines, most_bytes):
            wait_for_samples(load, 2_000)
            pipelines["worker-1"].pause()
            told(load, 429, 50, within_s=60)
            used = used_bytes(pipelines)
            assert most_bytes * (1 - MEMORY_KEPT_FREE) / 2 < used < most_bytes, (
                "the room is used, but for the rest"
            )
            pipelines["worker-1"].resume()
            wait_for_samples(load, 20_000)
        check_account(pipelines, load)
        assert load.statuses()[503] == 0, "the bound was never reached"
