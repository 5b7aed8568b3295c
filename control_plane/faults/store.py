"""Faults on the store: no memory, no disk, and batches that no worker can decode.

`out-of-memory` and `disk-full` are put again on each process that the supervisor starts meanwhile. `disk-full` limits
the size of the running server's files (RLIMIT_FSIZE). With `appendfsync always` the server ends at the first write that
fails, is started again, ends again … until the limit is gone: so one sees what a full disk does, without filling one.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from redis.exceptions import RedisError

from control_plane.child import Child
from control_plane.faults.actuators import Undo
from control_plane.faults.background import Background
from control_plane.faults.door import StoreDoor
from control_plane.faults.jobs import JobsView
from control_plane.plan import STORE
from control_plane.supervisor import Supervisor
from lab_runtime.logs import get_logger
from metrics_core.errors import LabError

POISON: Final = b"\xff a batch that no worker can decode"
_UNLIMITED: Final = -1  # RLIM_INFINITY
_log = get_logger("faults")


class StoreFaults:
    """What can be done to the embedded Valkey, and to pipeline A's queue in any store.

    Args:
        supervisor: Keeps the store.
        door: The way to it.
        data_dir: Where its append-only file is.
        jobs: Where poisoned batches are remembered.
        background: For what has to wait for the store.
    """

    kinds = frozenset({"out-of-memory", "disk-full", "poison-batch"})

    def __init__(
        self,
        supervisor: Supervisor,
        door: StoreDoor,
        data_dir: Path,
        jobs: JobsView,
        background: Background,
    ) -> None:
        self._supervisor = supervisor
        self._door = door
        self._data_dir = data_dir
        self._jobs = jobs
        self._background = background
        self._limits: dict[str, float] = {}
        supervisor.watchers.append(self._put_again)

    def targets(self, kind: str) -> list[str]:
        """The store, or pipeline A."""
        return ["http_redis"] if kind == "poison-batch" else [STORE]

    def why_not(self, kind: str) -> str:
        """A store that the lab did not start is not broken."""
        if kind == "poison-batch":
            return ""
        if self._door.socket is None:
            return "the store is your own (LAB_REDIS_URL); the lab breaks only what it started"
        if kind == "disk-full" and not hasattr(psutil.Process, "rlimit"):
            return "needs Linux: elsewhere a running process's limits cannot be set"
        return ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Break it.

        Raises:
            LabError: The store does not run, or does not answer.
        """
        amount = grade or 0.0
        if kind == "poison-batch":
            await self._poison(int(amount), target)
            return None
        if kind == "out-of-memory":
            await limit_memory(self._door, amount)
        else:
            self._limit_files(self._supervisor.child(STORE), amount)
        self._limits[kind] = amount
        return self._unlimit_memory if kind == "out-of-memory" else self._unlimit_files

    async def _unlimit_memory(self) -> None:
        self._limits.pop("out-of-memory", None)
        try:
            await unlimit_memory(self._door)
        except LabError:
            # Away: it comes back without a limit. Or paused: told as soon as it can hear.
            self._background.start(self._unlimit_when_it_answers)

    async def _unlimit_when_it_answers(self) -> None:
        async with self._door.connect(within_s=600) as client:
            if "out-of-memory" not in self._limits:
                await client.config_set("maxmemory", 0)

    async def _unlimit_files(self) -> None:
        self._limits.pop("disk-full", None)
        child = self._supervisor.child(STORE)
        if child.record.state in ("ready", "starting"):  # else the next one starts without a limit
            with suppress(psutil.NoSuchProcess):
                _set_limit(child.record.pid, _UNLIMITED)
        self._supervisor.hurry(STORE)

    def _put_again(self, child: Child) -> None:
        """The supervisor started the store anew (or it got ready) while its faults last."""
        if child.name != STORE:
            return
        if "disk-full" in self._limits and child.record.state == "starting":
            try:
                self._limit_files(child, self._limits["disk-full"])
            except LabError as error:
                _log.warning("limit_not_put", detail=str(error))  # it ended already, and starts again
        if "out-of-memory" in self._limits and child.record.state == "ready":
            self._background.start(self._limit_memory_again)

    async def _limit_memory_again(self) -> None:
        if "out-of-memory" in self._limits:
            await limit_memory(self._door, self._limits["out-of-memory"])

    def _limit_files(self, child: Child, free_bytes: float) -> None:
        if child.record.state not in ("ready", "starting"):
            raise LabError(f"{STORE} does not run at the moment")
        try:
            _set_limit(child.record.pid, largest_file(self._data_dir) + int(free_bytes))
        except psutil.Error as error:
            raise LabError(f"{STORE}: its limits cannot be set ({error})") from None

    async def _poison(self, n: int, target: str) -> None:
        from pipeline_http_redis.store.intake import Intake

        job_ids = {f"poison{uuid.uuid4().hex}" for _ in range(n)}
        intake = Intake(self._door.url)
        try:
            for job_id in job_ids:
                await intake.commit(job_id, POISON, 1)
        except (RedisError, OSError) as error:
            raise LabError(f"the store does not take it ({type(error).__name__}: {error})") from None
        finally:
            await intake.redis.aclose()
        self._jobs.watch("poison-batch", target, job_ids)


async def limit_memory(door: StoreDoor, free_bytes: float) -> None:
    """Let the store take only so much more.

    Raises:
        LabError: It does not answer, or refuses.
    """
    async with door.connect() as client:
        used = int((await client.info("memory"))["used_memory"])
        await client.config_set("maxmemory", max(1, used + int(free_bytes)))


async def unlimit_memory(door: StoreDoor) -> None:
    """Let the store take what it wants again.

    Raises:
        LabError: It does not answer, or refuses.
    """
    async with door.connect() as client:
        await client.config_set("maxmemory", 0)


def largest_file(folder: Path) -> int:
    """The size of the largest file in a folder and its subfolders, in bytes; 0 where there is none."""
    sizes = [0]
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else 0)
        except OSError:
            continue  # removed meanwhile: an append-only file that was rewritten
    return max(sizes)


def _set_limit(pid: int, most_bytes: int) -> None:
    """Limit how large a process may make its files (soft limit), without touching its hard limit."""
    process = psutil.Process(pid)
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (most_bytes, hard))
