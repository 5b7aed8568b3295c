"""Which errors of Redis mean that it is away or takes no writes now, so that nobody else is to blame."""

from __future__ import annotations

import redis

_AWAY = (redis.ConnectionError, redis.TimeoutError)  # BusyLoadingError is a ConnectionError
_NO_WRITES = (redis.OutOfMemoryError, redis.ReadOnlyError)


def is_outage(error: BaseException) -> bool:
    """Whether an error comes from the store's state (away, out of memory, disk full), not from what it was asked."""
    return isinstance(error, (*_AWAY, *_NO_WRITES, OSError)) or takes_no_writes(error)


def takes_no_writes(error: BaseException) -> bool:
    """Whether the store answers and refuses to write: `maxmemory` reached, its disk full, a replica."""
    return isinstance(error, _NO_WRITES) or (
        isinstance(error, redis.ResponseError) and "MISCONF" in str(error)
    )
