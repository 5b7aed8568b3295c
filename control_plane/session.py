"""One lab from start to stop, as a context: lock, orphans, ports, run folder, supervisor, `current`.

`up` and `check` are this and a body; whatever the body does, no child outlives the context.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import anyio

from control_plane import own_redis
from control_plane.child import Child
from control_plane.events import FILE_NAME, Event, EventLog
from control_plane.faults.engine import FaultEngine
from control_plane.faults.local import running_faults
from control_plane.open_files import files_needed, raise_limit
from control_plane.plan import Plan, make_plan
from control_plane.ports import free_block
from control_plane.readiness import Prober
from control_plane.settings import PORTS, Settings
from control_plane.state import (
    LabRecord,
    clear,
    end_orphans,
    exclusive,
    record_of,
    remove_old_runs,
    write_record,
)
from control_plane.supervisor import Supervisor
from lab_runtime.process import now_us
from metrics_core.errors import LabError


@dataclass(frozen=True, slots=True)
class Session:
    """A lab that runs.

    Attributes:
        settings: As it was started, with the ports that it really has.
        supervisor: Keeps its processes.
        events: What happened to them.
        redis_url: Its store.
        faults: Breaks its parts on purpose.
    """

    settings: Settings
    supervisor: Supervisor
    events: EventLog
    redis_url: str
    faults: FaultEngine


@asynccontextmanager
async def running_lab(
    wished: Settings,
    listener: Callable[[Event], None],
    on_supervisor: Callable[[Supervisor], None] | None = None,
) -> AsyncIterator[Session]:
    """Start a lab, give it when every part is ready, and stop it in reverse at the end.

    Args:
        wished: What to start; where its ports are taken, the next free block of five is used.
        listener: Hears every event.
        on_supervisor: Gets the supervisor before anything is started, so that a start can be broken off.

    Raises:
        LabError: A lab runs in this state folder already, or a part of this one cannot be started.
    """
    with exclusive(wished.state_dir):
        orphans = end_orphans(wished.state_dir)
        settings = wished.at(free_block(wished.host, wished.port_base))
        events = _open_run(settings, listener)
        remove_old_runs(settings.state_dir)
        _tell_start(events, wished, settings, orphans)
        weakness = await own_redis.examine(settings.redis_url) if settings.redis_url else None
        if weakness:
            events.add("warning", "lab", weakness)
        plan = make_plan(settings)
        async with Prober() as prober:
            supervisor, record = _supervise(settings, plan, events, prober)
            if on_supervisor:
                on_supervisor(supervisor)
            try:
                async with anyio.create_task_group() as group:
                    try:
                        await supervisor.start(group)
                        async with running_faults(settings, plan, supervisor, events, prober) as faults:
                            yield Session(settings, supervisor, events, plan.redis_url, faults)
                    finally:
                        with anyio.CancelScope(shield=True):
                            events.add("stopping", "lab", "stopping")
                            await supervisor.stop()
            except BaseExceptionGroup as failures:
                _raise_single(failures)
            finally:
                events.add("stopped", "lab", "stopped")
                clear(settings.state_dir, record)


def _open_run(settings: Settings, listener: Callable[[Event], None]) -> EventLog:
    if (settings.run_dir / FILE_NAME).exists():
        where = settings.run_dir
        raise LabError(
            f"LAB_RUN={settings.run}: there was a run of that name; remove {where} or choose another"
        )
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        (settings.run_dir / FILE_NAME).touch()
    except OSError as error:
        raise LabError(f"{settings.run_dir}: cannot keep logs there ({error.strerror})") from None
    return EventLog(settings.run_dir, now_us, listener)


def _tell_start(events: EventLog, wished: Settings, settings: Settings, orphans: list[str]) -> None:
    if orphans:
        names = ", ".join(orphans)
        events.add("warning", "lab", f"ended what an earlier lab left running: {names}")
    if settings.port_base != wished.port_base:
        asked, got = wished.port_base, settings.port_base
        text = f"ports {asked}-{asked + PORTS - 1} are not all free; using {got}-{got + PORTS - 1}"
        events.add("warning", "lab", text)
    short = raise_limit(files_needed(settings.servers))
    if short:
        events.add("warning", "lab", short)


def _supervise(
    settings: Settings, plan: Plan, events: EventLog, prober: Prober
) -> tuple[Supervisor, LabRecord]:
    record = LabRecord(
        run=settings.run,
        supervisor=record_of("lab", os.getpid(), [sys.executable]),
        host=settings.host,
        port_base=settings.port_base,
        urls=settings.urls,
        private_dir=plan.private_dir,
        faults_socket=str(plan.faults_socket),
    )
    stages = [[Child(spec, settings.run_dir) for spec in stage] for stage in plan.stages]

    def write() -> None:
        record.processes = [child.record for child in supervisor.children if child.record.pid]
        try:
            write_record(settings.state_dir, record)
        except OSError as error:
            events.add("warning", "lab", f"{settings.state_dir}/current cannot be written: {error.strerror}")

    supervisor = Supervisor(stages, events, prober, write)
    write()
    return supervisor, record


def _raise_single(failures: BaseExceptionGroup[BaseException]) -> NoReturn:
    """Raise the one failure of a group as itself; several stay a group."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    raise failure from None
