"""How the lab's asyncio processes reach Redis."""

from __future__ import annotations

import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline_http_redis.store import keys


def connect(redis_url: str) -> redis.asyncio.Redis:
    """A connection pool for asyncio, without retries of its own.

    Whether a timed-out commit took place is unknown; the producer, told 503, sends the same identities again, which
    the marks make harmless. A retry in here would only hide the outage.
    """
    return redis.asyncio.Redis.from_url(
        redis_url,
        socket_timeout=keys.TIMEOUT_S,
        socket_connect_timeout=keys.TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
