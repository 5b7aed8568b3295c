"""Workers of pipeline A killed and stopped under load, at every point of a job: it is done by somebody, once, soon."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

import psutil
import pytest

from pipeline_http_redis.store import keys
from tests.support.account import check_account, wait_for_samples
from tests.support.jobs import Look, popped, running, stand_still
from tests.support.outbox_load import OutboxLoad
from tests.support.pipelines import redis_server, temporary_pipelines
from tests.support.waiting import until

REDELIVERED_WITHIN_S = 10.0
STOPS_WITHIN_S = 5.0


KILLS = [popped, running, None, popped, running, None, popped, running, popped, running]
"""In what moment of a job a worker is killed; None: in any."""


@pytest.mark.parametrize("store", [None, redis_server], ids=["valkey", "redis"])
def test_kill_a_worker_ten_times(store: Callable[[], str] | None) -> None:
    """At the pop, in the middle of a batch, anywhere: what it held is applied by another one within 10 s."""
    source = Random(1)
    waiting: dict[str, float] = {}  # job that a killed worker held → when it was killed
    took_s: list[float] = []
    with temporary_pipelines(store() if store else None) as pipelines:
        pipelines.start_a(workers=2)

        def applied() -> bool:
            """Note which jobs are applied by now; whether all are."""
            done = [job for job in waiting if not pipelines.redis.exists(keys.claim(job))]
            took_s.extend(time.monotonic() - waiting.pop(job) for job in done)
            return not waiting

        with OutboxLoad(pipelines.ingest_port, producers=4, batch=200, every_s=0.01) as load:
            for look in KILLS:
                wait_for_samples(load, source.randrange(200, 1_000))
                held = stand_still(pipelines, "worker-1", look, waiting) if look else set()
                pipelines["worker-1"].kill()
                waiting |= dict.fromkeys(held, time.monotonic())
                pipelines["worker-1"].restart()
                applied()
            until(applied, "what the killed workers held is applied", 2 * REDELIVERED_WITHIN_S)
        totals = check_account(pipelines, load)
        assert len(took_s) >= sum(look is not None for look in KILLS), "each of these kills hit a job"
        assert max(took_s) < REDELIVERED_WITHIN_S, f"redelivered after {sorted(took_s)} s"
        assert totals.get("redelivered", 0) <= len(took_s)
        print(f"redelivered after {min(took_s):.1f} to {max(took_s):.1f} s")


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


@pytest.mark.parametrize("look", [popped, running], ids=["at the pop", "in a batch"])
def test_sigterm_never_leaves_a_job_behind(look: Look) -> None:
    """The job in hand is done first, be it only just popped; nobody need find and bring it back."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1)
        with OutboxLoad(pipelines.ingest_port, batch=200, every_s=0.01) as load:
            for _ in range(5):
                wait_for_samples(load, 400)
                held = stand_still(pipelines, "worker-1", look)
                pipelines["worker-1"].send(signal.SIGTERM)
                pipelines["worker-1"].resume()
                code, took_s = pipelines["worker-1"].wait()
                assert (code, popped(pipelines.redis), running(pipelines.redis)) == (0, set(), set())
                assert took_s < STOPS_WITHIN_S
                assert not pipelines.redis.exists(*[keys.claim(job) for job in held])
                pipelines["worker-1"].restart()
        check_account(pipelines, load)
        assert pipelines.stack_traces() == []


def test_a_second_sigterm_ends_a_worker_at_once() -> None:
    """In the middle of a batch, which another worker then does."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port, batch=200, every_s=0.01) as load:
            wait_for_samples(load, 400)
            stand_still(pipelines, "worker-1", running)
            pipelines["store"].pause()  # so that the batch cannot be finished
            pipelines["worker-1"].resume()
            process = psutil.Process(pipelines["worker-1"].pid)
            threads = process.num_threads()
            pipelines["worker-1"].send(signal.SIGTERM)
            until(lambda: process.num_threads() > threads, "it heard the first one, and watches the time")
            pipelines["worker-1"].send(signal.SIGTERM)
            code, took_s = pipelines["worker-1"].wait()
            assert (code, took_s < 1) == (1, True)
            pipelines["store"].resume()
            pipelines["worker-1"].restart()
            wait_for_samples(load, 400)
        check_account(pipelines, load)


def test_sigterm_while_redis_stands_still() -> None:
    """Nothing can be finished then; a worker waits a moment for it and ends all the same."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port, every_s=0.01) as load:
            wait_for_samples(load, 400)
            pipelines["store"].pause()
            pipelines["worker-1"].send(signal.SIGTERM)
            code, took_s = pipelines["worker-1"].wait()
            assert code in (0, 1)
            assert took_s < STOPS_WITHIN_S
            pipelines["store"].resume()
            pipelines["worker-1"].restart()
            wait_for_samples(load, 400)
        check_account(pipelines, load)
