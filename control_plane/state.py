"""What runs in a state folder: `.lab/current`, the lock of the lab that runs there, and orphans of one that crashed.

`current` is replaced at once with every change, right after a child was started, so that a later `up` or `down` can
find children that outlived their supervisor (Valkey survives its parent by design). A process is known by pid *and*
start time *and* command, never by its pid alone: pids come back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil
from msgspec import Struct

from metrics_core.errors import LabError

CURRENT: Final = "current"
LOCK: Final = "lock"
RUNS_KEPT: Final = 5
_LOOK_EVERY_S: Final = 0.05
_SAME_START_S: Final = 2.0  # psutil derives start times from the wall clock, which may be stepped


class ProcessRecord(Struct):
    """One process as `current` knows it; `state` is one of starting, ready, backoff, stopped."""

    name: str
    pid: int
    created_s: float
    command: list[str]
    state: str = "starting"
    restarts: int = 0


class LabRecord(Struct):
    """The contents of `.lab/current`."""

    run: str
    supervisor: ProcessRecord
    host: str
    port_base: int
    urls: dict[str, str]
    private_dir: str = ""
    processes: list[ProcessRecord] = msgspec.field(default_factory=list)
    faults_socket: str = ""


class AlreadyRuns(LabError):
    """A lab runs in this state folder."""

    def __init__(self, record: LabRecord | None) -> None:
        where = f" at {record.urls['dashboard']}" if record else ""
        super().__init__(f"the lab already runs in this folder{where}; stop it with `python3 lab.py down`")


def record_of(name: str, pid: int, command: list[str]) -> ProcessRecord:
    """A record of a process that was just started."""
    try:
        created_s = psutil.Process(pid).create_time()
    except psutil.Error:
        created_s = 0.0  # ended already
    return ProcessRecord(name, pid, created_s, command)


def find(record: ProcessRecord) -> psutil.Process | None:
    """The process of a record, if it still runs and is still the same one."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created_s) < _SAME_START_S
        same = same and process.status() != psutil.STATUS_ZOMBIE
        same = same and _resembles(process.cmdline(), record.command)
    except psutil.Error:
        return None
    return process if same else None


def _resembles(cmdline: list[str], command: list[str]) -> bool:
    """Whether a command line is the one started; a program may rewrite its own (Valkey appends its address)."""
    joined = " ".join(cmdline)
    return all(word in joined for word in command[1:])


def write_record(state_dir: Path, record: LabRecord) -> None:
    """Replace `current` at once."""
    fresh = state_dir / f"{CURRENT}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
    fresh.replace(state_dir / CURRENT)


def read_record(state_dir: Path) -> LabRecord | None:
    """What `current` says, or None where there is none that can be read."""
    try:
        return msgspec.json.decode((state_dir / CURRENT).read_bytes(), type=LabRecord)
    except (OSError, msgspec.DecodeError):
        return None


@contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Hold the state folder's lock; the system frees it when the holder ends, however it ends.

    Raises:
        AlreadyRuns: A living lab holds it.
        LabError: The folder cannot be written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(state_dir / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise LabError(f"{state_dir}: cannot keep logs and state there ({error.strerror})") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRuns(read_record(state_dir)) from None
        yield
    finally:
        os.close(lock)


def end_orphans(state_dir: Path, within_s: float = 5.0) -> list[str]:
    """End the processes that a crashed lab left (SIGTERM, then SIGKILL); call it with the lock held.

    Returns:
        Their names.
    """
    record = read_record(state_dir)
    if record is None:
        return []
    found = {entry.name: process for entry in record.processes if (process := find(entry))}
    for process in reversed(found.values()):  # as in an orderly stop: the fleet first, the store last
        _signal(process, kill=False)
        if wait_ended([process], within_s):
            _signal(process, kill=True)
            wait_ended([process], within_s)
    clear(state_dir, record)
    return list(found)


def wait_ended(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait until processes have ended; one that nobody reaps (a zombie) has.

    Returns:
        Those that still run after `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    while alive := [process for process in processes if not _has_ended(process)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_EVERY_S)
    return alive


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass  # ended by itself meanwhile


def clear(state_dir: Path, record: LabRecord) -> None:
    """Forget a lab that has ended."""
    if record.private_dir:
        shutil.rmtree(record.private_dir, ignore_errors=True)
    (state_dir / CURRENT).unlink(missing_ok=True)


def remove_old_runs(state_dir: Path, keep: int = RUNS_KEPT) -> None:
    """Keep the newest runs' folders only; each is known by its event file."""
    runs = sorted(state_dir.glob("*/events.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in runs[keep:]:
        shutil.rmtree(path.parent, ignore_errors=True)
