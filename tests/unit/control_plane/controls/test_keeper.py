"""The keeper of a lab in containers, and what any keeper tells. That under `up` is tested with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.controls.keeper import InsideKeeper
from control_plane.controls.refusals import NotAvailable
from control_plane.events import EventLog, read_events


async def test_in_containers_it_says_how_else(tmp_path: Path) -> None:
    keeper = InsideKeeper(EventLog(tmp_path, lambda: 5, lambda _: None), {"workers": 2, "fsync": "always"})
    kept = await keeper.kept()
    assert kept.values == {"workers": 2, "fsync": "always"}
    assert "--scale worker=N" in kept.why_not["workers"]
    for knob in ("workers", "fsync", "batch"):
        with pytest.raises(NotAvailable):
            await keeper.keep(knob, 1)


async def test_it_tells_controls_and_markers_and_nothing_else(tmp_path: Path) -> None:
    keeper = InsideKeeper(EventLog(tmp_path, lambda: 5, lambda _: None), {})
    told = await keeper.tell("marker", "lab", "here")
    assert told == {"id": 1, "at_us": 5, "kind": "marker", "process": "lab", "text": "here"}
    await keeper.tell("control", "lab", "workers 2 → 3")
    with pytest.raises(NotAvailable, match="crashed"):
        await keeper.tell("crashed", "redis", "a lie")
    assert [event.kind for event in read_events(tmp_path, 0)] == ["marker", "control"]
