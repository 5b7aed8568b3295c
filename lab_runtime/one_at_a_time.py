"""An answer that costs much, worked out once for all who ask at the same time.

A ledger of 10,000 producers takes a tenth of a second to read and to write down; fifty clients that ask for it at once,
or one that asks fifty times without reading, would stop the ingest for seconds and open fifty connections to Redis.
Here one answer is worked out at a time, and after each the process rests from it for `RESTS` times as long, so that
those who ask never get more than a tenth of it. Who asks meanwhile shares the *next*: an answer must not be older than
its question, for audits compare what several processes say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

RESTS: Final = 9.0
MOST_REST_S: Final = 0.5
"""However long an answer took, the next question waits no longer than this for its turn."""


class OneAtATime(Generic[T]):
    """Calls `ask` for whoever calls this, never twice at the same time.

    Args:
        ask: Works the answer out. What it raises goes to all who share the answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None
        self._rested_at_s = 0.0

    async def __call__(self) -> T:
        """The answer as it is now, or a moment later."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)  # one who goes away must not take the answer from the others

    async def _after(self, before: asyncio.Task[T] | None) -> T:
        if before:
            await asyncio.wait({before})
        now_s = asyncio.get_running_loop().time
        if (rest_s := self._rested_at_s - now_s()) > 0:
            await asyncio.sleep(rest_s)
        self._running, self._next = self._next, None
        begun_s = now_s()
        try:
            return await self._ask()
        finally:
            self._rested_at_s = now_s() + min(RESTS * (now_s() - begun_s), MOST_REST_S)


def _seen(done: asyncio.Task[T]) -> None:
    """All who asked may have gone before it failed; that is nobody's error."""
    if not done.cancelled():
        done.exception()
