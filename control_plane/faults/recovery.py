"""Sees when a part of a lab under `up` is well again.

What that means depends on the fault: after a kill or a restart, that the part answers its readiness probe; after one
in the middle of a batch, and after a poisoned one, that also that batch is applied or set aside; after all others, that
no more samples wait than before: in the producers' outboxes, and as jobs of pipeline A.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import anyio

from control_plane.child import Child
from control_plane.client import LabClient
from control_plane.faults.catalog import ANY_WORKER
from control_plane.faults.jobs import JobsView
from control_plane.faults.network import FLEET_LINKS
from control_plane.plan import STORE
from control_plane.readiness import Prober
from control_plane.supervisor import Supervisor
from metrics_core.errors import LabError

LOOK_EVERY_S: Final = 0.2
_GLANCE_EVERY_S: Final = 0.02
_FIRST_LOOK_WITHIN_S: Final = 1.0
_READY_IS_ENOUGH: Final = (
    "kill",
    "restart",
    "kill-mid-batch",
    "poison-batch",
    "silent-dashboard",
    "slow-dashboard",
)
_ENDS_PROCESSES: Final = ("kill", "restart", "kill-mid-batch")
_WATCHES_JOBS: Final = ("kill-mid-batch", "poison-batch")
_WAITING: Final = re.compile(r"^lab_(http_redis|websocket)_waiting\{[^}]*\} (\S+)$", re.MULTILINE)
_FEW: Final = 5
_MANY: Final = 2**53


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: samples in outboxes and jobs of pipeline A."""

    samples: int
    jobs: int

    def is_back(self, before: Backlog, per_s: float) -> bool:
        """Whether it is what it was, within what comes and goes in a quarter of a second."""
        spare = max(_FEW, int(per_s / 4))
        return self.samples <= before.samples + spare and self.jobs <= before.jobs + _FEW


@dataclass(frozen=True, slots=True)
class Before:
    """What was, before the fault: the backlog, and the pids of the processes that it concerns."""

    backlog: Backlog
    pids: dict[str, int]


async def fleet_rate(client: LabClient, last: float) -> float:
    """Samples per second that the fleet makes now (its knobs may have been turned); `last` where it does not tell."""
    try:
        told = await client.call("GET", "fleet", "/api/fleet")
        return float(told["rate"]) * float(told["servers"])
    except (LabError, KeyError, TypeError, ValueError):
        return last


class LabRecovery:
    """Looks at the supervisor's children, the fleet's outboxes and the queue.

    Args:
        supervisor: Whose children.
        prober: Asks whether one is ready.
        client: Asks the fleet.
        jobs: Looks at the queue.
        samples_per_s: What the fleet sends at the start.
    """

    def __init__(
        self, supervisor: Supervisor, prober: Prober, client: LabClient, jobs: JobsView, samples_per_s: float
    ) -> None:
        self._supervisor = supervisor
        self._prober = prober
        self._client = client
        self._jobs = jobs
        self._per_s = samples_per_s
        self._calm = Backlog(_MANY, _MANY)
        """The least that was seen before a fault: another one's backlog is not what to go back to."""

    async def before(self, kind: str, target: str) -> object:
        """What waits (nothing, where it cannot be seen), and who runs."""
        backlog = None
        with anyio.move_on_after(_FIRST_LOOK_WITHIN_S):
            backlog = await self._look()
        if backlog:
            self._calm = Backlog(min(self._calm.samples, backlog.samples), min(self._calm.jobs, backlog.jobs))
        pids = {child.name: child.record.pid for child in self._concerned(kind, target)}
        return Before(self._calm if backlog else Backlog(0, 0), pids)

    async def until_well(self, kind: str, target: str, before: object) -> None:
        """Return when the parts that the fault concerns are ready, and nothing waits because of it."""
        assert isinstance(before, Before)
        children = self._concerned(kind, target)
        if (
            kind in _ENDS_PROCESSES
        ):  # one just signalled still says that it is ready: wait for another process
            while not any(child.record.pid != before.pids.get(child.name) for child in children):
                await anyio.sleep(_GLANCE_EVERY_S)
        while not all(child.record.state == "ready" for child in children):
            await anyio.sleep(_GLANCE_EVERY_S)
        for child in children:
            await self._prober.until_ready(child.spec.probe)
        if kind in _WATCHES_JOBS:
            while not await self._settled(kind, target):
                await anyio.sleep(LOOK_EVERY_S)
        if kind not in _READY_IS_ENOUGH:
            while not ((found := await self._look()) and found.is_back(before.backlog, self._per_s)):
                await anyio.sleep(LOOK_EVERY_S)
                self._per_s = await fleet_rate(self._client, self._per_s)

    def _concerned(self, kind: str, target: str) -> list[Child]:
        """The processes whose readiness counts; for servers, that is the fleet."""
        names = {child.name: child for child in self._supervisor.children}
        if target in names:
            return [names[target]]
        if target == ANY_WORKER:
            return [child for name, child in names.items() if name.startswith(f"{ANY_WORKER}-")]
        if kind in ("silent-dashboard", "slow-dashboard", "poison-batch"):
            return [names["fanout" if target == "http_redis" else "websocket"]]
        if target in FLEET_LINKS:
            return [names["fleet"]]
        return [names[name] for name in (STORE, "fleet") if name in names]

    async def _settled(self, kind: str, target: str) -> bool:
        try:
            return await self._jobs.settled(kind, target)
        except LabError:
            return False  # the store is away

    async def _look(self) -> Backlog | None:
        try:
            text = await self._client.text("fleet", "/metrics")
            jobs = await self._jobs.waiting()
        except LabError:
            return None
        return Backlog(int(sum(float(value) for _, value in _WAITING.findall(text))), jobs)
