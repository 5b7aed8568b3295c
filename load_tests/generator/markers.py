"""What happened to the lab's processes while a run was measured: markers on its time series.

Read from the event file that the supervisor of a running lab keeps (one JSON object a line). A pipeline that was
started for the run has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from load_tests.runs.schema import Event

MOST: Final = 100
_MOST_BYTES: Final = 4 * 1024 * 1024
_BEFORE_S: Final = 1.0


class _Line(Struct):
    """The parts of an event that are needed here."""

    at_us: int
    process: str
    text: str


def markers(file: str, start_us: int, seconds: float) -> list[Event]:
    """The events of a stretch of time, oldest first, at most `MOST`.

    Args:
        file: The lab's event file; empty, or missing: there are none.
        start_us: Start of the measured part, µs since 1970.
        seconds: Its length.
    """
    if not file:
        return []
    try:
        with Path(file).open("rb") as lines:
            lines.seek(max(0, lines.seek(0, 2) - _MOST_BYTES))
            found = [event for line in lines if (event := _decoded(line))]
    except OSError:
        return []
    at_s = [((event.at_us - start_us) / 1e6, event) for event in found]
    inside = [(at, event) for at, event in at_s if -_BEFORE_S <= at <= seconds]
    return [Event(round(at, 3), f"{event.process}: {event.text}") for at, event in inside[:MOST]]


def _decoded(line: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError:
        return None  # a line that is being written, or was cut
