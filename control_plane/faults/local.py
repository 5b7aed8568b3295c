"""The fault engine of a lab under `up`, and its keeper: in the supervisor's process, the one no fault is aimed at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from control_plane.client import LabClient
from control_plane.controls.keeper import LabKeeper
from control_plane.controls.turned import Turned, knob_turners
from control_plane.events import EventLog
from control_plane.faults.background import Background
from control_plane.faults.dashboards import DashboardFaults
from control_plane.faults.door import StoreDoor
from control_plane.faults.engine import FaultEngine
from control_plane.faults.fleet import FleetFaults
from control_plane.faults.jobs import JobsView
from control_plane.faults.network import NetworkFaults
from control_plane.faults.processes import ProcessFaults
from control_plane.faults.recovery import LabRecovery
from control_plane.faults.socket import listening
from control_plane.faults.store import StoreFaults
from control_plane.plan import Plan
from control_plane.readiness import Prober
from control_plane.settings import Settings
from control_plane.supervisor import Supervisor
from lab_runtime.process import now_us

_CLOSE_WITHIN_S = 0.5


@asynccontextmanager
async def running_faults(
    settings: Settings, plan: Plan, supervisor: Supervisor, events: EventLog, prober: Prober
) -> AsyncIterator[FaultEngine]:
    """The engine of one lab and the socket on which it is asked; all faults are undone when it is left.

    Raises:
        LabError: The socket cannot be had.
    """
    door = StoreDoor(plan.redis_url, plan.redis_socket)
    jobs = JobsView(door)
    async with LabClient(settings.urls, settings.token) as client, Background(events) as background:
        turned = Turned(knob_turners(client, settings.urls, settings.token), events, background)
        supervisor.watchers.append(turned.watch)
        keeper = LabKeeper(settings, plan, supervisor, door, events, turned)
        network = NetworkFaults(settings.urls, client, supervisor, door, background)
        actuators = (
            ProcessFaults(supervisor, jobs),
            StoreFaults(supervisor, door, settings.run_dir / "store", jobs, background),
            network,
            DashboardFaults(settings.urls, settings.token, background),
            FleetFaults(client, lambda: turned.servers(settings.servers), supervisor, background),
        )
        recovery = LabRecovery(supervisor, prober, client, jobs, settings.servers * settings.rate)
        try:
            async with (
                FaultEngine(actuators, recovery, events, now_us) as engine,
                listening(engine, plan.faults_socket, keeper),
            ):
                yield engine
        finally:
            with anyio.move_on_after(_CLOSE_WITHIN_S, shield=True):
                await network.close()
