"""The files of a run: written so that a crash leaves the old one or the new one, read so that none can do harm.

Role: bytes between memory and one folder, and the first look at what they are (kind, schema).
Invariants: a file under its final name is whole (written beside it, synced, renamed); nothing is read that is not a
plain file inside its bound, so a pipe, a link or a file of 2 GB costs one line and no memory.
Not here: what is in the files (`folder.py`) and whether it is consistent (`checks.py`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from load_tests.runs.schema import SCHEMA
from metrics_core.errors import LabError

Kind = Literal["run", "comparison"]

MAIN_FILE: Final[dict[Kind, str]] = {"run": "run.json", "comparison": "comparison.json"}
"""The file that is written last and makes a folder a run or a comparison."""

_MB: Final = 1 << 20
BOUNDS: Final = {
    "run.json": 16 * _MB,
    "histograms.json": 4 * _MB,
    "series.json": 64 * _MB,
    "ledger.json": 64 * _MB,
    "checksums.json": _MB,
    "comparison.json": 16 * _MB,
}
"""Largest size in bytes that is written or read. A day of series with 20 processes is about 30 MB."""

_FULL: Final = {
    errno.ENOSPC: "no room",
    errno.EDQUOT: "this user has no room left (quota)",
    errno.EFBIG: "files may not grow so large (ulimit -f)",
}
_LONGEST_SHOWN: Final = 400
_T = TypeVar("_T")


class RunUnreadable(LabError):
    """A run or comparison on disk cannot be used; the text names the file, what is wrong and what to do."""


class RunNotWritten(LabError):
    """A run or comparison could not be written; the text says how much room it needs."""


class _PlanHeader(Struct):
    arm: str = ""


class Header(Struct):
    """What can be known of a `run.json` or `comparison.json` of any schema.

    Attributes:
        kind: `run` or `comparison`; anything else is not ours.
        schema: Its version.
        started_at_us: For the order of a list.
        plan: The arm of a run.
    """

    kind: str
    schema: int
    started_at_us: int = 0
    plan: _PlanHeader = msgspec.field(default_factory=_PlanHeader)


def shown(text: Path | str) -> str:
    """A path or foreign text as part of one line on a terminal: no control characters, and not endless."""
    line = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return (
        line
        if len(line) <= _LONGEST_SHOWN
        else f"{line[: _LONGEST_SHOWN // 2]}…{line[-_LONGEST_SHOWN // 2 :]}"
    )


def size_text(count: float) -> str:
    """A number of bytes for people: `12 kB`, `3.4 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


# -- reading ----------------------------------------------------------------------------------------------------------


def read_file(folder: Path, name: str) -> bytes:
    """One file of a run, whole.

    Raises:
        RunUnreadable: It is not there, not a plain file, over its bound, or not ours to read.
    """
    path = folder / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise RunUnreadable(f"{shown(path)} is not a plain file; a run consists of plain files")
            content = b""
            if about.st_size <= BOUNDS[name]:
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    content = file.read(BOUNDS[name] + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunUnreadable(_unreadable(folder, name, error)) from error
    if (size := max(about.st_size, len(content))) > BOUNDS[name]:
        limit = size_text(BOUNDS[name])
        raise RunUnreadable(
            f"{shown(path)} has {size_text(size)}, more than the {limit} that this file may have"
        )
    return content


def _unreadable(folder: Path, name: str, error: OSError) -> str:
    path = shown(folder / name)
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; a run holds its own files, so copy what it points to"
    if error.errno == errno.EACCES:
        return f"{path} may not be read by this user; give it back with `chmod u+r` or ask its owner"
    if error.errno == errno.ENOTDIR:
        return f"{shown(folder)} is a file, not the folder of a run (a file of `runs export` goes to `runs import`)"
    if error.errno != errno.ENOENT:
        return f"{path} cannot be read: {error.strerror}"
    if not folder.exists():
        return f"there is no folder {shown(folder)}; `python3 lab.py runs` lists the runs that there are"
    if name in MAIN_FILE.values():
        return f"{shown(folder)} has no {name}: it is not a run, or was not finished (that file comes last)"
    return f"{shown(folder)} has no {name}: it was not copied whole, or a file was removed"


def decode(content: bytes, wanted: type[_T], path: Path | str) -> _T:
    """JSON to a type, checked against it.

    Raises:
        RunUnreadable: It is empty, cut off, damaged, or something else than wanted; the text names the field.
    """
    where = shown(path)
    if not content:
        raise RunUnreadable(f"{where} is empty; take the run from a copy or measure again")
    try:
        return msgspec.json.decode(content, type=wanted)
    except msgspec.ValidationError as error:
        raise RunUnreadable(f"{where} does not hold what it should: {shown(str(error))}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        cut = "truncated" in str(error)
        what = f"is cut off after {size_text(len(content))}" if cut else "is damaged (not valid JSON)"
        raise RunUnreadable(f"{where} {what}; take the run from a copy or measure again") from error


def decode_header(content: bytes, kind: Kind | None, path: Path | str) -> Header:
    """The kind and schema of a main file, checked.

    Args:
        content: Of the file.
        kind: What is wanted; None: either.
        path: For the error.

    Raises:
        RunUnreadable: It is not JSON, not ours, of another kind, or of a schema that this lab does not read.
    """
    where = shown(path)
    try:
        header = decode(content, Header, path)
    except RunUnreadable as error:
        if not isinstance(error.__cause__, msgspec.ValidationError):
            raise
        raise RunUnreadable(f"{where} is JSON, but not a {kind or 'run'} of this lab") from error
    if header.kind not in MAIN_FILE:
        raise RunUnreadable(f"{where} is JSON, but not a {kind or 'run'} of this lab")
    if header.schema > SCHEMA:
        raise RunUnreadable(
            f"{where} was made by a newer lab: schema {header.schema}, this one reads {SCHEMA}; update this lab"
        )
    if header.schema < SCHEMA:
        raise RunUnreadable(
            f"{where} was made by an older lab: schema {header.schema}, this one reads {SCHEMA}; "
            "measure again, or read it with the lab that made it (its revision is in the file)"
        )
    if kind and header.kind != kind:
        raise RunUnreadable(f"{where} is a {header.kind}, not a {kind}")
    return header


# -- writing ----------------------------------------------------------------------------------------------------------


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files in the order given, each one whole or not at all.

    Raises:
        RunNotWritten: No room, no permission, or a file over its bound. What was written before is kept; nothing
            temporary stays.
    """
    for name, content in files.items():
        if len(content) > BOUNDS[name]:
            raise RunNotWritten(
                f"{name} would have {size_text(len(content))}, more than the {size_text(BOUNDS[name])} that it may "
                f"have, so nothing was written to {shown(folder)}; make the run shorter or its producers fewer"
            )
    needed = sum(map(len, files.values()))
    try:
        for name, content in files.items():
            write_file(folder / name, content)
        sync_folder(folder)
    except OSError as error:
        raise RunNotWritten(not_written(folder, error, needed)) from error


def write_file(path: Path, content: bytes) -> None:
    """Write one file beside its place, sync it, and put it in its place.

    Raises:
        OSError: The system's; nothing temporary stays.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def not_written(folder: Path, error: OSError, needed: int) -> str:
    """Why something of `needed` bytes could not be written below `folder`, and what to do."""
    where = shown(folder)
    if error.errno in _FULL:
        said, left = _FULL[error.errno], ""
        with contextlib.suppress(OSError):
            left = (
                f", {size_text(shutil.disk_usage(folder).free)} are free"
                if error.errno == errno.ENOSPC
                else ""
            )
        return f"{said} in {where}: {size_text(needed)} are needed{left}; what was there is kept"
    if error.errno == errno.ENOENT:
        return f"there is no folder {where}; was it removed meanwhile?"
    return f"{where} cannot be written: {error.strerror}; choose another folder with --results"


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last over a power cut.

    Raises:
        OSError: The system's.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
