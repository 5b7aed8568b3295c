"""A fan-out's view of the store: what changed since its last look."""

from __future__ import annotations

from typing import Any, cast

from metrics_core.snapshot import ProcessView
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.connection import connect
from pipeline_http_redis.store.counters import Counters, ask_counters, counters_of, read_hash


class Feed:
    """Holds a place in the stream and nothing else."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self._after = b"0-0"
        self._applied = -1  # number of the last batch seen; -1: none, so everything must be read

    async def changes(self, at_us: int) -> tuple[Counters, dict[str, keys.StoredProducer]]:
        """Read the counters, and the producers that changed since the last call.

        Raises:
            redis.RedisError: The store does not answer.
        """
        async with self.redis.pipeline(transaction=True) as transaction:
            ask_counters(transaction)
            transaction.xread({keys.STREAM: self._after})
            *counted, entries = await transaction.execute()
        names, complete = self._advance(_stream_entries(entries))
        if complete:
            producers = await self._read_producers(sorted(names))
        else:  # first look, or the stream was cut before what was seen: read all
            everything = await read_hash(self.redis, keys.PRODUCERS)
            producers = {name.decode(): keys.unpack_producer(state) for name, state in everything.items()}
            self._applied = max(self._applied, 0)
        return counters_of(counted, at_us), producers

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


def _stream_entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of the one stream asked for (`[[name, entries]]`, or nothing)."""
    return reply[0][1] if reply else []
