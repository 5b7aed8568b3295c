"""A fleet in the test's own process, against stand-ins, and what tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from fake_servers.config import FleetConfig
from fake_servers.fleet import Fleet
from fake_servers.outbox import Outbox
from lab_runtime.env import Env
from tests.support.fleet_stand_ins import Taken
from tests.support.waiting import until_async

NOWHERE: Final = "http://127.0.0.1:9"


def config(a: str = NOWHERE, b: str = "ws://127.0.0.1:9", **changes: Any) -> FleetConfig:
    base = replace(FleetConfig.from_env(Env({})), servers=4, rate=50.0, ingest_url=a, pipeline_b_url=b)
    return replace(base, **changes)


@contextlib.asynccontextmanager
async def running(settings: FleetConfig) -> AsyncIterator[Fleet]:
    before = asyncio.all_tasks()
    fleet = Fleet(settings)
    task = asyncio.create_task(fleet.run())
    try:
        yield fleet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await until_async(
            lambda: asyncio.all_tasks() <= before, "the end of every task, the stand-ins' answers too"
        )


def outboxes(fleet: Fleet, pipeline: str) -> list[Outbox]:
    return [link.outbox for link in fleet.links(pipeline)]


def acked(fleet: Fleet, pipeline: str) -> int:
    return sum(outbox.acked.size for outbox in outboxes(fleet, pipeline))


def created(fleet: Fleet) -> int:
    return sum(producer.history.next_seq for producer in fleet.producers.values())


def check_ledger(fleet: Fleet, pipeline: str, taken: Taken) -> None:
    """Every identity was acked, and every acked identity is held by the stand-in."""
    fates = fleet.ledger()[pipeline]
    assert fates["created"] == fates["acked"] == taken.held
    assert fates["rejected"] == fates["dropped"] == {}


async def drained(fleet: Fleet) -> None:
    assert await fleet.drain() == (True, 0)
