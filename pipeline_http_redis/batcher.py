"""Group commit: the `Sink` of pipeline A.

While one commit is in flight, batches gather; when it returns, all that gathered go out as one. One fsync, one RQ job
and one Lua call then serve the whole group (the idea is as old as DeWitt et al., SIGMOD 1984).

That alone fails in the middle: with a few clients it makes a thousand small commits a second, hence a thousand RQ
jobs a second, against workers that do a few hundred. So the reply of each commit carries the queue's length, and the
next commit waits in proportion to it::

    jobs waiting   0 … 1     2       3        …   34 and more
    pause          none      3 ms    6 ms         100 ms

Where batches come together, commits also start at least 3 ms apart: at 1,000 samples/s that saves a fifth of the jobs
and with them CPU. A producer that is alone never waits for it.

An idle lab adds no delay, a loaded one batches by itself. Rejected: a fixed window, which costs its length always.

Bounds: `MAX_WAITING_BYTES` gathered, `backlog_capacity` jobs queued, and where Redis has a `maxmemory` all of it but
`MEMORY_KEPT_FREE`; beyond any of them a batch is refused (429) and leaves no trace. The last one keeps the way out
open: at its `maxmemory` Redis refuses every write, also those of the workers, which would free memory.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from typing import Final

import redis
from msgspec import Struct

from lab_runtime.logs import get_logger
from metrics_core.errors import BacklogFull, Refused, Unavailable
from metrics_core.histogram import Histogram
from metrics_core.sink import Batch
from metrics_core.trace import MOST_SHOWN, Trace
from metrics_core.wire import join_batches
from pipeline_http_redis.store.intake import Intake
from pipeline_http_redis.store.outage import takes_no_writes

PAUSE_PER_JOB_S: Final = 0.003
MAX_PAUSE_S: Final = 0.1
SPACING_S: Final = 0.003
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
MAX_GROUP_SAMPLES: Final = 20_000
MAX_GROUP_BYTES: Final = 8 * 1024 * 1024
FULL_RECHECK_S: Final = 0.25

MEMORY_KEPT_FREE: Final = 0.1
"""Share of Redis's `maxmemory` that is left to the workers."""

MEMORY_PER_BYTE: Final = 2
"""What a byte of a batch takes in Redis at most until the next look: its claim, its job, the buffers on its way."""

_log = get_logger("batcher")


class _Waiting(Struct, gc=True):
    batch: Batch
    held: asyncio.Future[None]


def pause_s(queue_length: int) -> float:
    """How long the next commit waits, in seconds, when so many jobs are queued (the last commit's own included)."""
    return min(MAX_PAUSE_S, max(0, queue_length - 1) * PAUSE_PER_JOB_S)


class Batcher:
    """Gathers batches and commits them in groups. One per ingest process; `run` must be running."""

    def __init__(self, intake: Intake, backlog_capacity: int, now_us: Callable[[], int]) -> None:
        self._intake = intake
        self._capacity = backlog_capacity
        self._now_us = now_us
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._in_flight: list[_Waiting] = []
        self._given_up = False
        self._arrived = asyncio.Event()
        self._queue_length = 0
        self._memory_left: float | None = None  # None: Redis has no limit
        self.accepted = Histogram()

    async def accept(self, batch: Batch) -> None:
        """Hold a batch: on disk in Redis's append-only file (with `appendfsync always`) and queued for a worker.

        Raises:
            BacklogFull: Too much waits already; nothing is kept.
            Unavailable: Redis does not answer; whether it was kept is unknown.
        """
        if self._given_up:
            raise Unavailable("the ingest stops")
        if self._queue_length >= self._capacity:
            raise BacklogFull(f"{self._queue_length} jobs wait for a worker, {self._capacity} may")
        if self._waiting_bytes >= MAX_WAITING_BYTES:
            raise BacklogFull(f"{self._waiting_bytes} bytes wait for Redis, {MAX_WAITING_BYTES} may")
        if self._memory_left is not None:
            if self._memory_left < MEMORY_PER_BYTE * len(batch.body):
                raise BacklogFull(
                    "Redis has nearly all the memory that it may have; the workers need the rest"
                )
            self._memory_left -= MEMORY_PER_BYTE * len(batch.body)
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._waiting_bytes += len(batch.body)
        self._arrived.set()
        await waiting.held

    def note_memory(self, used_bytes: int, most_bytes: int) -> None:
        """Take in how much memory Redis uses and may use (0: as much as it likes)."""
        self._memory_left = most_bytes * (1 - MEMORY_KEPT_FREE) - used_bytes if most_bytes else None

    async def run(self) -> None:
        """Commit group after group until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._arrived.clear()
                if self._queue_length < self._capacity:
                    await self._arrived.wait()
                else:
                    await self._recheck_full_queue()
                    continue
            group, started_s = self._take_group(), loop.time()
            self._in_flight = group
            await self._commit(group)
            self._in_flight = []
            pause = pause_s(self._queue_length)
            if len(group) > 1:
                pause = max(pause, started_s + SPACING_S - loop.time())
            if pause > 0:
                await asyncio.sleep(pause)

    def give_up(self) -> None:
        """Refuse all that waits, is on its way or still comes: the process ends, whether Redis answers or not."""
        self._given_up = True
        for waiting in (*self._in_flight, *self._waiting):
            if not waiting.held.done():
                waiting.held.set_exception(Unavailable("the ingest stops"))
        self._waiting.clear()
        self._waiting_bytes = 0

    async def _recheck_full_queue(self) -> None:
        """While the queue is full nothing is accepted, so no commit tells its length."""
        await asyncio.sleep(FULL_RECHECK_S)
        try:
            self._queue_length = await self._intake.queue_length()
        except (redis.RedisError, OSError):
            self._queue_length = 0  # let the next batch find out, and be told 503

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        samples = size = 0
        while self._waiting:
            batch = self._waiting[0].batch
            if group and (
                samples + len(batch.samples) > MAX_GROUP_SAMPLES or size + len(batch.body) > MAX_GROUP_BYTES
            ):
                break
            samples += len(batch.samples)
            size += len(batch.body)
            group.append(self._waiting.popleft())
        self._waiting_bytes -= size
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        bodies = [waiting.batch.body for waiting in group]
        samples = sum(len(waiting.batch.samples) for waiting in group)
        traces = [waiting.batch.trace for waiting in group if waiting.batch.trace is not None][-MOST_SHOWN:]
        failure: Refused | None = None
        try:
            self._queue_length = await self._intake.commit(
                uuid.uuid4().hex, join_batches(bodies), samples, traces
            )
        except (redis.RedisError, OSError) as error:
            _log.warning(
                "commit_failed", samples=samples, error=type(error).__name__, detail=str(error)[:200]
            )
            failure = Unavailable(
                "Redis takes no writes" if takes_no_writes(error) else "Redis does not answer"
            )
            self._queue_length = 0
        for waiting in group:
            if waiting.held.done():
                continue  # its request was cancelled; the batch is committed all the same
            if failure:
                waiting.held.set_exception(failure)
            else:
                waiting.held.set_result(None)
        if not failure:
            now_us = self._now_us()
            self.accepted.add_all(
                [now_us - s.sampled_at_us for waiting in group for s in waiting.batch.samples]
            )
            if traces:
                await self._tell_committed(traces, now_us)

    async def _tell_committed(self, traces: list[Trace], at_us: int) -> None:
        try:
            await self._intake.tell_committed(traces, at_us)
        except (
            redis.RedisError,
            OSError,
        ) as error:  # a hop that nobody hears of; the next commit meets the outage
            _log.warning("trace_not_told", error=type(error).__name__)

    @property
    def queue_length(self) -> int:
        """Jobs waiting, as the last commit saw it."""
        return self._queue_length

    @property
    def waiting_batches(self) -> int:
        """Batches gathered for the next commit."""
        return len(self._waiting)

    @property
    def uncommitted_batches(self) -> int:
        """Batches gathered, or on their way in the commit under way."""
        return len(self._waiting) + len(self._in_flight)
