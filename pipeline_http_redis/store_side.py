"""What stands behind pipeline A's ingest: group commit into Redis, reports of what was counted, answers out of Redis.

Not here: the transport before it. `server.py` puts HTTP there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import redis

from lab_runtime.logs import get_logger
from lab_runtime.ops import metrics_text
from lab_runtime.process import SelfMeter, end_with, now_us
from metrics_core.errors import Unavailable
from metrics_core.histogram import Histogram
from metrics_core.sink import Refusals, Sink
from metrics_core.windows_view import windows_view
from pipeline_http_redis.batcher import Batcher
from pipeline_http_redis.config import Config
from pipeline_http_redis.store.counters import read_counters
from pipeline_http_redis.store.intake import Intake
from pipeline_http_redis.store.ledger import read_ledger, read_producers
from pipeline_http_redis.store.whereabouts import Looker

REPORT_EVERY_S: Final = 0.25
GIVE_UP_AFTER_S: Final = 2.0
"""How long after a request to stop what is in hand may wait for Redis; then it is answered 503 instead of cut off."""

LAST_REPORT_WITHIN_S: Final = 0.5
"""A stop has an end, also while Redis stands still."""
_log = get_logger("store_side")


class StoreSide:
    """The store as an ingest process sees it; see `lab_runtime.behind.Behind`.

    Args:
        config: Of this process.
        counts: What the transport refused, cumulative.
        accepted: Cumulative histogram of the clock *accepted* where the transport counts it; None: it is counted when
            a commit returns.
    """

    def __init__(self, config: Config, counts: Refusals, accepted: Histogram | None = None) -> None:
        self._run = config.run
        self.intake = Intake(config.redis_url)
        self._looker = Looker(self.intake.redis)
        self._batcher = Batcher(self.intake, config.backlog_capacity, now_us)
        self.sink: Sink = self._batcher
        self.counts = counts
        self._accepted = self._batcher.accepted if accepted is None else accepted
        self._most_gathered = config.max_in_flight
        self._told = {"rejected": 0, "refused": 0}
        self._told_accepted = Histogram()
        self._meter = SelfMeter(config.name)

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Commit and report; at the end hand over the last counts."""
        tasks = (self._batcher.run(), self._report_for_ever(), self._give_up_after(stop))
        background = [asyncio.create_task(task) for task in tasks]
        for task in background:
            end_with(task, stop)
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            with suppress(redis.RedisError, OSError):  # TimeoutError is one
                async with asyncio.timeout(LAST_REPORT_WITHIN_S):
                    await self._report()
            await self.intake.redis.aclose()

    async def _give_up_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(GIVE_UP_AFTER_S)
        self._batcher.give_up()

    async def _report_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            with suppress(redis.RedisError, OSError):  # counted on; told with the next report
                self._batcher.note_memory(*await self.intake.memory())
                await self._report()

    async def _report(self) -> None:
        counted = {"rejected": self.counts.rejected, "refused": self.counts.refused}
        accepted = self._accepted.copy()
        grown = {name: n - self._told[name] for name, n in counted.items() if n > self._told[name]}
        gathered = (self._batcher.uncommitted_batches, self._most_gathered)
        told = accepted.minus(self._told_accepted)
        await self.intake.report(grown, told, self._meter.observe(), gathered, now_us())
        self._told, self._told_accepted = counted, accepted

    async def ledger(self) -> dict[str, Any]:
        """Totals and identities processed."""
        with _asked():
            totals, producers = await read_ledger(self.intake.redis)
        return {"pipeline": "http_redis", "run": self._run, "totals": totals, "producers": producers}

    async def histograms(self) -> dict[str, Any]:
        """Both clocks, cumulative."""
        with _asked():
            changes = await read_counters(self.intake.redis, now_us())
        return {
            "pipeline": "http_redis",
            "accepted": changes.accepted.as_pairs(),
            "processed": changes.processed.as_pairs(),
        }

    async def windows(self) -> dict[str, Any]:
        """Newest samples and windows, as they are kept."""
        with _asked():
            stored = await read_producers(self.intake.redis)
        return windows_view(
            "http_redis", {name: (part.last_sample(), part.windows) for name, part in stored.items()}
        )

    async def whereabouts(self) -> dict[str, Any]:
        """Where the samples are that are not in the aggregates, by identity."""
        with _asked():
            found = await self._looker.look()
        return {"pipeline": "http_redis", "run": self._run} | found.as_dict()

    async def failing(self) -> dict[str, str]:
        """Whether Redis answers."""
        try:
            await self.intake.redis.ping()
        except (redis.RedisError, OSError) as error:
            return {"failing": "redis", "detail": type(error).__name__}
        return {}

    async def metrics(self) -> bytes:
        """Prometheus text."""
        with _asked():
            changes = await read_counters(self.intake.redis, now_us())
        gauges = {"backlog_jobs": changes.waiting, "batches_gathering": self._batcher.waiting_batches}
        latencies = {"accepted": changes.accepted, "processed": changes.processed}
        return metrics_text("http_redis", changes.totals, gauges, latencies)


@contextmanager
def _asked() -> Iterator[None]:
    """Redis's own errors become `Unavailable`."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        _log.warning("store_away", error=type(error).__name__)
        raise Unavailable("Redis does not answer") from error
