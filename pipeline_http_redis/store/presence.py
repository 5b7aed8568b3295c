"""When a process of pipeline A last told the store that it lives."""

from __future__ import annotations

from typing import cast

import redis

from pipeline_http_redis.store import keys


def last_sign_us(connection: redis.Redis, process_name: str) -> int | None:
    """The time of its last report; None where it never made one.

    Raises:
        redis.RedisError: The store does not answer.
    """
    packed = cast(bytes | None, connection.hget(keys.PROCESSES, process_name))
    return None if packed is None else keys.unpack_process(packed)[3]
