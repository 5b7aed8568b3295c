"""Markers are the lab's own events within the measured part; a damaged file costs the markers, not the run."""

from __future__ import annotations

from pathlib import Path

from control_plane.events import FILE_NAME, EventLog
from load_tests.generator.markers import MOST, markers
from load_tests.runs.schema import Event

START_US = 1_766_200_000_000_000


def recorded(folder: Path, *moments_s: float) -> str:
    """An event file of the lab's own making."""
    clock = iter(moments_s)
    log = EventLog(folder, lambda: START_US + int(next(clock) * 1e6), lambda event: None)
    for number, _ in enumerate(moments_s):
        log.add("crashed", "worker-1", f"event {number}")
    return str(folder / FILE_NAME)


def test_events_of_the_measured_part_only(tmp_path: Path) -> None:
    file = recorded(tmp_path, -5, -0.5, 2.25, 9.9, 10.1)
    assert markers(file, START_US, 10.0) == [
        Event(-0.5, "worker-1: event 1"),
        Event(2.25, "worker-1: event 2"),
        Event(9.9, "worker-1: event 3"),
    ]


def test_no_file_no_markers(tmp_path: Path) -> None:
    assert markers("", START_US, 10.0) == []
    assert markers(str(tmp_path / "missing"), START_US, 10.0) == []


def test_damaged_lines_are_left_out_and_their_number_is_bounded(tmp_path: Path) -> None:
    file = recorded(tmp_path, *[1.0] * (MOST + 20))
    with Path(file).open("ab") as lines:
        lines.write(b'\xff{"at_us": 1}\n{"at_us"')
    assert len(markers(file, START_US, 10.0)) == MOST
