"""What can be done to the store from inside pipeline A, by Redis commands alone; and the way of orders to workers.

Workers serve no port: an order travels on RQ's own command channel, one per worker. Who listens there is alive, so
whether an order was heard, and whether a worker has ended since, is what Redis says of the channel's subscribers.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import orjson
from redis.exceptions import ConnectionError as ConnectionLost

from pipeline_http_redis.store import keys
from pipeline_http_redis.store.connection import connect
from pipeline_http_redis.store.intake import Intake

COMMAND: Final = "lab-fault"
"""The name of the lab's own command among RQ's (`shutdown`, `kill-horse`, `stop-job`)."""

_CHANNEL: Final = "rq:pubsub:"
_POISON: Final = b"\xff a batch that no worker can decode"


class Breaker:
    """Breaks the store, and reaches the workers.

    Args:
        redis_url: The store.

    Raises (from every method):
        redis.RedisError, OSError: The store does not do it, or does not answer.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._redis = connect(redis_url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    # -- the store ------------------------------------------------------------------------------------------------

    async def pause(self, for_s: float) -> None:
        """Let every command that may write wait. Not those that read: else no command could end it early."""
        await self._redis.client_pause(round(for_s * 1000), all=False)

    async def unpause(self) -> None:
        """Let them go on."""
        await self._redis.client_unpause()

    async def limit_memory(self, free_bytes: int) -> int:
        """Let the store take only so much more.

        Returns:
            The limit before, in bytes; 0: none.
        """
        before = int((await self._redis.config_get("maxmemory"))["maxmemory"] or 0)
        used = int((await self._redis.info("memory"))["used_memory"])
        await self.set_memory(max(1, used + free_bytes))
        return before

    async def set_memory(self, most_bytes: int) -> None:
        """Set the limit; 0: none."""
        await self._redis.config_set("maxmemory", most_bytes)

    async def end(self) -> None:
        """End the server without a last save. What was accepted is in its append-only file."""
        with suppress(ConnectionLost):  # that is its answer
            await self._redis.execute_command("SHUTDOWN", "NOSAVE", "NOW", "FORCE")  # type: ignore[no-untyped-call]

    async def poison(self, batches: int) -> None:
        """Queue batches that no worker can decode, each of one sample."""
        intake = Intake(self._url)
        try:
            for _ in range(batches):
                await intake.commit(f"poison{uuid4().hex}", _POISON, 1)
        finally:
            await intake.redis.aclose()

    # -- workers --------------------------------------------------------------------------------------------------

    async def workers(self) -> dict[str, str]:
        """The workers that listen now: process name to channel."""
        names = await self._redis.pubsub_channels(f"{_CHANNEL}*")
        found = {}
        for channel in sorted(name.decode() if isinstance(name, bytes) else name for name in names):
            # RQ knows a worker by its process name, a dash and eight digits.
            found[channel.removeprefix(_CHANNEL).rpartition("-")[0]] = channel
        return found

    async def tell(self, channel: str, order: dict[str, Any]) -> bool:
        """Send an order to a worker.

        Returns:
            Whether it was heard.
        """
        return bool(await self._redis.publish(channel, orjson.dumps({"command": COMMAND} | order)))

    async def listens(self, channel: str) -> bool:
        """Whether the worker of this channel lives."""
        return bool((await self._redis.pubsub_numsub(channel))[0][1])

    async def waiting(self) -> int:
        """How many jobs wait, are popped, or run."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.llen(keys.QUEUE)
            pipe.llen(keys.INTERMEDIATE)
            pipe.zcard(keys.STARTED)
            return sum(await pipe.execute())
