"""Runs and comparisons as folders: writing and reading them whole, or not at all.

Besides the files that `schema.py` lists, a folder holds `checksums.json`, {file: SHA-256}: of the four files of a run,
or of `comparison.json` and each block's `run.json`. A digit that flipped on a disk is still good JSON; only the sum
tells. It also tells a run that was edited by hand, or written over halfway.

Order of writing: everything else, `checksums.json`, the main file. So a folder with a main file is whole.
Reading checks: links, sizes, kind and schema, sums, types (msgspec), and whether the parts agree (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from load_tests.runs.checks import Contradiction, check_comparison, check_run, histogram_of
from load_tests.runs.files import (
    MAIN_FILE,
    RunNotWritten,
    RunUnreadable,
    decode,
    decode_header,
    read_file,
    shown,
    write_files,
)
from load_tests.runs.names import NAME, RESULTS, create, kind_of, new_id, resolve
from load_tests.runs.schema import Comparison, Intervals, Run, Series
from metrics_core.histogram import Histogram

__all__ = [
    "RESULTS", "RunNotWritten", "RunUnreadable", "SavedComparison", "SavedRun", "create", "new_id",
    "read", "read_comparison", "read_run", "resolve", "write_comparison", "write_run",
]  # fmt: skip

CHECKSUMS: Final = "checksums.json"
BLOCKS: Final = "blocks"
RUN_FILES: Final = ("histograms.json", "series.json", "ledger.json", CHECKSUMS, MAIN_FILE["run"])
"""In the order of writing."""

MOST_BLOCKS: Final = 1000
_Files = Mapping[str, bytes]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run with all its parts; `histograms` in µs, by the names in `HISTOGRAMS`; `path` is its folder."""

    path: Path
    run: Run
    histograms: dict[str, Histogram]
    series: Series
    ledger: dict[str, Intervals]


@dataclass(frozen=True, slots=True)
class SavedComparison:
    """A comparison with its blocks by arm and its A/A blocks, in the order in which they ran."""

    path: Path
    comparison: Comparison
    blocks: dict[str, list[SavedRun]]
    noise: list[SavedRun]


# -- runs -------------------------------------------------------------------------------------------------------------


def write_run(
    folder: Path,
    run: Run,
    histograms: Mapping[str, Histogram],
    series: Series,
    ledger: Mapping[str, Intervals],
) -> None:
    """Write a run into its folder (`create`); what was measured is kept even where it does not add up.

    Raises:
        RunNotWritten: No room or no permission; files written so far are kept, nothing temporary stays.
        RunUnreadable: The parts contradict each other, or nothing was measured: they are on disk, but are no run.
    """
    files = {
        "histograms.json": msgspec.json.encode({name: each.as_pairs() for name, each in histograms.items()}),
        "series.json": msgspec.json.encode(series),
        "ledger.json": msgspec.json.encode(ledger),
    }
    _write(folder, files, MAIN_FILE["run"], _readable(run))
    _agree(folder, lambda: check_run(run, histograms, series, ledger))


def read_run(path: Path) -> SavedRun:
    """Read a run and check all of it.

    Raises:
        RunUnreadable: One sentence: which file, what is wrong, what to do.
    """
    main = read_file(path, MAIN_FILE["run"])
    decode_header(main, "run", path / MAIN_FILE["run"])
    return parse_run(
        path, {name: read_file(path, name) for name in RUN_FILES[:-1]} | {MAIN_FILE["run"]: main}
    )


def parse_run(path: Path, files: _Files) -> SavedRun:
    """`read_run` of files that are in memory; `path` is where they are from.

    Raises:
        RunUnreadable: As `read_run`.
    """
    name = MAIN_FILE["run"]
    decode_header(files[name], "run", path / name)
    # Typed decoding first: of a file that was cut off, its own error says more than a sum.
    run = decode(files[name], Run, path / name)
    pairs = decode(files["histograms.json"], dict[str, list[tuple[int, int]]], path / "histograms.json")
    series = decode(files["series.json"], Series, path / "series.json")
    ledger = decode(files["ledger.json"], dict[str, Intervals], path / "ledger.json")
    _check_sums(path, files, RUN_FILES[:3] + RUN_FILES[4:])

    def parts() -> dict[str, Histogram]:
        histograms = {name: histogram_of(each, name) for name, each in pairs.items()}
        check_run(run, histograms, series, ledger)
        return histograms

    return SavedRun(path, run, _agree(path, parts), series, ledger)


# -- comparisons ------------------------------------------------------------------------------------------------------


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write `comparison.json` beside blocks that are written already; again after a block was written again.

    Raises:
        RunNotWritten: No room or no permission.
        RunUnreadable: A block is missing, or the comparison contradicts itself (it is on disk then, but unreadable).
    """
    blocks = {
        f"{BLOCKS}/{name}/{MAIN_FILE['run']}": read_file(block_folder(folder, name), MAIN_FILE["run"])
        for name in _block_names(folder, comparison)
    }
    _write(folder, {}, MAIN_FILE["comparison"], _readable(comparison), blocks)
    _agree(folder, lambda: check_comparison(comparison))


def read_comparison(path: Path) -> SavedComparison:
    """Read a comparison and all its blocks, and check all of it.

    Raises:
        RunUnreadable: One sentence: which file, what is wrong, what to do.
    """
    return parse_comparison(path, read_files(path, "comparison"))


def parse_comparison(path: Path, files: _Files) -> SavedComparison:
    """`read_comparison` of files that are in memory.

    Raises:
        RunUnreadable: As `read_comparison`.
    """
    comparison = _decode_comparison(path, files[MAIN_FILE["comparison"]])
    names = _block_names(path, comparison)
    wanted = {f"{BLOCKS}/{name}/{file}" for name in names for file in RUN_FILES}
    if odd := wanted ^ {name for name in files if name.startswith(f"{BLOCKS}/")}:
        said = "is missing" if min(odd) in wanted else "is in none of its lists"
        raise RunUnreadable(f"{shown(path)} is not whole: {min(odd)} {said}")
    _check_sums(
        path, files, (MAIN_FILE["comparison"], *(f"{BLOCKS}/{name}/{MAIN_FILE['run']}" for name in names))
    )
    _agree(path, lambda: check_comparison(comparison))
    runs = {
        name: parse_run(
            block_folder(path, name), {file: files[f"{BLOCKS}/{name}/{file}"] for file in RUN_FILES}
        )
        for name in names
    }
    blocks = {arm: [runs[name] for name in names] for arm, names in comparison.blocks.items()}
    return SavedComparison(path, comparison, blocks, [runs[name] for name in comparison.noise_blocks])


def block_folder(folder: Path, name: str) -> Path:
    """Folder of a block: inside the comparison, or, where it compares runs that existed, beside it."""
    inside, beside = folder / BLOCKS / name, folder.parent / name
    return beside if not inside.exists() and (beside / MAIN_FILE["run"]).exists() else inside


def _decode_comparison(path: Path, content: bytes) -> Comparison:
    where = path / MAIN_FILE["comparison"]
    decode_header(content, "comparison", where)
    return decode(content, Comparison, where)


def _block_names(path: Path, comparison: Comparison) -> list[str]:
    """Every block once, A/A blocks first; their names lead nowhere else."""
    names = [*comparison.noise_blocks, *(name for names in comparison.blocks.values() for name in names)]
    found = list(dict.fromkeys(names))
    if len(found) > MOST_BLOCKS:
        raise RunUnreadable(f"{shown(path)} has {len(found)} blocks; {MOST_BLOCKS} are the most")
    for name in found:
        if not NAME.fullmatch(name):
            raise RunUnreadable(
                f"{shown(path)} names a block {shown(name)!r}, which cannot be a folder's name"
            )
    return found


# -- both -------------------------------------------------------------------------------------------------------------


def read(path: Path) -> SavedRun | SavedComparison:
    """Read whatever is in a folder.

    Raises:
        RunUnreadable: As `read_run`; also where there is neither a run nor a comparison.
    """
    return read_run(path) if kind_of(path) == "run" else read_comparison(path)


def read_files(path: Path, kind: str) -> dict[str, bytes]:
    """All files that a run or comparison consists of (reports are none), by name; those of blocks below `blocks/`.

    Raises:
        RunUnreadable: One is missing, a link, or too large.
    """
    if kind == "run":
        return {name: read_file(path, name) for name in RUN_FILES}
    main = MAIN_FILE["comparison"]
    files = {main: read_file(path, main)}
    names = _block_names(path, _decode_comparison(path, files[main]))
    files[CHECKSUMS] = read_file(path, CHECKSUMS)
    for name in names:
        folder = block_folder(path, name)
        if folder.is_symlink() or (folder.parent.name == BLOCKS and folder.parent.is_symlink()):
            raise RunUnreadable(f"{shown(folder)} is a symbolic link; a comparison holds its own blocks")
        files |= {f"{BLOCKS}/{name}/{file}": read_file(folder, file) for file in RUN_FILES}
    return files


def _readable(value: Run | Comparison) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _write(folder: Path, files: _Files, main: str, content: bytes, elsewhere: _Files | None = None) -> None:
    """Write files, their sums (and those of files that are there already), and last the main file."""
    sums = {name: sha256(each).hexdigest() for name, each in (*files.items(), *(elsewhere or {}).items())}
    sums[main] = sha256(content).hexdigest()
    write_files(folder, {**files, CHECKSUMS: msgspec.json.encode(sums), main: content})


def _check_sums(path: Path, files: _Files, names: tuple[str, ...]) -> None:
    sums = decode(files[CHECKSUMS], dict[str, str], path / CHECKSUMS)
    for name in names:
        if sums.get(name) != sha256(files[name]).hexdigest():
            raise RunUnreadable(
                f"{shown(path / name)} is not as it was written: edited, damaged, or of another run "
                f"(see {CHECKSUMS}); take the run from a copy or measure again"
            )


def _agree(path: Path, check: Callable[[], _T]) -> _T:
    try:
        return check()
    except Contradiction as error:
        raise RunUnreadable(f"{shown(path)} has no figure that can be used: {shown(str(error))}") from error
