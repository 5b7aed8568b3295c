"""Faults on the lab's own processes, by signals. The supervisor starts again what ends.

`kill-mid-batch` needs the moment in which a worker holds a batch: it is stopped (SIGSTOP), and while it stands still
the store is asked what it holds; if nothing, it goes on and is stopped again a few milliseconds later.
"""

from __future__ import annotations

import random
import signal
from typing import Final

import anyio

from control_plane.child import Child
from control_plane.faults.actuators import Undo
from control_plane.faults.catalog import ANY_WORKER
from control_plane.faults.jobs import JobsView
from control_plane.supervisor import Supervisor
from metrics_core.errors import LabError

LOOKS_FOR_S: Final = 6.0
_STEP_S: Final = (0.0005, 0.006)
"""Between two looks at a worker: random, so as not to keep in step with it. A job takes 1 to 3 ms."""


class ProcessFaults:
    """Signals to the supervisor's children.

    Args:
        supervisor: Whose children.
        jobs: To see what a worker holds.
    """

    kinds = frozenset({"kill", "kill-mid-batch", "pause", "restart"})

    def __init__(self, supervisor: Supervisor, jobs: JobsView) -> None:
        self._supervisor = supervisor
        self._jobs = jobs
        self._random = random.Random(1)

    def targets(self, kind: str) -> list[str]:
        """Every child; for `kill-mid-batch` the workers."""
        names = [child.name for child in self._supervisor.children]
        if kind != "kill-mid-batch":
            return names
        workers = [name for name in names if name.startswith(f"{ANY_WORKER}-")]
        return [*workers, ANY_WORKER] if workers else []

    def why_not(self, kind: str) -> str:
        """Where there is no worker, none can be ended."""
        return "" if self.targets(kind) else "the lab was started without workers (--workers 0)"

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Signal a process.

        Raises:
            LabError: It does not run, or holds no batch.
        """
        if kind == "kill-mid-batch":
            await self._kill_mid_batch(target)
            return None
        child = self._running(target)
        if kind == "pause":
            return self._pause(child)
        self._supervisor.hurry(child.name)
        if kind == "kill":
            child.signal(signal.SIGKILL)
        else:
            child.signal(signal.SIGTERM)
            child.signal(signal.SIGCONT)  # else a paused one would not hear
        return None

    def _running(self, name: str) -> Child:
        child = self._supervisor.child(name)
        if child.record.state not in ("ready", "starting"):
            raise LabError(f"{name} does not run at the moment")
        return child

    def _pause(self, child: Child) -> Undo:
        child.signal(signal.SIGSTOP)

        async def go_on() -> None:
            child.signal(signal.SIGCONT)

        return go_on

    async def _kill_mid_batch(self, target: str) -> None:
        names = self.targets("kill-mid-batch")[:-1] if target == ANY_WORKER else [target]
        workers = [self._running(name) for name in names]
        with anyio.move_on_after(LOOKS_FOR_S):
            while True:
                for worker in workers:
                    job_id = await self._kill_if_busy(worker)
                    if job_id:
                        self._jobs.watch("kill-mid-batch", target, {job_id})
                        return
                    await anyio.sleep(self._random.uniform(*_STEP_S))
        raise LabError(
            f"{target} held no batch within {LOOKS_FOR_S:g} s; send more samples (--servers, --rate)"
        )

    async def _kill_if_busy(self, worker: Child) -> str | None:
        worker.signal(signal.SIGSTOP)
        try:
            job_id = await self._jobs.held_by(worker.name)
            if job_id:
                self._supervisor.hurry(worker.name)
                worker.signal(signal.SIGKILL)
            return job_id
        finally:
            worker.signal(signal.SIGCONT)
