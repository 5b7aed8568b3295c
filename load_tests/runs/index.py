"""The index of a results folder: one row per run and comparison in `index.sqlite`, so that a list is quick.

It is a cache and nothing else: the folders are the truth. Each row carries a stamp of its folder's files (sizes, times)
and a sum of itself; where the stamp or the sum does not fit, the folder is read again. An index that is missing,
damaged or of another version is made anew; where it cannot be written (a read-only disk, another user's folder) the
rows are made in memory. Two processes at once wait for each other, `BUSY_S` at most; then too memory serves.
Not here: what a run is (`folder.py`) and how a list looks (`summary.py`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from load_tests.runs.figures import BY_KEY, HEADLINE
from load_tests.runs.files import MAIN_FILE, Kind, RunUnreadable
from load_tests.runs.folder import BLOCKS, RUN_FILES, SavedComparison, SavedRun, read
from load_tests.runs.names import RESULTS, kind_of, run_folders
from load_tests.runs.schema import SCHEMA, Run, Status

INDEX: Final = "index.sqlite"
BUSY_S: Final = 5.0
VERSION: Final = 1000 * SCHEMA + 1
"""Of the table below and of what is put into it; an index of another one is thrown away."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,    -- the folder's name
    kind TEXT, started_at_us INTEGER, arms TEXT, status TEXT, rate_per_s REAL, duration_s REAL, batch INTEGER,
    machine TEXT, revision TEXT, seed INTEGER, figures TEXT, lost INTEGER,
    stamp TEXT,             -- of the folder's files when it was read
    sum TEXT                -- of this row
)"""
_COLUMNS: Final = (
    "id", "kind", "started_at_us", "arms", "status", "rate_per_s", "duration_s", "batch", "machine", "revision", "seed",
    "figures", "lost", "stamp", "sum",
)  # fmt: skip
_SELECT: Final = " ".join(("SELECT", ", ".join(_COLUMNS), "FROM runs"))
_INSERT: Final = f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608

_Cells = tuple[str | int | float, ...]


class Entry(Struct, frozen=True):
    """One line of the list.

    Attributes:
        id: Name of the folder.
        arms: One of a run; of a comparison, the baseline first.
        rate_per_s, duration_s, batch, machine, revision: Of the run; of a comparison's first block.
        figures: Headline figures of a run by key, in their units; what was not measured is left out.
        lost: Samples; of a comparison, over all blocks.
        path: The folder.
    """

    id: str
    kind: Kind
    started_at_us: int
    arms: list[str]
    status: Status
    rate_per_s: float
    duration_s: float
    batch: int
    machine: str
    revision: str
    seed: int
    figures: dict[str, float]
    lost: int
    path: str


class Listing(Struct, frozen=True):
    """What is in a results folder: runs and comparisons, newest first, and a sentence for each that cannot be used."""

    entries: list[Entry]
    problems: list[str]


def list_runs(results: Path = RESULTS) -> Listing:
    """Everything in the results folder; the index is brought up to date.

    Raises:
        RunUnreadable: The results folder itself may not be read.
    """
    folders = {folder.name: folder for folder in run_folders(results)}
    if not folders and not (results / INDEX).exists():
        return Listing([], [])
    for attempt in ("as it is", "made anew"):
        try:
            with _opened(results / INDEX) as connection:
                return _refresh(connection, folders)
        except sqlite3.OperationalError:
            break  # may not be written, or is in use for too long
        except sqlite3.DatabaseError:
            if attempt == "as it is":
                _throw_away(results / INDEX)
    with _opened(None) as connection:
        return _refresh(connection, folders)


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[sqlite3.Connection]:
    """A connection inside one transaction that no other process can come into; None: in memory."""
    connection = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            connection.execute("DROP TABLE IF EXISTS runs")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(_TABLE)
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()  # without COMMIT: as it was


def _throw_away(path: Path) -> None:
    """Remove a damaged index, and its journal, which would damage the next one."""
    for each in (path, path.with_name(f"{path.name}-journal")):
        with contextlib.suppress(OSError):
            each.unlink(missing_ok=True)


def _refresh(connection: sqlite3.Connection, folders: dict[str, Path]) -> Listing:
    """Read what is new or changed, forget what is gone."""
    known: dict[str, tuple[str, Entry]] = {}
    for cells in connection.execute(_SELECT).fetchall():
        if cells[0] in folders and (found := _entry(cells, folders[cells[0]])):
            known[cells[0]] = (cells[-2], found)
        else:
            connection.execute("DELETE FROM runs WHERE id IS ?", (cells[0],))
    entries, problems = [], []
    for name, folder in folders.items():
        stamp = _stamp(folder)
        if name in known and known[name][0] == stamp:
            entries.append(known[name][1])
            continue
        try:
            entry = entry_of(read(folder))
        except RunUnreadable as error:
            problems.append(str(error))
            connection.execute("DELETE FROM runs WHERE id IS ?", (name,))
            continue
        entries.append(entry)
        connection.execute(_INSERT, _cells(entry, stamp))
    return Listing(sorted(entries, key=lambda each: (each.started_at_us, each.id), reverse=True), problems)


# -- rows -------------------------------------------------------------------------------------------------------------


def entry_of(saved: SavedRun | SavedComparison) -> Entry:
    """The line of a run or comparison."""
    if isinstance(saved, SavedRun):
        run = saved.run
        return _line(
            saved.path,
            "run",
            run,
            [run.plan.arm],
            run.status,
            run.started_at_us,
            run.plan.seed,
            run.counts.lost,
        )
    comparison = saved.comparison
    blocks = [*saved.noise, *(run for runs in saved.blocks.values() for run in runs)]
    lost = sum(block.run.counts.lost for block in blocks)
    first = next((block.run for block in blocks), None)
    status, started = comparison.status, comparison.started_at_us
    return _line(saved.path, "comparison", first, comparison.arms, status, started, comparison.seed, lost)


def _line(
    path: Path,
    kind: Kind,
    run: Run | None,
    arms: list[str],
    status: Status,
    started: int,
    seed: int,
    lost: int,
) -> Entry:
    plan = run.plan if run else None
    figures: dict[str, float] = {}
    if run and kind == "run":
        values = {key: BY_KEY[key].of(run) for key in HEADLINE}
        figures = {key: value for key, value in values.items() if value is not None}
    return Entry(
        path.name, kind, started, arms, status,
        plan.rate_per_s if plan else 0.0, plan.duration_s if plan else 0.0, plan.batch if plan else 0,
        run.machine.id if run else "", run.setup.revision if run else "", seed, figures, lost, str(path),
    )  # fmt: skip


def _cells(entry: Entry, stamp: str) -> _Cells:
    lists = {
        "arms": msgspec.json.encode(entry.arms).decode(),
        "figures": msgspec.json.encode(entry.figures).decode(),
    }
    values = msgspec.structs.asdict(entry) | lists | {"stamp": stamp}
    cells = tuple(values[column] for column in _COLUMNS[:-1])
    return (*cells, _sum(cells))


def _entry(cells: _Cells, folder: Path) -> Entry | None:
    """The line of a row; None where the row is not as it was written."""
    if cells[-1] != _sum(cells[:-1]):
        return None
    values = dict(zip(_COLUMNS, cells, strict=True))
    try:
        lists = {name: msgspec.json.decode(str(values[name])) for name in ("arms", "figures")}
        return msgspec.convert(values | lists | {"path": str(folder)}, Entry)
    except msgspec.MsgspecError:
        return None


def _sum(cells: _Cells) -> str:
    return sha256(repr(cells).encode()).hexdigest()


def _stamp(folder: Path) -> str:
    """Changes when a file of the run does: sizes and times of all files that are read."""
    try:
        kind = kind_of(folder)
        blocks = sorted(each for each in (folder / BLOCKS).iterdir()) if kind == "comparison" else []
    except (RunUnreadable, OSError):
        blocks = []
    marks = []
    for place in (folder, *blocks):
        for name in (*RUN_FILES, MAIN_FILE["comparison"]):
            with contextlib.suppress(OSError):
                about = (place / name).lstat()
                marks.append((place.name, name, about.st_size, about.st_mtime_ns, about.st_ino))
    return sha256(repr(marks).encode()).hexdigest()
