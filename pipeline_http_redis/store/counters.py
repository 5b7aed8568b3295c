"""What the store counts: totals, histograms, queue lengths, processes. Everything cumulative over the run."""

from __future__ import annotations

from typing import Any, Final, cast

import redis
import redis.asyncio
import redis.asyncio.client
from msgspec import Struct

from metrics_core.histogram import Histogram
from metrics_core.snapshot import TOTALS, ProcessView
from pipeline_http_redis.store import keys

PROCESS_FORGOTTEN_US: Final = 5_000_000


def unfinished_jobs(connection: redis.Redis) -> tuple[int, int, int]:
    """Jobs that wait, that are popped and not started, and that run; all 0: everything committed is applied."""
    with connection.pipeline(transaction=True) as transaction:
        transaction.llen(keys.QUEUE)
        transaction.llen(keys.INTERMEDIATE)
        transaction.zcard(keys.STARTED)
        waiting, popped, running = transaction.execute()
    return waiting, popped, running


class Counters(Struct):
    """What the store counts, all of one moment; totals and histograms are cumulative over the run.

    Attributes:
        totals: Counters by name.
        accepted: Latencies of the clock *accepted*.
        processed: Latencies of the clock *processed*.
        waiting: Jobs in the queue.
        in_hand: Jobs that workers have taken, running or about to.
        gathered: Of each ingest process, batches not committed yet, and how many there may be.
        processes: All processes but the store's own.
    """

    totals: dict[str, int]
    accepted: Histogram
    processed: Histogram
    waiting: int
    in_hand: int
    gathered: list[tuple[int, int]]
    processes: list[ProcessView]


def ask_counters(transaction: redis.asyncio.client.Pipeline) -> None:
    """Queue the reads of all counters."""
    transaction.hgetall(keys.TOTALS)
    transaction.hgetall(keys.ACCEPTED)
    transaction.hgetall(keys.PROCESSED)
    transaction.llen(keys.QUEUE)
    transaction.llen(keys.INTERMEDIATE)
    transaction.zcard(keys.STARTED)
    transaction.hgetall(keys.GATHERED)
    transaction.hgetall(keys.PROCESSES)


def counters_of(replies: list[Any], at_us: int) -> Counters:
    """The counters out of the replies to `ask_counters`."""
    totals, accepted, processed, waiting, popped, running, gathered, processes = replies
    return Counters(
        totals=totals_of(totals),
        accepted=_histogram(accepted),
        processed=_histogram(processed),
        waiting=waiting,
        in_hand=popped + running,
        gathered=_gathered(gathered, at_us),
        processes=_processes(processes, at_us),
    )


async def read_counters(connection: redis.asyncio.Redis, at_us: int) -> Counters:
    """Counters and histograms at one moment.

    Raises:
        redis.RedisError: The store does not answer.
    """
    async with connection.pipeline(transaction=True) as transaction:
        ask_counters(transaction)
        return counters_of(await transaction.execute(), at_us)


def totals_of(reply: dict[bytes, bytes]) -> dict[str, int]:
    """All counters by name; those that never counted are 0."""
    return dict.fromkeys(TOTALS, 0) | {name.decode(): int(n) for name, n in reply.items()}


def _histogram(reply: dict[bytes, bytes]) -> Histogram:
    return Histogram({int(bucket): int(n) for bucket, n in reply.items()})


def _processes(reply: dict[bytes, bytes], at_us: int) -> list[ProcessView]:
    views = []
    for name, packed in sorted(reply.items()):
        pid, cpu_percent, rss_bytes, told_at_us = keys.unpack_process(packed)
        if at_us - told_at_us < PROCESS_FORGOTTEN_US:
            views.append(ProcessView(name.decode(), pid, cpu_percent, rss_bytes))
    return views


def _gathered(reply: dict[bytes, bytes], at_us: int) -> list[tuple[int, int]]:
    told = map(keys.unpack_gathered, reply.values())
    return [
        (waiting, most) for waiting, most, told_at_us in told if at_us - told_at_us < PROCESS_FORGOTTEN_US
    ]


async def read_hash(connection: redis.asyncio.Redis, key: str) -> dict[bytes, bytes]:
    """HGETALL; the lab's connections give bytes."""
    return cast(dict[bytes, bytes], await connection.hgetall(key))


async def store_process(connection: redis.asyncio.Redis) -> tuple[int, float, int]:
    """The store's own process: pid, CPU seconds used, resident bytes."""
    info = await connection.info("all")
    return int(info["process_id"]), info["used_cpu_sys"] + info["used_cpu_user"], int(info["used_memory_rss"])
