"""What the supervisor tells: on the terminal, in `.lab/<run>/events.jsonl`, and through `/api/events`.

Bounded: the file keeps the newest events, and is rewritten when it has grown to twice that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

FILE_NAME: Final = "events.jsonl"
KEPT: Final = 1_000

KINDS: Final = (
    "ready", "crashed", "restarted", "warning", "stopping", "stopped", "fault", "fault_over", "recovered",
    "control", "marker", "phone",
)  # fmt: skip


class Event(Struct, frozen=True):
    """One thing that happened to a process.

    Attributes:
        id: Counts from 1 within the run.
        at_us: When, µs since 1970.
        kind: One of `KINDS`.
        process: Its name; `lab` for the whole; of a fault or a control, what it acts on.
        text: The same for people.
    """

    id: int
    at_us: int
    kind: str
    process: str
    text: str


class EventLog:
    """Numbers, keeps and passes on events."""

    def __init__(self, folder: Path, now_us: Callable[[], int], listener: Callable[[Event], None]) -> None:
        self._path = folder / FILE_NAME
        self._now_us = now_us
        self._listener = listener
        self._last_id = 0
        self._kept: deque[Event] = deque(maxlen=KEPT)

    def add(self, kind: str, process: str, text: str) -> Event:
        """Record an event; a full disk costs the record, not the lab."""
        self._last_id += 1
        event = Event(self._last_id, self._now_us(), kind, process, text)
        self._kept.append(event)
        try:
            if self._last_id % KEPT == 0:
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(b"".join(msgspec.json.encode(kept) + b"\n" for kept in self._kept))
                fresh.replace(self._path)
            else:
                with self._path.open("ab") as file:
                    file.write(msgspec.json.encode(event) + b"\n")
        except OSError as error:
            if kind != "warning":
                self.add("warning", "lab", f"events are no longer recorded: {error.strerror}")
        self._listener(event)
        return event


def read_events(folder: Path, after: int) -> list[Event]:
    """The events of a run with an id above `after`, at most the newest `KEPT`; none where there is no such run."""
    try:
        lines = (folder / FILE_NAME).read_bytes().splitlines()
    except OSError:
        return []
    events = []
    for line in lines[-KEPT:]:
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.DecodeError:
            continue  # a line that is being written
        if event.id > after:
            events.append(event)
    return events
