"""Looks at pipeline A's jobs in the store: which worker holds one, which are still there, how many wait."""

from __future__ import annotations

from typing import Any, Final

from control_plane.faults.door import StoreDoor

_MOST_WATCHED: Final = 1_000


class JobsView:
    """Read-only looks at RQ's keys.

    Args:
        door: The way to the store.

    Attributes:
        watched: Jobs that a fault concerns, by what it was: the part is well again when they are gone.
    """

    def __init__(self, door: StoreDoor) -> None:
        self._door = door
        self.watched: dict[tuple[str, str], set[str]] = {}

    async def held_by(self, worker: str) -> str | None:
        """A job that this worker runs now and whose batch is not applied yet, or None.

        Raises:
            LabError: The store does not answer.
        """
        from pipeline_http_redis.store import keys

        async with self._door.connect() as client:
            # Members are `<job>:<execution>`; ids hold no colon. A worker's name is the child's with a random end.
            members: Any = await client.zrange(keys.STARTED, 0, -1)
            for member in members:
                job_id: str = member.decode().partition(":")[0]
                name: Any = await client.hget(keys.job(job_id), "worker_name")
                mine = (name or b"").decode().rpartition("-")[0] == worker
                if mine and await client.exists(keys.claim(job_id)):
                    return job_id
        return None

    def watch(self, kind: str, target: str, job_ids: set[str]) -> None:
        """Remember which jobs a fault concerns."""
        self.watched[kind, target] = set(list(job_ids)[:_MOST_WATCHED])

    async def settled(self, kind: str, target: str) -> bool:
        """Whether the batches that the fault concerned are applied or set aside.

        Raises:
            LabError: The store does not answer.
        """
        from pipeline_http_redis.store import keys

        left = self.watched.get((kind, target))
        if left:
            async with self._door.connect() as client:
                for job_id in list(left):
                    if not await client.exists(keys.claim(job_id)):
                        left.discard(job_id)
        return not left

    async def waiting(self) -> int:
        """How many jobs wait, are popped, or run.

        Raises:
            LabError: The store does not answer.
        """
        from pipeline_http_redis.store import keys

        async with self._door.connect() as client, client.pipeline(transaction=False) as pipe:
            pipe.llen(keys.QUEUE)
            pipe.llen(keys.INTERMEDIATE)
            pipe.zcard(keys.STARTED)
            return sum(await pipe.execute())
