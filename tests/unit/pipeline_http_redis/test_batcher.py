"""Group commit on a virtual clock: what goes out together, when, and who hears of a failure.

Long because: each way in which a commit ends is a case of one batcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec
import pytest
import redis

from metrics_core.errors import BacklogFull, Unavailable
from metrics_core.sink import Batch
from metrics_core.trace import MOST_SHOWN, Trace, begin
from metrics_core.wire import decode_group, encode_batch
from pipeline_http_redis import batcher as module
from pipeline_http_redis.batcher import (
    FULL_RECHECK_S,
    MAX_PAUSE_S,
    MEMORY_KEPT_FREE,
    MEMORY_PER_BYTE,
    PAUSE_PER_JOB_S,
    Batcher,
    pause_s,
)
from pipeline_http_redis.store.intake import Intake
from tests.support.samples import NOW_US, a_run, a_sample
from tests.support.virtual_time import run_virtually, settle


class FakeIntake:
    """Keeps commits; each takes `takes_s` or fails with `failure`."""

    def __init__(self) -> None:
        self.committed: list[list[int]] = []
        self.started_s: list[float] = []
        self.ids: list[str] = []
        self.traced: list[list[int]] = []
        self.told: list[tuple[list[int], int]] = []
        self.queue = 0
        self.takes_s = 0.010
        self.failure: Exception | None = None
        self.unheard: Exception | None = None
        self.asked = 0

    async def commit(self, batch_id: str, body: bytes, samples: int, traces: Sequence[Trace]) -> int:
        self.started_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.failure:
            raise self.failure
        decoded = decode_group(body)
        assert len(decoded) == samples
        self.ids.append(batch_id)
        self.traced.append([trace.seq for trace in traces])
        self.committed.append([sample.seq for sample in decoded])
        return self.queue

    async def tell_committed(self, traces: Sequence[Trace], at_us: int) -> None:
        self.told.append(([trace.seq for trace in traces], at_us))
        if self.unheard:
            raise self.unheard

    async def queue_length(self) -> int:
        self.asked += 1
        if self.failure:
            raise self.failure
        return self.queue


def batch_of(*seqs: int) -> Batch:
    samples = [a_sample(seq=seq, sampled_at_us=NOW_US - 1_000) for seq in seqs]
    return Batch(encode_batch(samples), samples)


Scenario = Callable[[Batcher, FakeIntake], Awaitable[None]]


def run(scenario: Scenario, capacity: int = 1000) -> None:
    async def main() -> None:
        intake = FakeIntake()
        batcher = Batcher(cast(Intake, intake), capacity, lambda: NOW_US)
        runner = asyncio.create_task(batcher.run())
        await settle()
        await scenario(batcher, intake)
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)

    run_virtually(main())


def send(batcher: Batcher, *seqs: int) -> asyncio.Task[None]:
    return asyncio.create_task(batcher.accept(batch_of(*seqs)))


def test_a_lone_batch_is_committed_at_once() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        await send(batcher, 0)
        assert asyncio.get_running_loop().time() == pytest.approx(intake.takes_s)
        assert intake.committed == [[0]]

    run(scenario)


def test_what_gathers_during_a_commit_goes_out_as_one() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        first = send(batcher, 0)
        await settle()
        others = [send(batcher, seq) for seq in range(1, 50)]
        await settle()
        assert (batcher.waiting_batches, batcher.uncommitted_batches) == (49, 50)
        await first
        assert not any(other.done() for other in others), "held means committed, not gathered"
        await asyncio.gather(*others)
        assert intake.committed == [[0], list(range(1, 50))]
        assert len(set(intake.ids)) == 2
        await settle()
        assert batcher.waiting_batches == batcher.uncommitted_batches == 0

    run(scenario)


def traced(seq: int) -> Batch:
    batch = batch_of(seq)
    return msgspec.structs.replace(batch, trace=begin(batch.samples, seq, NOW_US, NOW_US, NOW_US))


@pytest.mark.parametrize("unheard", [None, redis.ConnectionError("away")])
def test_traces_go_with_their_commit_and_its_end_is_told(unheard: Exception | None) -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.unheard = unheard
        await send(batcher, 0)
        together = [traced(1), batch_of(2), *map(traced, range(3, 3 + MOST_SHOWN))]
        first = asyncio.create_task(batcher.accept(traced(100)))
        await settle()
        rest = [asyncio.create_task(batcher.accept(batch)) for batch in together]
        await asyncio.gather(first, *rest)
        await settle()
        newest = list(range(3, 3 + MOST_SHOWN))
        assert intake.traced == [[], [100], newest], "as many as a snapshot shows, and no more"
        assert intake.told == [([100], NOW_US), (newest, NOW_US)], "nothing is told of what is not traced"
        await send(batcher, 200)

    run(scenario)


def test_a_failed_commit_is_not_told() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.failure = redis.ConnectionError("away")
        with pytest.raises(Unavailable):
            await batcher.accept(traced(1))
        assert intake.told == []

    run(scenario)


def test_the_pause_law() -> None:
    assert [pause_s(n) for n in (0, 1)] == [0, 0]
    assert pause_s(2) == PAUSE_PER_JOB_S
    assert pause_s(11) == pytest.approx(10 * PAUSE_PER_JOB_S)
    assert pause_s(10_000) == MAX_PAUSE_S
    assert all(pause_s(n) <= pause_s(n + 1) for n in range(100))


def test_a_growing_queue_slows_the_commits_down() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        for queue in (1, 5, 500):
            intake.queue = queue
            intake.started_s.clear()
            pending = [send(batcher, 0)]
            await settle()
            pending.append(send(batcher, 1))
            await asyncio.gather(*pending)
            begun, after = intake.started_s
            assert after - begun == pytest.approx(intake.takes_s + pause_s(queue))
            await asyncio.sleep(1)

    run(scenario)


def test_a_group_is_bounded_in_samples_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GROUP_SAMPLES", 10)

    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        first = send(batcher, 0)
        await settle()
        rest = [send(batcher, *range(seq, seq + 4)) for seq in (10, 20, 30)] + [
            send(batcher, *range(100, 112))
        ]
        await asyncio.gather(first, *rest)
        assert [len(group) for group in intake.committed] == [1, 8, 4, 12], (
            "a large batch goes alone, never split"
        )

    run(scenario)
    monkeypatch.setattr(module, "MAX_GROUP_SAMPLES", 10**6)
    monkeypatch.setattr(module, "MAX_GROUP_BYTES", len(batch_of(1).body) * 3)

    async def by_bytes(batcher: Batcher, intake: FakeIntake) -> None:
        first = send(batcher, 0)
        await settle()
        await asyncio.gather(first, *(send(batcher, seq) for seq in range(1, 8)))
        assert [len(group) for group in intake.committed] == [1, 3, 3, 1]

    run(by_bytes)


def test_what_waits_for_redis_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", len(batch_of(1).body) * 3)

    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        first = send(batcher, 0)
        await settle()
        waiting = [send(batcher, seq) for seq in (1, 2, 3)]
        await settle()
        with pytest.raises(BacklogFull, match="bytes wait for Redis"):
            await batcher.accept(batch_of(4))
        await asyncio.gather(first, *waiting)
        await batcher.accept(batch_of(5))
        assert intake.committed == [[0], [1, 2, 3], [5]], "the refused batch left no trace"

    run(scenario)


def test_a_full_queue_refuses_until_it_has_room_again() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.queue = 3
        await batcher.accept(batch_of(0))
        with pytest.raises(BacklogFull, match="3 jobs wait for a worker, 3 may"):
            await batcher.accept(batch_of(1))
        await asyncio.sleep(1)
        assert intake.asked >= 1 / FULL_RECHECK_S - 1, (
            "while nothing is accepted it asks how long the queue is"
        )
        with pytest.raises(BacklogFull):
            await batcher.accept(batch_of(1))
        intake.queue = 2
        await asyncio.sleep(2 * FULL_RECHECK_S)
        await batcher.accept(batch_of(2))
        assert intake.committed == [[0], [2]]

    run(scenario, capacity=3)


@pytest.mark.parametrize(
    "failure", [redis.ConnectionError("away"), redis.TimeoutError("slow"), OSError("gone")]
)
def test_a_failed_commit_is_told_to_its_group_and_to_nobody_else(failure: Exception) -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        await batcher.accept(batch_of(0))
        intake.failure = failure
        failing = send(batcher, 1)
        await settle()  # its commit is on the way
        good = [send(batcher, seq) for seq in (2, 3)]
        await asyncio.gather(failing, return_exceptions=True)
        intake.failure = None
        await asyncio.gather(*good)
        fault = failing.exception()
        assert isinstance(fault, Unavailable)
        assert (fault.status, fault.retry_after_s) == (503, 1)
        assert intake.committed == [[0], [2, 3]]

    run(scenario)


@pytest.mark.parametrize("failure", [redis.ConnectionError("away"), OSError("gone")])
def test_when_redis_goes_away_behind_a_full_queue_the_next_batch_finds_out(failure: Exception) -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.queue = 3
        await batcher.accept(batch_of(0))
        intake.failure = failure
        await asyncio.sleep(2 * FULL_RECHECK_S)
        with pytest.raises(Unavailable):
            await batcher.accept(batch_of(1))
        intake.failure, intake.queue = None, 0
        await batcher.accept(batch_of(2))
        assert intake.committed == [[0], [2]]

    run(scenario, capacity=3)


def test_a_cancelled_request_harms_neither_its_group_nor_the_batcher() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        first = send(batcher, 0)
        await settle()
        gone, stays = send(batcher, 1), send(batcher, 2)
        await settle()
        gone.cancel()
        await asyncio.gather(first, stays)
        assert gone.cancelled()
        assert intake.committed == [[0], [1, 2]], (
            "it may have been committed all the same, as after a lost answer"
        )
        await batcher.accept(batch_of(3))

    run(scenario)


def test_accepted_latency_counts_the_committed_samples_only() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        await batcher.accept(batch_of(0, 1, 2))
        intake.failure = redis.ConnectionError("away")
        await asyncio.gather(send(batcher, 3), return_exceptions=True)
        assert batcher.accepted.n == 3
        assert batcher.accepted.quantiles_us([1])[0] == pytest.approx(1_000, rel=1 / 128)

    run(scenario)


def test_ten_thousand_samples_in_one_batch_are_one_commit() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        samples = a_run("web-01", 1, range(10_000))
        await batcher.accept(Batch(encode_batch(samples), samples))
        assert [len(group) for group in intake.committed] == [10_000]

    run(scenario)


def test_redis_is_never_given_the_memory_that_the_workers_need() -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        size = len(batch_of(0).body)
        most = 1_000 * size
        batcher.note_memory(round(most * (1 - MEMORY_KEPT_FREE)) - 2 * MEMORY_PER_BYTE * size - 1, most)
        await batcher.accept(batch_of(0))
        await batcher.accept(batch_of(1))
        with pytest.raises(BacklogFull, match="Redis has nearly all the memory that it may have"):
            await batcher.accept(batch_of(2))
        batcher.note_memory(most // 2, most)
        await batcher.accept(batch_of(3))
        batcher.note_memory(most, 0)  # no limit
        await batcher.accept(batch_of(4))
        assert intake.committed == [[0], [1], [3], [4]], "the refused batch left no trace"

    run(scenario)


@pytest.mark.parametrize(
    "failure, detail",
    [
        (redis.ConnectionError("away"), "Redis does not answer"),
        (
            redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
            "Redis takes no writes",
        ),
        (redis.ResponseError("MISCONF Errors writing to the AOF file"), "Redis takes no writes"),
    ],
)
def test_the_answer_says_whether_redis_is_away_or_full(failure: Exception, detail: str) -> None:
    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.failure = failure
        with pytest.raises(Unavailable, match=detail):
            await batcher.accept(batch_of(0))

    run(scenario)


def test_giving_up_answers_everybody() -> None:
    """What is on its way, what waits, and what comes still."""

    async def scenario(batcher: Batcher, intake: FakeIntake) -> None:
        intake.takes_s = 3600  # Redis stands still
        pending = [send(batcher, 0)]
        await settle()
        pending.append(send(batcher, 1))
        await settle()
        batcher.give_up()
        await asyncio.wait(pending, timeout=1)
        assert [str(task.exception()) for task in pending] == ["unavailable: the ingest stops"] * 2
        with pytest.raises(Unavailable):
            await batcher.accept(batch_of(2))
        assert batcher.waiting_batches == 0

    run(scenario)
