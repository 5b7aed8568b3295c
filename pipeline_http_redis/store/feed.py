"""A fan-out's view of the store: what changed since its last look.

A trace comes in two pieces: with the stream entry of its batch; and over a channel, on which the ingest tells when the
commit returned. It tells that at once and the batch takes longer, so the second piece is there first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, cast

import redis
from msgspec import Struct
from redis.asyncio.client import PubSub

from metrics_core.snapshot import ProcessView
from metrics_core.trace import Trace, decode_traces
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.connection import connect
from pipeline_http_redis.store.counters import Counters, ask_counters, counters_of, read_hash

COMMITS_KEPT: Final = 2_000
"""Commits of traced samples that are remembered until their batches are applied: at two a second, a queue that stands
still for a quarter of an hour. None costs 200 bytes."""


class Changes(Struct):
    """What changed since the last look.

    Attributes:
        counters: As they are now.
        producers: Those that changed.
        traces: Of samples that were applied, up to that hop.
        entries: Batches that waited in the stream to be looked at.
    """

    counters: Counters
    producers: dict[str, keys.StoredProducer]
    traces: list[Trace]
    entries: int


class Feed:
    """Holds a place in the stream, what it heard of commits, and nothing else."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self._channel: PubSub | None = None
        self._committed: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._after = b"0-0"
        self._applied = -1  # number of the last batch seen; -1: none, so everything must be read

    async def changes(self, at_us: int) -> Changes:
        """Read the counters, and what changed since the last call.

        Raises:
            redis.RedisError: The store does not answer.
        """
        async with self.redis.pipeline(transaction=True) as transaction:
            ask_counters(transaction)
            transaction.xread({keys.STREAM: self._after})
            *counted, entries = await transaction.execute()
        waited = _stream_entries(entries)
        names, complete = self._advance(waited)
        if complete:
            producers = await self._read_producers(sorted(names))
        else:  # first look, or the stream was cut before what was seen: read all
            everything = await read_hash(self.redis, keys.PRODUCERS)
            producers = {name.decode(): keys.unpack_producer(state) for name, state in everything.items()}
            self._applied = max(self._applied, 0)
        await self.listen()
        return Changes(counters_of(counted, at_us), producers, self._traces(waited), len(waited))

    async def listen(self) -> None:
        """Hear which commits the ingests told since the last call.

        Raises:
            redis.RedisError: The store does not answer.
        """
        try:
            if self._channel is None:
                self._channel = self.redis.pubsub(ignore_subscribe_messages=True)
                await self._channel.subscribe(keys.COMMITTED)
            while (message := await self._channel.get_message(timeout=0)) is not None:
                for identity, committed_us in keys.unpack_committed(message["data"]):
                    self._committed[identity] = committed_us
        except (redis.RedisError, OSError):
            await self._hang_up()  # without retries of its own, redis-py's would stay cut for good
            raise
        while len(self._committed) > COMMITS_KEPT:
            self._committed.popitem(last=False)

    def _traces(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Trace]:
        found = []
        for _, fields in entries:
            for trace in decode_traces(fields.get(b"traces", b"[]")):
                committed_us = self._committed.pop(trace.identity, None)
                if committed_us is not None:
                    _put_before_last(trace, committed_us)
                trace.passed("applied", int(fields[b"at_us"]))
                found.append(trace)
        return found

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._hang_up()
        await self.redis.aclose()

    def start_over(self) -> None:
        """Read everything with the next look (the store may have lost its memory)."""
        self._after, self._applied = b"0-0", -1

    def _advance(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> tuple[set[str], bool]:
        names: set[str] = set()
        complete = self._applied >= 0
        for entry_id, fields in entries:
            number = int(fields[b"batch"])
            complete = complete and number == self._applied + 1
            self._after, self._applied = entry_id, number
            names.update(keys.unpack_names(fields[b"producers"]))
        return names, complete

    async def _read_producers(self, names: list[str]) -> dict[str, keys.StoredProducer]:
        if not names:
            return {}
        states = cast(list[bytes | None], await self.redis.hmget(keys.PRODUCERS, names))
        return {name: keys.unpack_producer(state) for name, state in zip(names, states, strict=True) if state}

    async def report(self, process: ProcessView, at_us: int) -> None:
        """Tell what this process uses."""
        await self.redis.hset(keys.PROCESSES, process.name, keys.pack_process(process, at_us))


def _put_before_last(trace: Trace, committed_us: int) -> None:
    """Redis answers ingest and worker in the same moment: where the worker heard first, it was committed by then."""
    dequeued_us = trace.hops[-1][1]
    trace.hops.insert(-1, ("committed", min(committed_us, dequeued_us)))


def _stream_entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of the one stream asked for (`[[name, entries]]`, or nothing)."""
    return reply[0][1] if reply else []
