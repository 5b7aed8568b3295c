"""The keeper of a lab in containers, and what any keeper tells. That under `up` is tested with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.controls.keeper import InsideKeeper
from control_plane.controls.refusals import NotAvailable
from control_plane.controls.turned import Turned
from control_plane.events import EventLog, read_events
from control_plane.faults.background import Background


async def test_in_containers_it_says_how_else(tmp_path: Path) -> None:
    events = EventLog(tmp_path, lambda: 5, lambda _: None)
    turned = Turned({}, events, Background(events))
    keeper = InsideKeeper(events, {"workers": 2, "fsync": "always"}, turned)
    kept = await keeper.kept()
    assert kept.values == {"workers": 2, "fsync": "always"}
    assert "--scale worker=N" in kept.why_not["workers"]
    for knob in ("workers", "fsync", "batch"):
        with pytest.raises(NotAvailable):
            await keeper.keep(knob, 1)
    await keeper.remember({"servers": 7})
    assert turned.servers(50) == 7
    with pytest.raises(NotAvailable, match="workers"):
        await keeper.remember({"servers": 9, "workers": 1})
    assert turned.servers(50) == 7, "all or none"


async def test_it_tells_controls_and_markers_and_nothing_else(tmp_path: Path) -> None:
    events = EventLog(tmp_path, lambda: 5, lambda _: None)
    keeper = InsideKeeper(events, {}, Turned({}, events, Background(events)))
    told = await keeper.tell("marker", "lab", "here")
    assert told == {"id": 1, "at_us": 5, "kind": "marker", "process": "lab", "text": "here"}
    await keeper.tell("control", "lab", "workers 2 → 3")
    with pytest.raises(NotAvailable, match="crashed"):
        await keeper.tell("crashed", "redis", "a lie")
    assert [event.kind for event in read_events(tmp_path, 0)] == ["marker", "control"]
