"""Faults that the fleet does itself, with a fleet that notes what it is told or is away; on a virtual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from control_plane.client import LabUnreachable
from control_plane.events import EventLog
from control_plane.faults.background import Background
from control_plane.faults.fleet import FleetFaults
from tests.support.virtual_time import run_virtually


class Fleet:
    """Stands in for `LabClient` and for the supervisor."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.away = False
        self.servers = 0
        self.watchers: list[Callable[[Any], None]] = []

    async def call(self, method: str, part: str, path: str, body: object = None) -> dict[str, Any]:
        assert (method, part) == ("POST", "fleet")
        if self.away:
            raise LabUnreachable("fleet does not answer")
        assert isinstance(body, dict)
        self.told.append((path, body))
        return {}

    def started_again(self, name: str = "fleet", state: str = "ready") -> None:
        for watcher in self.watchers:
            watcher(SimpleNamespace(name=name, record=SimpleNamespace(state=state)))


def play(folder: Path, fleet: Fleet, act: Callable[[FleetFaults], Awaitable[None]], servers: int = 3) -> None:
    async def main() -> None:
        async with Background(EventLog(folder, lambda: 0, lambda _: None)) as background:
            await act(FleetFaults(fleet, lambda: fleet.servers or servers, fleet, background))  # type: ignore[arg-type]

    run_virtually(main())


SKEW = {"kind": "skew-clock", "target": "web-01"}


def test_targets_are_bounded(tmp_path: Path) -> None:
    async def act(faults: FleetFaults) -> None:
        assert faults.targets("reconnect-storm") == ["*"]
        assert len(faults.targets("duplicate")) == 201
        assert faults.targets("duplicate")[:3] == ["*", "web-01", "db-01"]
        assert not faults.why_not("duplicate")

    play(tmp_path, Fleet(), act, servers=5_000)

    async def none(faults: FleetFaults) -> None:
        assert "no servers now" in faults.why_not("duplicate")

    play(tmp_path, Fleet(), none, servers=0)


def test_targets_are_the_servers_of_now(tmp_path: Path) -> None:
    fleet = Fleet()

    async def act(faults: FleetFaults) -> None:
        assert faults.targets("duplicate") == ["*", "web-01", "db-01"]
        fleet.servers = 4
        assert len(faults.targets("duplicate")) == 5

    play(tmp_path, fleet, act, servers=2)


def test_a_fault_is_told_and_taken_back(tmp_path: Path) -> None:
    fleet = Fleet()

    async def act(faults: FleetFaults) -> None:
        undo = await faults.begin("skew-clock", "web-01", 3600, 10)
        assert undo is not None
        await undo()

    play(tmp_path, fleet, act)
    assert fleet.told == [("/api/faults", {**SKEW, "grade": 3600}), ("/api/faults/undo", SKEW)]


@pytest.mark.parametrize("kind", ["crash-producer", "reconnect-storm"])
def test_what_is_over_at_once_has_no_undo_and_is_not_told_again(tmp_path: Path, kind: str) -> None:
    fleet = Fleet()

    async def act(faults: FleetFaults) -> None:
        assert await faults.begin(kind, "*", None, None) is None
        fleet.started_again()
        await anyio.sleep(1)

    play(tmp_path, fleet, act)
    assert fleet.told == [("/api/faults", {"kind": kind, "target": "*"})]


def test_a_fleet_that_was_started_again_is_told_again_while_it_lasts(tmp_path: Path) -> None:
    fleet = Fleet()

    async def act(faults: FleetFaults) -> None:
        undo = await faults.begin("skew-clock", "web-01", 3600, None)
        fleet.started_again(state="starting")
        fleet.started_again(name="redis")
        await anyio.sleep(1)
        assert len(fleet.told) == 1
        fleet.started_again()
        await anyio.sleep(1)
        assert len(fleet.told) == 2
        assert undo is not None
        await undo()
        fleet.started_again()
        await anyio.sleep(1)

    play(tmp_path, fleet, act)
    assert [path for path, _ in fleet.told] == ["/api/faults", "/api/faults", "/api/faults/undo"]


def test_a_fleet_that_is_away_at_the_end_is_told_when_it_is_back(tmp_path: Path) -> None:
    fleet = Fleet()

    async def act(faults: FleetFaults) -> None:
        undo = await faults.begin("skew-clock", "web-01", 3600, None)
        fleet.away = True
        assert undo is not None
        await undo()
        await anyio.sleep(5)
        assert len(fleet.told) == 1
        fleet.away = False
        await anyio.sleep(1)

    play(tmp_path, fleet, act)
    assert fleet.told[1:] == [("/api/faults/undo", SKEW)]


def test_a_fleet_that_is_away_at_the_beginning_is_a_fault_that_does_not_take_place(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.away = True

    async def act(faults: FleetFaults) -> None:
        with pytest.raises(LabUnreachable):
            await faults.begin("skew-clock", "web-01", 3600, None)
        fleet.away = False
        fleet.started_again()
        await anyio.sleep(1)

    play(tmp_path, fleet, act)
    assert fleet.told == []
