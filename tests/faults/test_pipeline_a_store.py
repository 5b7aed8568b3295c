"""Pipeline A's store killed, standing still, cut off or robbed of its replies, under load: nothing acked is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from metrics_core.wire import encode_batch
from pipeline_http_redis.store.intake import TRIES
from tests.support.account import caught_up, check_account, told, wait_for_samples
from tests.support.child import Child
from tests.support.h1_client import H1Client
from tests.support.jobs import executions, stand_still
from tests.support.keeper import Keeper
from tests.support.outbox_load import OutboxLoad
from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines
from tests.support.reply_thief import ReplyThief
from tests.support.samples import a_run
from tests.support.waiting import until

BACK_WITHIN_S = 5.0
OUTAGE_S = 10.0
CAUGHT_UP_WITHIN_S = 15.0
MOST_GROWTH_BYTES = 32 * 1024 * 1024
WORKERS = ("worker-1", "worker-2")


def steady_load(pipelines: Pipelines) -> OutboxLoad:
    """About 800 samples a second."""
    return OutboxLoad(pipelines.ingest_port, producers=8, batch=10, every_s=0.1)


@pytest.mark.parametrize("store", [None, redis_server], ids=["valkey", "redis"])
def test_kill_the_store_five_times(store: Callable[[], str] | None) -> None:
    """503 meanwhile, and back within seconds; workers, ingest and fan-out outlive it."""
    back_s: list[float] = []
    with temporary_pipelines(store() if store else None) as pipelines:
        pipelines.start_a(workers=2)
        names = ("ingest-1", *WORKERS, "fanout")
        pids = [pipelines[name].pid for name in names]
        with OutboxLoad(pipelines.ingest_port, batch=50, every_s=0.01) as load, Keeper(pipelines, "store"):
            for turn in range(5):
                wait_for_samples(load, 1_000)
                refused = load.statuses()[503]
                pipelines["store"].kill()
                killed_s = time.monotonic()
                told(load, 503, refused + 1)
                wait_for_samples(load, 1)
                back_s.append(time.monotonic() - killed_s)
                assert back_s[-1] < BACK_WITHIN_S, f"kill {turn}: back after {back_s} s"
        check_account(pipelines, load)
        assert [pipelines[name].pid for name in names if pipelines[name].alive] == pids
        assert pipelines.stack_traces() == []
        assert load.statuses()[0] == 0, "the ingest answered throughout"
        print(f"ingest back after {min(back_s):.2f} to {max(back_s):.2f} s")


# -- ten seconds without the store -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Outage:
    """One pipeline A, and how its store goes away and comes back."""

    pipelines: Pipelines
    begin: Callable[[], None]
    end: Callable[[], None]


def ten_seconds(outage: Outage) -> dict[str, float]:
    """Live through the outage under load, and hold the account.

    Returns:
        What was measured: seconds until the queue was empty again, bytes grown, duplicates.
    """
    pipelines = outage.pipelines
    names = ("ingest-1", *WORKERS, "fanout")
    pids = [pipelines[name].pid for name in names]
    with steady_load(pipelines) as load:
        wait_for_samples(load, 1_000)
        before = {name: pipelines[name].rss_bytes for name in names}
        outage.begin()
        begun_s = time.monotonic()
        told(load, 503, 1)
        until(lambda: time.monotonic() - begun_s >= OUTAGE_S, "it lasts ten seconds")
        grown = max(pipelines[name].rss_bytes - before[name] for name in names)
        outage.end()
        ended_s = time.monotonic()
        wait_for_samples(load, 1_000, CAUGHT_UP_WITHIN_S)
        caught_up(pipelines, CAUGHT_UP_WITHIN_S)
        took_s = time.monotonic() - ended_s
    totals = check_account(pipelines, load)
    assert took_s < CAUGHT_UP_WITHIN_S, f"caught up after {took_s:.1f} s"
    assert grown < MOST_GROWTH_BYTES, f"a process grew by {grown} bytes"
    assert [pipelines[name].pid for name in names if pipelines[name].alive] == pids, "nobody ended"
    return {"caught up after s": took_s, "grown bytes": grown, "duplicates": totals["duplicates"]}


@pytest.fixture(scope="module")
def outages() -> Iterator[dict[str, Future[dict[str, float]]]]:
    """All three at once, on three pipelines: each mostly waits."""
    with ExitStack() as stack:
        found: dict[str, Outage] = {}
        paused = stack.enter_context(temporary_pipelines())
        paused.start_a(workers=2)
        found["paused"] = Outage(paused, paused.children["store"].pause, paused.children["store"].resume)
        for name in ("cut", "robbed"):
            pipelines = stack.enter_context(temporary_pipelines())
            thief = stack.enter_context(ReplyThief(pipelines.folder, pipelines.socket))
            pipelines.start("store")
            pipelines.start("ingest-1", "fanout", *WORKERS, REDIS_URL=thief.url)
            steal = Outage(pipelines, thief.stealing.set, thief.stealing.clear)
            found[name] = Outage(pipelines, thief.cut, thief.mend) if name == "cut" else steal
        with ThreadPoolExecutor(len(found)) as pool:
            yield {name: pool.submit(ten_seconds, outage) for name, outage in found.items()}


@pytest.mark.parametrize("kind", ["paused", "cut", "robbed"])
def test_ten_seconds_without_the_store(outages: dict[str, Future[dict[str, float]]], kind: str) -> None:
    """Paused (SIGSTOP), its cable pulled, its replies swallowed: duplicates are counted, and none is applied twice."""
    measured = outages[kind].result(timeout=120)
    assert measured["duplicates"] > 0, "a commit took place whose reply nobody heard"
    print(kind, {name: round(value, 1) for name, value in measured.items()})


# -- and what it is not ----------------------------------------------------------------------------------------------


def test_an_outage_is_not_the_fault_of_the_batch_it_cuts() -> None:
    """The store goes away in the middle of the same batch, more often than a batch is tried; it is not set aside."""
    with temporary_pipelines() as pipelines:
        pipelines.start("store", "ingest-1", "worker-1")
        worker = pipelines["worker-1"]
        worker.pause()
        with H1Client(pipelines.ingest_port) as client:
            assert client.post(encode_batch(a_run("cut", 1, range(10_000)))).status == 202
        tries: set[str] = set()
        for turn in range(1, TRIES + 2):
            worker.resume()
            tries |= stand_still(pipelines, "worker-1", executions, tries)
            pipelines["store"].kill()
            worker.resume()
            until(partial(has_said, worker, "store_away", turn), "the worker notices")
            worker.pause()  # so that it cannot finish the batch before the next turn
            pipelines["store"].restart()
            pipelines.wait_ready("store")
        worker.resume()
        until(lambda: pipelines.processed("cut") == [[0, 9_999]], "it is applied")
        totals = pipelines.totals()
        assert (totals["processed"], totals["dead_lettered"], totals["duplicates"]) == (10_000, 0, 0)
        assert has_said(worker, "cut_job_returned", TRIES + 1)
        assert worker.alive


def has_said(child: Child, event: str, times: int) -> bool:
    """Whether a process logged this so often."""
    return child.said().count(f'"{event}"') >= times
