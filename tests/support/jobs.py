"""What the workers of pipeline A have in hand, as Redis knows it."""

from __future__ import annotations

from typing import Any

import redis

from pipeline_http_redis.store import keys


def popped(store: redis.Redis) -> set[str]:
    """Jobs taken from the queue and not started."""
    connection: Any = store
    return {job.decode() for job in connection.lrange(keys.INTERMEDIATE, 0, -1)}


def running(store: redis.Redis) -> set[str]:
    """Jobs started and not finished."""
    connection: Any = store
    return {entry.decode().partition(":")[0] for entry in connection.zrange(keys.STARTED, 0, -1)}
