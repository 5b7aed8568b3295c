"""RQ jobs on the real store: what a worker refuses to run, what it sets aside, what it brings back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rq import Callback, Queue, Retry

from metrics_core.wire import encode_batch
from pipeline_http_redis.recovery import CLEANING_MS
from pipeline_http_redis.rq_safe import BatchJob, JsonSerializer
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.intake import TRIES, Intake
from tests.integration.conftest import FreshPipelines
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.samples import a_run
from tests.support.waiting import until

BACK_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Pipelines]:
    """Store, ingest and worker for all tests that only put jobs there."""
    with temporary_pipelines() as pipelines:
        pipelines.start("store", "ingest-1", "worker-1")
        yield pipelines


@pytest.fixture
def running(shared: Pipelines) -> Iterator[Pipelines]:
    """The shared pipelines; no job may end their worker."""
    worker = shared["worker-1"].pid
    yield shared
    assert shared["worker-1"].alive
    assert shared["worker-1"].pid == worker


@pytest.fixture
def without_worker(fresh_pipelines: FreshPipelines) -> Pipelines:
    """Store and ingest; what is committed stays in the queue."""
    pipelines = fresh_pipelines()
    pipelines.start("store", "ingest-1")
    return pipelines


def commit(pipelines: Pipelines, batch_id: str, body: bytes, samples: int) -> None:
    async def through_the_intake() -> None:
        intake = Intake(pipelines.redis_url)
        await intake.commit(batch_id, body, samples)
        await intake.redis.aclose()

    asyncio.run(through_the_intake())


def commit_run(pipelines: Pipelines, producer: str, n: int = 5) -> None:
    commit(pipelines, f"batch-{producer}", b"[" + encode_batch(a_run(producer, 1, range(n))) + b"]", n)


def enqueue(pipelines: Pipelines, function: str, *args: Any, **options: Any) -> str:
    """Put a job there as anybody could who reaches Redis."""
    queue = Queue(keys.QUEUE_NAME, connection=pipelines.redis, job_class=BatchJob, serializer=JsonSerializer)
    job = queue.enqueue(function, args=args, **options)
    return str(job.id)


def settled(pipelines: Pipelines, within_s: float = 10) -> None:
    until(pipelines.settled, "no job waits or runs", within_s)


def failed(pipelines: Pipelines, job: str) -> None:
    until(lambda: pipelines.redis.hget(keys.job(job), "status") == b"failed", "RQ gives the job up")


def still_works(pipelines: Pipelines) -> None:
    name = f"afterwards-{pipelines.totals()['processed']}"
    commit_run(pipelines, name)
    until(lambda: name in pipelines.ledger(), "a good batch after it is processed")


def said_since(pipelines: Pipelines, before: str) -> str:
    """What the worker logged since it had said `before`."""
    return pipelines["worker-1"].said().removeprefix(before)


# -- what is not run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retry", [None, Retry(max=2)], ids=["once", "with retries"])
def test_a_foreign_function_is_refused_and_not_run(
    running: Pipelines, tmp_path: Path, retry: Retry | None
) -> None:
    touched, before = tmp_path / "touched", running["worker-1"].said()
    foreign = enqueue(running, "os.system", f"touch {touched}", retry=retry)
    settled(running)
    failed(running, foreign)
    assert not touched.exists()
    assert "which is not allowed" in said_since(running, before)
    still_works(running)


def test_a_foreign_callback_is_not_run(running: Pipelines) -> None:
    """RQ calls whatever function a job names for its failure; this one would fail, and RQ would say so."""
    before = running["worker-1"].said()
    job = enqueue(running, "os.getcwd", on_failure=Callback("os.getcwd"))
    settled(running)
    assert running.redis.hget(keys.job(job), "failure_callback_name") == b"os.getcwd"
    failed(running, job)
    still_works(running)
    assert "callback" not in said_since(running, before)


@pytest.mark.parametrize(
    "args",
    [(), ("only-one",), ("unknown-batch", 5), (None, None), ({"a": 1}, [2]), ("x", 1, 2)],
    ids=["none", "one", "unknown", "null", "odd", "many"],
)
def test_odd_arguments_end_no_worker(running: Pipelines, args: tuple[Any, ...]) -> None:
    before = running.totals()["dead_lettered"]
    enqueue(running, "pipeline_http_redis.jobs.apply_batch", *args)
    settled(running)
    still_works(running)
    assert running.totals()["dead_lettered"] == before


def test_a_damaged_job_and_a_ghost_end_no_worker(running: Pipelines) -> None:
    damaged: dict[Any, Any] = {
        "data": b"\xff\xff",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "origin": "batches",
    }
    running.redis.hset(keys.job("damaged"), mapping=damaged)
    running.redis.lpush(keys.QUEUE, "damaged", "ghost")
    settled(running)  # the ghost stays popped until the sweep looks twice
    still_works(running)
    assert running.redis.llen(keys.INTERMEDIATE) == 0


# -- poison ----------------------------------------------------------------------------------------------------------


def test_a_poison_batch_is_tried_three_times_and_set_aside_once(running: Pipelines) -> None:
    before, said = running.totals()["dead_lettered"], running["worker-1"].said()
    commit(running, "poison", b"not json", 7)
    settled(running)
    until(lambda: running.totals()["dead_lettered"] == before + 7, "it is set aside")
    still_works(running)
    assert running.totals()["dead_lettered"] == before + 7
    assert running.redis.lrange(keys.DEAD, 0, 0) == [b"not json"]
    assert running.redis.exists(keys.claim("poison")) == 0
    lines = said_since(running, said).splitlines()
    assert sum("exception raised while" in line for line in lines) == TRIES
    assert sum("batch_set_aside" in line for line in lines) == 1


def leave_running(pipelines: Pipelines, batch_id: str, *, retries_left: int) -> None:
    """What a worker leaves behind that is killed while it runs a job: an entry that has run out."""
    assert pipelines.redis.lpop(keys.QUEUE) == batch_id.encode()
    pipelines.redis.hset(keys.job(batch_id), mapping={"status": "started", "retries_left": retries_left})
    pipelines.redis.zadd(keys.STARTED, {f"{batch_id}:an-execution": time.time() - 1})


def test_a_batch_that_killed_its_worker_at_each_try_is_set_aside_once(without_worker: Pipelines) -> None:
    pipelines = without_worker
    commit_run(pipelines, "killer", 7)
    leave_running(pipelines, "batch-killer", retries_left=0)
    pipelines.start("worker-1", "worker-2")
    settled(pipelines)
    until(lambda: pipelines.totals()["dead_lettered"] == 7, "it is set aside")
    commit_run(pipelines, "afterwards")
    until(lambda: "afterwards" in pipelines.ledger(), "the next batch is processed")
    assert pipelines.totals()["dead_lettered"] == 7
    assert pipelines.redis.llen(keys.DEAD) == 1
    assert "killer" not in pipelines.ledger()


# -- what comes back -------------------------------------------------------------------------------------------------


def test_a_job_of_a_killed_worker_comes_back(without_worker: Pipelines) -> None:
    pipelines = without_worker
    commit_run(pipelines, "killed")
    leave_running(pipelines, "batch-killed", retries_left=2)
    pipelines.start("worker-1")
    until(lambda: "killed" in pipelines.ledger(), "it is processed", BACK_WITHIN_S)
    assert pipelines.totals()["processed"] == 5


def test_a_job_left_in_the_intermediate_list_comes_back(without_worker: Pipelines) -> None:
    """A worker was killed right after it had popped it."""
    pipelines = without_worker
    commit_run(pipelines, "popped")
    pipelines.redis.lmove(keys.QUEUE, keys.INTERMEDIATE, "LEFT", "RIGHT")
    pipelines.start("worker-1", "worker-2")
    until(lambda: "popped" in pipelines.ledger(), "it is processed", BACK_WITHIN_S)
    settled(pipelines)
    assert pipelines.totals()["processed"] == 5
    assert pipelines.totals()["duplicates"] == 0


def test_a_worker_killed_while_it_brings_jobs_back_does_not_keep_others_from_it(
    without_worker: Pipelines,
) -> None:
    pipelines = without_worker
    commit_run(pipelines, "locked")
    leave_running(pipelines, "batch-locked", retries_left=2)
    lock = f"rq:clean_registries:{keys.QUEUE_NAME}"
    pipelines.redis.set(lock, "a dead worker", px=CLEANING_MS)
    pipelines.start("worker-1")
    until(lambda: "locked" in pipelines.ledger(), "it is processed", BACK_WITHIN_S)
    assert pipelines.redis.exists(lock) == 0


def test_a_batch_applied_and_not_cleaned_up_changes_nothing_when_it_comes_back(
    without_worker: Pipelines,
) -> None:
    """A worker was killed between `apply.lua` and the end of its job."""
    pipelines = without_worker
    commit_run(pipelines, "applied")
    pipelines.redis.delete(keys.claim("batch-applied"))  # what `apply.lua` does last
    leave_running(pipelines, "batch-applied", retries_left=2)
    pipelines.start("worker-1")
    settled(pipelines)
    assert pipelines.totals()["processed"] == pipelines.totals()["duplicates"] == 0
    assert pipelines.redis.hget(keys.TOTALS, "redelivered") == b"1"
