"""The ingest's view of the store: commit groups of batches, report what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import redis
from rq import Queue, Retry

from metrics_core.histogram import Histogram
from metrics_core.snapshot import ProcessView
from metrics_core.trace import Trace, encode_traces
from pipeline_http_redis.rq_safe import BatchJob, JsonSerializer
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.connection import connect

JOB_TIMEOUT_S: Final = 30
TRIES: Final = 3
DEAD_JOBS_KEPT_S: Final = 86_400


class Intake:
    """Commits groups and adds up counters."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        # RQ wants a synchronous connection for a queue; it is used for the queue's name only and never connects.
        self._queue = Queue(
            keys.QUEUE_NAME,
            connection=redis.Redis.from_url(redis_url),
            job_class=BatchJob,
            serializer=JsonSerializer,
            default_timeout=JOB_TIMEOUT_S,
        )
        self._queue.get_redis_server_version = lambda: (7, 0, 0)  # type: ignore[method-assign]  # else it would

    async def commit(self, batch_id: str, body: bytes, samples: int, traces: Sequence[Trace] = ()) -> int:
        """Keep a group of batches and queue one job for it, in one transaction.

        Args:
            batch_id: Identity of the group.
            body: What `join_batches` made of it.
            samples: How many samples it holds.
            traces: Of some of them; they travel with the job.

        Returns:
            How many jobs wait in the queue now, this one included.

        Raises:
            redis.RedisError: It is not known whether the group was kept.
        """
        async with self.redis.pipeline(transaction=True) as transaction:
            transaction.set(keys.claim(batch_id), body)
            transaction.hincrby(keys.TOTALS, "accepted", samples)
            job = Queue.prepare_data(
                "pipeline_http_redis.jobs.apply_batch",
                args=(batch_id, samples, encode_traces(traces).decode()) if traces else (batch_id, samples),
                job_id=batch_id,
                description=f"{samples} samples",
                result_ttl=0,
                failure_ttl=DEAD_JOBS_KEPT_S,
                retry=Retry(max=TRIES - 1),
            )
            self._queue.enqueue_many([job], pipeline=transaction)  # type: ignore[arg-type]  # it only appends to it
            transaction.llen(keys.QUEUE)
            replies = await transaction.execute()
        return int(replies[-1])

    async def tell_committed(self, traces: Sequence[Trace], at_us: int) -> None:
        """Tell the fan-outs when samples that are traced were committed.

        Published, not written: a write more would wait for the disk, in the very way of the sample that is timed.

        Args:
            traces: Of the samples.
            at_us: When the commit returned, µs since 1970.
        """
        await self.redis.publish(keys.COMMITTED, keys.pack([(trace.identity, at_us) for trace in traces]))

    async def queue_length(self) -> int:
        """How many jobs wait."""
        return int(await self.redis.llen(keys.QUEUE))

    async def memory(self) -> tuple[int, int]:
        """How many bytes the store uses, and how many it may use (0: no limit)."""
        info = await self.redis.info("memory")
        return int(info["used_memory"]), int(info["maxmemory"])

    async def report(
        self,
        counts: dict[str, int],
        accepted: Histogram,
        process: ProcessView,
        gathered: tuple[int, int],
        at_us: int,
    ) -> None:
        """Add what an ingest process counted since its last report.

        Args:
            counts: Counters, grown by.
            accepted: The clock *accepted*, grown by.
            process: The process.
            gathered: Batches that are not committed yet, and how many there may be.
            at_us: Now, µs since 1970.
        """
        async with self.redis.pipeline(transaction=False) as pipe:
            for name, n in counts.items():
                pipe.hincrby(keys.TOTALS, name, n)
            for bucket, n in accepted.counts.items():
                pipe.hincrby(keys.ACCEPTED, str(bucket), n)
            pipe.hset(keys.PROCESSES, process.name, keys.pack_process(process, at_us))
            pipe.hset(keys.GATHERED, process.name, keys.pack((*gathered, at_us)))
            await pipe.execute()
