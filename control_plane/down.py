"""`down`: stop the lab of this folder, or what a crashed one left, and say what was stopped."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import psutil

from control_plane.state import AlreadyRuns, LabRecord, end_orphans, exclusive, find, read_record, wait_ended
from control_plane.terminal import Terminal

STOPS_WITHIN_S: Final = 30.0


def down(state_dir: Path, terminal: Terminal) -> int:
    """Stop every lab whose state is in `state_dir` or in a folder of it (`check` keeps its own there).

    Returns:
        The exit code: 0, whether there was something to stop or not.
    """
    stopped = [name for folder in _state_folders(state_dir) for name in _stop(folder, terminal)]
    terminal.say(f"stopped: {', '.join(stopped)}" if stopped else "nothing runs here")
    return 0


def _state_folders(state_dir: Path) -> list[Path]:
    return [folder for folder in (state_dir, *sorted(state_dir.glob("*/"))) if read_record(folder)]


def _stop(folder: Path, terminal: Terminal) -> list[str]:
    record = read_record(folder)
    supervisor = find(record.supervisor) if record else None
    if record and supervisor:
        terminal.say(f"stopping the lab at {record.urls['dashboard']}")
        return _stop_supervisor(supervisor, record) + _orphans(folder)
    return _orphans(folder)


def _stop_supervisor(supervisor: psutil.Process, record: LabRecord) -> list[str]:
    os.kill(supervisor.pid, signal.SIGTERM)
    alive = wait_ended([supervisor], STOPS_WITHIN_S)
    for process in alive:
        process.kill()
    wait_ended(alive, STOPS_WITHIN_S)
    return [process.name for process in record.processes]


def _orphans(folder: Path) -> list[str]:
    try:
        with exclusive(folder):
            return end_orphans(folder)
    except AlreadyRuns:  # another one was started in the meantime
        return []
