"""The pipeline's ledger as the store holds it: which identities were processed, and what they amount to."""

from __future__ import annotations

from typing import Final, cast

import redis.asyncio

from metrics_core.intervals import IntervalSet
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.counters import read_hash, totals_of

_AT_ONCE: Final = 50
"""Producers asked for in one go: neither this process nor the store does anything else meanwhile (0.3 ms)."""


async def read_ledger(
    connection: redis.asyncio.Redis,
) -> tuple[dict[str, int], dict[str, dict[str, list[list[int]]]]]:
    """The pipeline's ledger.

    Returns:
        The totals, and per producer and epoch the intervals of sequence numbers processed. Totals are read first, so
        the intervals hold at least what the totals count.

    Raises:
        redis.RedisError: The store does not answer.
    """
    totals = totals_of(await read_hash(connection, keys.TOTALS))
    epochs = {
        name.decode(): known.decode().split(",")
        for name, known in (await read_hash(connection, keys.EPOCHS)).items()
    }
    wanted = [(name, epoch) for name in sorted(epochs) for epoch in epochs[name]]
    producers: dict[str, dict[str, list[list[int]]]] = {}
    for first in range(0, len(wanted), _AT_ONCE):
        part = wanted[first : first + _AT_ONCE]
        async with connection.pipeline(transaction=False) as pipe:
            for name, epoch in part:
                pipe.zrange(keys.marks(name, epoch), 0, -1, withscores=True)
            for (name, epoch), found in zip(part, await pipe.execute(), strict=True):
                intervals = [[int(low), int(high)] for low, high in found]
                producers.setdefault(name, {})[epoch] = intervals
    return totals, producers


async def read_producers(connection: redis.asyncio.Redis) -> dict[str, keys.StoredProducer]:
    """Every producer's newest sample and windows.

    Raises:
        redis.RedisError: The store does not answer.
    """
    stored = await read_hash(connection, keys.PRODUCERS)
    return {name.decode(): keys.unpack_producer(state) for name, state in sorted(stored.items())}


async def read_marks(connection: redis.asyncio.Redis, producer: str, epoch: int) -> IntervalSet:
    """The sequence numbers of one producer and epoch that were processed.

    Raises:
        redis.RedisError: The store does not answer.
    """
    marks = await connection.zrange(keys.marks(producer, str(epoch)), 0, -1, withscores=True)
    found = cast(list[tuple[bytes, float]], marks)
    return IntervalSet((int(low), int(high)) for low, high in found)
