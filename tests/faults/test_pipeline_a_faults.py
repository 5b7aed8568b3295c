"""Pipeline A's processes really killed under load: every sample that was acked is processed, and once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from pipeline_http_redis.store import keys
from tests.support.outbox_load import OutboxLoad
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.reply_thief import ReplyThief
from tests.support.waiting import until

REDELIVERED_WITHIN_S = 10.0
STOPS_WITHIN_S = 5.0


def wait_for_samples(load: OutboxLoad, more: int) -> None:
    """Wait until so many samples more are acked: the load goes on."""
    goal = load.acked + more
    until(lambda: load.acked >= goal, f"{more} samples more are acked (now {load.statuses()})", within_s=40)


def told(load: OutboxLoad, status: int, times: int) -> None:
    """Wait until a status was answered so often (0: a connection was lost)."""
    until(lambda: load.statuses()[status] >= times, f"status {status}")


def check_account(pipelines: Pipelines, load: OutboxLoad, *workers: str) -> dict[str, int]:
    """Everything acked is processed, by identity, and every arrival has one fate."""

    def everything_is_applied() -> bool:
        pipelines.revive(*workers)
        return pipelines.settled()

    until(everything_is_applied, "everything committed is applied", within_s=30)
    ledger = pipelines.ledger()
    for producer in load.producers:
        assert ledger[producer.name][1] == producer.acked
        assert len(producer.acked) == 1
    totals = pipelines.totals()
    assert totals["processed"] == load.acked
    assert totals["accepted"] == totals["processed"] + totals["duplicates"], "no arrival without a fate"
    assert totals["dead_lettered"] == 0
    histogram = pipelines.histogram("processed")
    assert histogram.n == totals["processed"] - totals["future"]
    assert not pipelines.redis.keys(keys.claim("*"))
    return totals


def running_jobs(pipelines: Pipelines) -> list[str]:
    """The batches that a worker has taken and not finished."""
    connection: Any = pipelines.redis
    started = [entry.decode().partition(":")[0] for entry in connection.zrange(keys.STARTED, 0, -1)]
    return started + [entry.decode() for entry in connection.lrange(keys.INTERMEDIATE, 0, -1)]


def test_kill_a_worker_in_the_middle_of_a_batch_again_and_again() -> None:
    """At random moments; what it held is applied by another one within 10 s."""
    source = Random(1)
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port, producers=4, batch=500) as load:
            held: list[str] = []
            for turn in range(4):
                wait_for_samples(load, source.randrange(500, 4_000))
                until(lambda: running_jobs(pipelines), "a job is running")
                worker = pipelines[f"worker-{turn % 2 + 1}"]
                worker.kill()
                held = running_jobs(pipelines)  # those of the other one too
                killed_s = time.monotonic()
                worker.restart()
                claims = [keys.claim(batch) for batch in held]
                applied = partial(lambda names: not names or not pipelines.redis.exists(*names), claims)
                until(applied, "what the killed worker held is applied", REDELIVERED_WITHIN_S)
                assert time.monotonic() - killed_s < REDELIVERED_WITHIN_S
        check_account(pipelines, load)


def test_kill_all_workers_at_once() -> None:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port) as load:
            wait_for_samples(load, 500)
            for name in ("worker-1", "worker-2"):
                pipelines[name].kill()
            wait_for_samples(load, 500)  # the ingest goes on
            pipelines.revive("worker-1", "worker-2")
        check_account(pipelines, load)


def test_kill_valkey_and_start_it_again_on_the_same_file() -> None:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        workers = ("worker-1", "worker-2")
        with OutboxLoad(pipelines.ingest_port) as load:
            for turn in range(1, 4):
                wait_for_samples(load, 500)
                pipelines["store"].kill()
                told(load, 503, turn)
                pipelines["store"].restart()
                pipelines.wait_ready("store")
                pipelines.revive(*workers)
        check_account(pipelines, load, *workers)
        assert load.statuses()[0] == 0, "the ingest answered throughout"


def test_valkey_stands_still_longer_than_a_commit_waits() -> None:
    """Whether a commit took place that was given up is unknown; either way its samples are applied once."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        workers = ("worker-1", "worker-2")
        with OutboxLoad(pipelines.ingest_port) as load:
            wait_for_samples(load, 500)
            begun_s = time.monotonic()
            pipelines["store"].pause()
            told(load, 503, 1)
            assert time.monotonic() - begun_s > 4, "not before its time"
            pipelines["store"].resume()
            wait_for_samples(load, 500)
        check_account(pipelines, load, *workers)


def test_a_commit_whose_reply_is_lost_is_sent_again_and_applied_once() -> None:
    """It took place, but the ingest cannot know: it says 503, and the producer sends the same identities again."""
    with temporary_pipelines() as pipelines, ReplyThief(pipelines.folder, pipelines.socket) as thief:
        pipelines.start("store")
        pipelines.start("ingest-1", REDIS_URL=thief.url)
        pipelines.start("worker-1")
        with OutboxLoad(pipelines.ingest_port) as load:
            wait_for_samples(load, 500)
            thief.stealing.set()
            told(load, 503, 1)
            thief.stealing.clear()
            wait_for_samples(load, 500)
        totals = check_account(pipelines, load)
        assert totals["duplicates"] > 0


def test_kill_the_ingest() -> None:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port) as load:
            for turn in range(1, 4):
                wait_for_samples(load, 500)
                pipelines["ingest-1"].kill()
                told(load, 0, turn)
                pipelines["ingest-1"].restart()
        check_account(pipelines, load)


def test_kill_one_of_two_ingests() -> None:
    """The other one serves the port alone; nobody need wait for the restart."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1, ingests=2)
        with OutboxLoad(pipelines.ingest_port, producers=8) as load:
            wait_for_samples(load, 500)
            pipelines["ingest-1"].kill()
            wait_for_samples(load, 1_000)
        check_account(pipelines, load)


def stop(pipelines: Pipelines, name: str) -> None:
    code, took_s = pipelines[name].stop()
    assert code == 0, pipelines[name].said()[-1000:]
    assert took_s < STOPS_WITHIN_S


@pytest.mark.parametrize("name", ["ingest-1", "worker-1", "fanout", "store"])
def test_sigterm_under_load(name: str) -> None:
    """It ends in order and in time, and nothing acked is lost."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        workers = ("worker-1", "worker-2")
        with OutboxLoad(pipelines.ingest_port) as load:
            wait_for_samples(load, 500)
            stop(pipelines, name)
            pipelines[name].restart()
            if name == "store":
                pipelines.wait_ready(name)
            wait_for_samples(load, 500)
        check_account(pipelines, load, *workers)
        if name != "store":
            assert pipelines.stack_traces() == []
            assert load.statuses()[503] == 0


def test_kill_everything_at_once() -> None:
    """A power cut: all processes of pipeline A, the store first or last."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        names = ["store", "ingest-1", "worker-1", "worker-2", "fanout"]
        orders: list[Callable[[list[str]], list[str]]] = [list, lambda all_names: all_names[::-1]]
        with OutboxLoad(pipelines.ingest_port) as load:
            for order in orders:
                wait_for_samples(load, 500)
                for name in order(names):
                    pipelines[name].kill()
                pipelines["store"].restart()
                pipelines.wait_ready("store")
                pipelines.revive(*names)
        check_account(pipelines, load, "worker-1", "worker-2")
