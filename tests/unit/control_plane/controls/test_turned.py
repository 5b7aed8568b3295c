"""Turned knobs told again to a fleet and a pipeline B that forget them; on a virtual clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from control_plane.client import LabUnreachable
from control_plane.controls.knobs import FLEET, PIPELINE_B
from control_plane.controls.refusals import NotAvailable
from control_plane.controls.turned import LOOK_EVERY_S, PAUSE_S, TRIES, Turned
from control_plane.events import EventLog, read_events
from control_plane.faults.background import Background
from tests.support.virtual_time import run_virtually


class Parts:
    """The fleet and pipeline B, as far as their knobs go."""

    def __init__(self) -> None:
        self.stand: dict[str, dict[str, Any]] = {FLEET: {"servers": 50}, PIPELINE_B: {"ring_capacity": 512}}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.away_for = 0

    def turner(self, place: str) -> Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]:
        async def turn(values: dict[str, Any]) -> Mapping[str, Any]:
            if self.away_for > 0:
                self.away_for -= 1
                raise LabUnreachable("it does not answer")
            if values:
                self.told.append((place, values))
            self.stand[place] = self.stand[place] | values
            return self.stand[place]

        return turn


def play(
    folder: Path, parts: Parts, act: Callable[[Turned], Awaitable[None]], looks: bool = False
) -> list[tuple[str, str]]:
    """Run `act`, with somebody who looks at the parts or without; gives kind and text of the events."""
    events = EventLog(folder, lambda: 0, lambda _: None)

    async def main() -> None:
        async with Background(events) as background:
            turns = {place: parts.turner(place) for place in (FLEET, PIPELINE_B)}
            turned = Turned(turns, events, background)
            if looks:
                background.start(turned.look_for_ever)
            await act(turned)

    run_virtually(main())
    return [(event.kind, event.text) for event in read_events(folder, 0)]


def ready(turned: Turned, process: str, state: str = "ready") -> None:
    turned.watch(SimpleNamespace(name=process, record=SimpleNamespace(state=state)))  # type: ignore[arg-type]


def test_who_was_started_again_is_told_what_was_turned(tmp_path: Path) -> None:
    parts = Parts()

    async def act(turned: Turned) -> None:
        ready(turned, "fleet")  # nothing was turned: nothing is told
        turned.remember({"servers": 14, "ring_capacity": 9})
        turned.remember({"servers": 15, "batch": 5})
        for process in ("redis", "worker-1", "fleet"):
            ready(turned, process)
        ready(turned, "websocket", "starting")
        await anyio.sleep(1)
        assert parts.told == [(FLEET, {"servers": 15, "batch": 5})]
        ready(turned, "websocket")
        await anyio.sleep(1)
        assert parts.told[1:] == [(PIPELINE_B, {"ring_capacity": 9})]

    assert play(tmp_path, parts, act) == [
        ("control", "fleet was started again, and its knobs are as before: servers 15, batch 5"),
        ("control", "websocket was started again, and its knobs are as before: ring_capacity 9"),
    ]


def test_one_that_does_not_answer_yet_is_asked_again_and_told_the_newest(tmp_path: Path) -> None:
    parts = Parts()

    async def act(turned: Turned) -> None:
        turned.remember({"servers": 14})
        parts.away_for = 2
        ready(turned, "fleet")
        await anyio.sleep(1.2 * PAUSE_S)
        turned.remember({"servers": 3})
        await anyio.sleep(PAUSE_S)
        assert parts.told == [(FLEET, {"servers": 3})]

    play(tmp_path, parts, act)


def test_where_it_cannot_be_told_that_is_told(tmp_path: Path) -> None:
    parts = Parts()

    async def act(turned: Turned) -> None:
        turned.remember({"servers": 14})
        parts.away_for = 10**6
        ready(turned, "fleet")
        await anyio.sleep(TRIES * PAUSE_S + 1)

    ((kind, text),) = play(tmp_path, parts, act)
    assert (kind, text) == (
        "warning",
        "fleet was started again, and its knobs are not as before: it does not answer",
    )


def test_where_nobody_sees_starts_the_values_are_compared(tmp_path: Path) -> None:
    parts = Parts()

    async def act(turned: Turned) -> None:
        turned.remember({"servers": 14})
        parts.stand[FLEET]["servers"] = 14
        await anyio.sleep(3.1 * LOOK_EVERY_S)
        assert parts.told == []
        parts.stand[FLEET]["servers"] = 50
        await anyio.sleep(2 * LOOK_EVERY_S)
        assert parts.told == [(FLEET, {"servers": 14})]
        parts.stand[FLEET]["servers"] = 20  # somebody turns it, and it is remembered right after
        await anyio.sleep(LOOK_EVERY_S / 2 - PAUSE_S / 2)  # it was seen, and is looked at once more
        turned.remember({"servers": 20})
        await anyio.sleep(3 * LOOK_EVERY_S)
        assert len(parts.told) == 1

    play(tmp_path, parts, act, looks=True)


def test_what_the_keeper_keeps_itself_is_not_remembered(tmp_path: Path) -> None:
    async def act(turned: Turned) -> None:
        assert turned.servers(50) == 50
        with pytest.raises(NotAvailable, match="workers"):
            turned.remember({"servers": 9, "workers": 3})
        assert turned.servers(50) == 50
        turned.remember({"servers": 0})
        assert turned.servers(50) == 0

    play(tmp_path, Parts(), act)
