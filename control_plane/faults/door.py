"""How the engine itself reaches the store: past the proxy where one stands before it, each time by a new connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from lab_runtime import valkey
from metrics_core.errors import LabError

ANSWERS_WITHIN_S: Final = 1.0


class StoreDoor:
    """The way to the store.

    Args:
        redis_url: `LAB_REDIS_URL`.
        socket: The embedded Valkey's own socket; None: the store is somebody else's.

    Attributes:
        aside: Where the socket is while a proxy stands in its place; None: at home.
    """

    def __init__(self, redis_url: str, socket: Path | None) -> None:
        self.socket = socket
        self.aside: Path | None = None
        self._redis_url = redis_url

    @property
    def url(self) -> str:
        """Where the store is now, as a `LAB_REDIS_URL`."""
        return self._redis_url if self.socket is None else valkey.socket_url(self.aside or self.socket)

    @asynccontextmanager
    async def connect(self, within_s: float = ANSWERS_WITHIN_S) -> AsyncIterator[redis.asyncio.Redis]:
        """A connection for a few commands, each within `within_s` seconds.

        Raises:
            LabError: The store does not answer, or refuses a command.
        """
        retry = Retry(NoBackoff(), 0)
        client = redis.asyncio.Redis.from_url(
            self.url, socket_timeout=within_s, socket_connect_timeout=within_s, retry=retry
        )
        try:
            yield client
        except (RedisError, OSError) as error:
            raise LabError(f"the store does not do it ({type(error).__name__}: {error})") from None
        finally:
            await client.aclose()
