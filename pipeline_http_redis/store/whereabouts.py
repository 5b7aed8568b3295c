"""An auditor's view of the store: which samples wait where, and which are dead letters, by identity.

A sample moves while it is looked for: from the queue to a worker, from there into the aggregates or to the dead
letters. Hence the order, in which none can slip through:

1. which jobs are in which place, with the counters, in one script (`whereabouts.lua`);
2. the claims of these jobs. One that is gone was settled since: applied, or set aside;
3. the dead letters, which nothing leaves but the oldest;
4. by whoever compares: the marks (`ledger.py`), which nothing leaves at all.

So a sample that was committed before step 1 is in one of the four, or it is lost. One that is in two of them moved
meanwhile, and the later answer holds.

Not here: whose samples these are, and which ones are missing (`metrics_core/fates.py`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, cast

import redis.asyncio
from msgspec import Struct

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, format_ledger
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.counters import totals_of
from pipeline_http_redis.store.identities import Run, parse_run, runs_of

MOST_JOBS: Final = 2_000
"""Jobs looked at per place."""
MOST_MARK_KEYS: Final = 5_000
"""Epochs of producers whose marks are added up in the script; more would hold Redis up for over 10 ms."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of claims read by one look."""
BYTES_AT_ONCE: Final = 4 * 1024 * 1024

PLACES: Final = {1: "queued", 2: "popped", 3: "running"}
_SCRIPT: Final = (Path(__file__).parent / "whereabouts.lua").read_text()


class Whereabouts(Struct):
    """What one look found.

    Attributes:
        places: `queued`, `popped`, `running`, `dead_lettered`: identities.
        truncated: There was more waiting than one look reads.
        unnamed_dead: Dead letters whose identities are not known: unreadable, or older than those kept.
        counts: Samples by the store's counters, of one moment: `accepted`, `processed`, `duplicates`,
            `dead_lettered`; `waiting` by the jobs and `unique` by the marks of the same moment, None where there were
            too many to add up.
    """

    places: dict[str, Ledger]
    truncated: bool
    unnamed_dead: int
    counts: dict[str, int | None]

    def as_dict(self) -> dict[str, Any]:
        """The wire form, without the pipeline's name."""
        return {
            "places": {place: format_ledger(ledger) for place, ledger in self.places.items()},
            "truncated": self.truncated,
            "unnamed": {"dead_lettered": self.unnamed_dead},
            "counts": self.counts,
        }


class Looker:
    """Looks, and remembers what waiting jobs hold, so that the next look reads only what is new."""

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self._redis = connection
        self._script = connection.register_script(_SCRIPT)
        self._known: dict[str, list[Run]] = {}

    async def look(self) -> Whereabouts:
        """Where everything is now.

        Raises:
            redis.RedisError: The store does not answer.
        """
        totals, jobs, complete, unique = await self._ask()
        all_read = await self._learn([job_id for _, job_id, _ in jobs])
        places: dict[str, Ledger] = {place: {} for place in PLACES.values()}
        for place, job_id, _ in jobs:
            for run in self._known.get(job_id, []):
                _put(places[PLACES[place]], run)
        said = [samples for _, _, samples in jobs]
        countable = complete and all(samples >= 0 for samples in said)
        counts: dict[str, int | None] = {
            name: totals[name] for name in ("accepted", "processed", "duplicates", "dead_lettered")
        }
        counts |= {"waiting": sum(said) if countable else None, "unique": unique if unique >= 0 else None}
        places["dead_lettered"], unnamed = await self._dead_letters()
        return Whereabouts(places, not (complete and all_read), unnamed, counts)

    async def _ask(self) -> tuple[dict[str, int], list[tuple[int, str, int]], bool, int]:
        reply: Any = await self._script(
            keys=[keys.TOTALS, keys.QUEUE, keys.INTERMEDIATE, keys.STARTED, keys.EPOCHS],
            args=[keys.job(""), keys.claim(""), keys.MARKS, MOST_JOBS, MOST_MARK_KEYS],
        )
        told, jobs, complete, unique = reply
        totals = totals_of(dict(zip(told[::2], told[1::2], strict=True)))
        return totals, [(place, job.decode(), n) for place, job, n in jobs], bool(complete), unique

    async def _learn(self, job_ids: list[str]) -> bool:
        """Read the claims of jobs that are new, and forget those of jobs that are gone. False: there was too much."""
        self._known = {job_id: self._known[job_id] for job_id in job_ids if job_id in self._known}
        strangers = [job_id for job_id in job_ids if job_id not in self._known]
        async with self._redis.pipeline(transaction=False) as pipe:
            for job_id in strangers:
                pipe.strlen(keys.claim(job_id))
            sizes = await pipe.execute()
        left = MOST_BYTES
        group: list[str] = []
        size = 0
        for job_id, n in zip(strangers, sizes, strict=True):
            left -= n
            if left < 0:
                break
            group.append(job_id)
            size += n
            if size >= BYTES_AT_ONCE:
                await self._read(group)
                group, size = [], 0
        await self._read(group)
        return left >= 0

    async def _read(self, job_ids: list[str]) -> None:
        if not job_ids:
            return
        bodies = cast(list[bytes | None], await self._redis.mget([keys.claim(job_id) for job_id in job_ids]))
        for job_id, body in zip(job_ids, bodies, strict=True):
            if body is not None:
                self._known[job_id] = runs_of(body)
                await asyncio.sleep(0)  # a large group takes milliseconds; requests come first

    async def _dead_letters(self) -> tuple[Ledger, int]:
        async with self._redis.pipeline(transaction=True) as transaction:
            transaction.hget(keys.TOTALS, "dead_lettered")
            transaction.lrange(keys.DEAD_RUNS, 0, -1)
            counted, told = await transaction.execute()
        dead: Ledger = {}
        named = 0
        for text in told:
            run = parse_run(text)
            named += run.high - run.low + 1
            _put(dead, run)
        return dead, max(0, int(counted or 0) - named)


def _put(ledger: Ledger, run: Run) -> None:
    ledger.setdefault(run.producer, {}).setdefault(run.epoch, IntervalSet()).add(run.low, run.high)
