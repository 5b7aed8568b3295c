"""The engine with actors that only note what they are told, on a virtual clock.

Long because: the engine has one scene, and every rule of its life is played on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from control_plane.events import Event, EventLog
from control_plane.faults import engine as engine_module
from control_plane.faults.actuators import FaultActive, FaultFailed, FaultRefused, Undo, UnknownFault
from control_plane.faults.catalog import Request
from control_plane.faults.engine import KEPT, MOST_ACTIVE, WELL_WITHIN_S, FaultEngine
from metrics_core.errors import LabError
from tests.support.virtual_time import run_virtually, settle


class Actor:
    """Does `pause`, `kill` and `delay` on a, b and c, and notes when."""

    kinds = frozenset({"pause", "kill", "delay"})

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: Exception | None = None
        self.undo_fails: Exception | None = None
        self.takes_s = self.undo_takes_s = 0.0

    def targets(self, kind: str) -> list[str]:
        return ["a", "b", "c"] if kind != "delay" else []

    def why_not(self, kind: str) -> str:
        return "there is no link" if kind == "delay" else ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        await anyio.sleep(self.takes_s)
        if self.fails:
            raise self.fails
        self.done.append(f"{kind} {target}")

        async def undo() -> None:
            await anyio.sleep(self.undo_takes_s)
            self.done.append(f"undo {kind} {target}")
            if self.undo_fails:
                raise self.undo_fails

        return None if kind == "kill" else undo


class Healer:
    """Says that all is well `after_s` seconds after it was asked; None: never."""

    def __init__(self) -> None:
        self.after_s: float | None = 2.0

    async def before(self, kind: str, target: str) -> object:
        return f"before {kind}"

    async def until_well(self, kind: str, target: str, before: object) -> None:
        assert before == f"before {kind}"
        if self.after_s is None:
            await anyio.sleep_forever()
        else:
            await anyio.sleep(self.after_s)


class Scene:
    """An engine, and all around it."""

    def __init__(self, folder: Path) -> None:
        self.actor, self.healer, self.heard = Actor(), Healer(), list[Event]()
        self._folder = folder

    def now_us(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e6)

    def play(self, act: Callable[[FaultEngine], Awaitable[None]]) -> None:
        async def main() -> None:
            events = EventLog(self._folder, self.now_us, self.heard.append)
            async with FaultEngine([self.actor], self.healer, events, self.now_us) as engine:
                await act(engine)

        run_virtually(main())

    def told(self, *kinds: str) -> list[str]:
        return [event.text for event in self.heard if event.kind in kinds]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def newest(engine: FaultEngine) -> dict[str, Any]:
    fault: dict[str, Any] = (await engine.listing())["faults"][-1]
    return fault


def test_a_fault_begins_ends_when_its_time_is_up_and_is_well_again(scene: Scene) -> None:
    async def act(engine: FaultEngine) -> None:
        found = await engine.begin(Request("pause", "a", for_s=5), "cli")
        assert found == {
            "id": 1,
            "kind": "pause",
            "target": "a",
            "grade": None,
            "for_s": 5,
            "state": "active",
            "began_us": 0,
            "hidden": False,
            "by": "cli",
            "text": "pause on a, for 5 s",
            "ended_us": None,
            "recovered_s": None,
        }
        await anyio.sleep(4.9)
        assert (await newest(engine))["state"] == "active"
        await anyio.sleep(0.2)
        assert (await newest(engine))["ended_us"] == 5_000_000
        await anyio.sleep(5)
        over = await newest(engine)
        assert (over["state"], over["recovered_s"]) == ("over", 2.0)

    scene.play(act)
    assert scene.actor.done == ["pause a", "undo pause a"]
    assert [(event.kind, event.process, event.at_us) for event in scene.heard] == [
        ("fault", "a", 0),
        ("fault_over", "a", 5_000_000),
        ("recovered", "a", 7_000_000),
    ]


def test_the_catalogue_says_what_is_not_available_and_why(scene: Scene) -> None:
    async def act(engine: FaultEngine) -> None:
        catalog = {entry["kind"]: entry for entry in (await engine.listing())["catalog"]}
        assert len(catalog) == 18
        assert catalog["pause"]["available"]
        assert catalog["pause"]["targets"] == ["a", "b", "c"]
        assert catalog["delay"]["why_not"] == "there is no link"
        assert not catalog["cut"]["available"]
        for kind in ("delay", "cut"):
            with pytest.raises(FaultRefused, match="is not available here: th"):
                await engine.begin(Request(kind, "a"), "cli")
        assert (await engine.listing())["faults"] == []

    scene.play(act)


def test_one_that_is_over_at_once_can_come_again_at_once(scene: Scene) -> None:
    async def act(engine: FaultEngine) -> None:
        for _ in range(2):
            assert (await engine.begin(Request("kill", "a"), "cli"))["state"] == "over"
        await anyio.sleep(3)

    scene.play(act)
    assert scene.actor.done == ["kill a", "kill a"]
    assert [event.kind for event in scene.heard] == ["fault", "fault", "recovered", "recovered"]


def test_the_same_fault_on_the_same_target_is_refused_while_it_is_active(scene: Scene) -> None:
    scene.actor.takes_s = 1.0

    async def act(engine: FaultEngine) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(engine.begin, Request("pause", "a", for_s=10), "cli")
            await settle()
            with pytest.raises(FaultActive, match="pause on a is active already"):
                await engine.begin(Request("pause", "a"), "cli")  # the first is only about to begin
        with pytest.raises(FaultActive):
            await engine.begin(Request("pause", "a"), "cli")
        await engine.begin(Request("pause", "b", for_s=0), "cli")
        await anyio.sleep(20)
        await engine.begin(Request("pause", "a"), "cli")

    scene.play(act)
    assert scene.actor.done.count("pause a") == 2


def test_undo_once_whoever_asks(scene: Scene) -> None:
    scene.actor.undo_takes_s = 1.0

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("pause", "a", for_s=0), "cli")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(engine.undo, 1)
        assert (await engine.undo(1))["state"] == "over"

    scene.play(act)
    assert scene.actor.done == ["pause a", "undo pause a"]
    assert len(scene.told("fault_over")) == 1


def test_undo_goes_on_when_who_asked_goes_away(scene: Scene) -> None:
    scene.actor.undo_takes_s = 1.0

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("pause", "a", for_s=0), "cli")
        with anyio.move_on_after(0.5):
            await engine.undo(1)
        await anyio.sleep(1)
        assert (await newest(engine))["ended_us"] == 1_000_000

    scene.play(act)


def test_all_are_undone_together_and_when_the_lab_stops(scene: Scene) -> None:
    scene.actor.undo_takes_s = 1.0

    async def act(engine: FaultEngine) -> None:
        for target in "abc":
            await engine.begin(Request("pause", target), "cli")
        before = anyio.current_time()
        assert {fault["state"] for fault in (await engine.undo_all())["faults"]} == {"over"}
        assert anyio.current_time() - before == pytest.approx(1.0)
        await engine.begin(Request("pause", "b", for_s=0), "cli")

    scene.play(act)
    assert scene.actor.done[-2:] == ["pause b", "undo pause b"]


def test_a_stop_does_not_wait_for_an_undo_that_hangs(scene: Scene) -> None:
    scene.actor.undo_takes_s = 1_000.0
    stopped_at: list[int] = []

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("pause", "a", for_s=0), "cli")

    async def main() -> None:
        events = EventLog(scene._folder, scene.now_us, scene.heard.append)
        async with FaultEngine([scene.actor], scene.healer, events, scene.now_us) as engine:
            await act(engine)
        stopped_at.append(scene.now_us())

    run_virtually(main())
    assert stopped_at == [int(engine_module.UNDO_AT_STOP_WITHIN_S * 1e6)]


@pytest.mark.parametrize("hangs", [False, True])
def test_a_fault_that_does_not_take_place_is_recorded_with_the_reason(scene: Scene, hangs: bool) -> None:
    if hangs:
        scene.actor.takes_s = 1_000.0
    else:
        scene.actor.fails = LabError("it is not there")

    async def act(engine: FaultEngine) -> None:
        reason = "not within 8 s" if hangs else "it is not there"
        with pytest.raises(FaultFailed, match=f"did not take place: {reason}") as failed:
            await engine.begin(Request("pause", "a"), "cli")
        assert failed.value.status == 502
        found = await newest(engine)
        assert (found["state"], found["text"].endswith(reason)) == ("failed", True)
        scene.actor.fails, scene.actor.takes_s = None, 0.0
        await engine.begin(Request("pause", "a"), "cli")  # nothing is left of the attempt

    scene.play(act)
    assert scene.told("fault") == ["pause on a, for 10 s"]


def test_an_undo_that_fails_is_told_and_the_fault_is_over(scene: Scene) -> None:
    scene.actor.undo_fails = LabError("it fell")

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("pause", "a"), "cli")
        assert (await engine.undo(1))["state"] == "over"

    scene.play(act)
    assert scene.told("warning") == ["pause on a, for 10 s: its undo failed: it fell"]


def test_a_slip_in_an_actor_does_not_end_the_lab(scene: Scene) -> None:
    scene.actor.undo_fails = ZeroDivisionError("slip")

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("pause", "a", for_s=1), "cli")
        await anyio.sleep(5)
        assert (await newest(engine))["state"] == "over"

    scene.play(act)
    assert scene.told("warning") == ["the fault engine slipped: ZeroDivisionError: slip"]


def test_one_that_is_never_well_again_is_told(scene: Scene) -> None:
    scene.healer.after_s = None

    async def act(engine: FaultEngine) -> None:
        await engine.begin(Request("kill", "a"), "cli")
        await anyio.sleep(WELL_WITHIN_S + 1)
        assert (await newest(engine))["recovered_s"] is None

    scene.play(act)
    assert scene.told("warning") == ["not well again 120 s after kill on a"]


def test_a_hidden_fault_is_secret_until_it_is_revealed(scene: Scene) -> None:
    async def act(engine: FaultEngine) -> None:
        found = await engine.begin(Request("pause", "b", for_s=3, hidden=True), "scenario")
        assert (found["kind"], found["target"], found["for_s"], found["text"]) == (
            "?",
            "?",
            None,
            "hidden fault 1",
        )
        await anyio.sleep(10)
        assert "pause" not in str(await newest(engine))
        assert not any(
            word in f"{event.process} {event.text}" for event in scene.heard for word in ("pause", "b,")
        )
        assert {event.process for event in scene.heard} == {"lab"}
        found = await engine.reveal(1)
        assert (found["kind"], found["target"], found["text"]) == ("pause", "b", "pause on b, for 3 s")
        await engine.reveal(1)

    scene.play(act)
    assert scene.told("fault") == ["hidden fault 1", "hidden fault 1 was: pause on b, for 3 s"]


def test_a_hidden_fault_that_fails_does_not_say_what_it_was(scene: Scene) -> None:
    scene.actor.fails = LabError("b is not there")

    async def act(engine: FaultEngine) -> None:
        with pytest.raises(FaultFailed, match="a hidden fault did not take place") as failed:
            await engine.begin(Request("pause", "b", hidden=True), "cli")
        assert "b is" not in str(failed.value)
        assert "pause" not in str(await newest(engine))

    scene.play(act)


def test_memory_and_the_number_of_active_faults_are_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"t{number}" for number in range(MOST_ACTIVE + 1)]
    monkeypatch.setattr(scene.actor, "targets", lambda kind: many)

    async def act(engine: FaultEngine) -> None:
        for _ in range(KEPT + 5):
            await engine.begin(Request("kill", "t0"), "cli")
        faults = (await engine.listing())["faults"]
        assert [fault["id"] for fault in faults] == list(range(6, KEPT + 6))
        with pytest.raises(UnknownFault):
            await engine.undo(5)
        for target in many[:-1]:
            await engine.begin(Request("pause", target, for_s=0), "cli")
        with pytest.raises(FaultActive, match="50 faults are active"):
            await engine.begin(Request("pause", many[-1]), "cli")
        for _ in range(KEPT):
            await engine.begin(Request("kill", "t0"), "cli")
        faults = (await engine.listing())["faults"]
        assert len(faults) == KEPT
        assert [fault["state"] for fault in faults].count("active") == MOST_ACTIVE
        assert (await engine.undo(KEPT + 6))["state"] == "over"  # the first of those that are active

    scene.play(act)
