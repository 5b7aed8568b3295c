"""A Redis of the user's (`LAB_REDIS_URL`): does it answer, and does it keep what the lab promises?"""

from __future__ import annotations

from typing import Final

import redis.asyncio
from redis.exceptions import RedisError

from metrics_core.errors import LabError

ANSWERS_WITHIN_S: Final = 3.0


async def examine(url: str) -> str | None:
    """Ask it.

    Returns:
        A warning where it does not sync every write to disk, else None.

    Raises:
        LabError: It does not answer.
    """
    timeouts = {"socket_connect_timeout": ANSWERS_WITHIN_S, "socket_timeout": ANSWERS_WITHIN_S}
    try:
        async with redis.asyncio.from_url(url, **timeouts) as client:
            await client.ping()
            return await _durability(client)
    except (RedisError, OSError, ValueError) as error:
        raise LabError(
            f"the Redis of LAB_REDIS_URL does not answer ({type(error).__name__}: {error})"
        ) from None


async def _durability(client: redis.asyncio.Redis) -> str | None:
    try:
        config = await client.config_get("append*")
    except RedisError:  # a hosted Redis may refuse CONFIG
        return "the Redis of LAB_REDIS_URL does not tell whether it keeps every write on disk"
    if config.get("appendonly") != "yes":
        return "the Redis of LAB_REDIS_URL keeps no append-only file: a crash of it loses accepted samples"
    if config.get("appendfsync") != "always":
        return "the Redis of LAB_REDIS_URL does not sync every write: a crash of it can lose accepted samples"
    return None
