"""Names of runs: making one, making its folder, and finding what a user means by one.

A name is the folder's name, `20261120-093012-http1-a3f`: UTC time, so that names sort by age; what it is; three hex
digits against a second run in the same second. Users may give its beginning, `latest`, `latest:http1`, or a path.
Not here: what is in the folder (`folder.py`).
"""

from __future__ import annotations

import difflib
import errno
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from load_tests.runs.files import (
    MAIN_FILE,
    Kind,
    RunNotWritten,
    RunUnreadable,
    decode_header,
    read_file,
    shown,
)

RESULTS: Final = Path(__file__).resolve().parents[2] / "load_tests" / "results"
"""Where runs are kept unless a flag or an argument says otherwise."""

ARCHIVE_SUFFIX: Final = ".labrun"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=,+@-]{0,127}", re.ASCII)
"""What may be the name of a run's folder: no separator, no leading dot."""

MADE_HERE: Final = re.compile(r"\d{8}-\d{6}-", re.ASCII)
"""How a name that `new_id` made begins."""

LATEST: Final = "latest"
_LONGEST_PREFIX: Final = 60
_NEAR: Final = 3
_SHOWN_OF_MANY: Final = 4


def new_id(prefix: str, now: datetime) -> str:
    """A name for a new run or comparison.

    Args:
        prefix: Its arm, or `compare`; what a folder's name cannot hold becomes a dash.
        now: Start, with a time zone (none: local time).
    """
    kept = re.sub(r"[^A-Za-z0-9._]+", "-", prefix, flags=re.ASCII).strip("-.")[:_LONGEST_PREFIX] or "run"
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{kept}-{secrets.token_hex(2)[:3]}"


def create(results: Path, id: str) -> Path:  # noqa: A002 (the schema's word for it)
    """Make the empty folder of a new run, and the results folder where there is none.

    Raises:
        RunNotWritten: There is one of this name, or no folder can be made.
    """
    if not NAME.fullmatch(id):
        raise RunNotWritten(
            f"{shown(id)!r} cannot be a run's name: letters, digits and . _ - = , + @ can be in it"
        )
    folder = results / id
    try:
        results.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        what = f"{shown(folder)} exists already" if folder.exists() else f"{shown(results)} is not a folder"
        raise RunNotWritten(f"{what}; choose another name or --results folder") from None
    except OSError as error:
        raise RunNotWritten(
            f"{shown(results)} cannot take a new run: {error.strerror}; choose another folder with --results"
        ) from error
    return folder


def kind_of(folder: Path) -> Kind:
    """Whether a folder holds a run or a comparison.

    Raises:
        RunUnreadable: Neither.
    """
    for kind, name in MAIN_FILE.items():
        if _is_there(folder / name):
            return kind
    if not _is_there(folder):
        raise RunUnreadable(
            f"there is no folder {shown(folder)}; `python3 lab.py runs` lists the runs that there are"
        )
    if not folder.is_dir():
        raise RunUnreadable(
            f"{shown(folder)} is a file, not the folder of a run; what `runs export` made goes to `runs import`"
        )
    raise RunUnreadable(
        f"{shown(folder)} has no run.json and no comparison.json: it is not a run, or was not finished"
    )


def _is_there(path: Path) -> bool:
    """Whether there is anything of this name, a link that leads nowhere included."""
    try:
        path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
            return False
        raise RunUnreadable(f"{shown(path)} cannot be looked at: {error.strerror}") from error
    return True


def run_folders(results: Path) -> list[Path]:
    """Every folder in the results folder that could be a run, by name; links are left out, as are hidden ones.

    Raises:
        RunUnreadable: The results folder may not be read, or is none. One that is not there is empty.
    """
    try:
        found = [path for path in results.iterdir() if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunUnreadable(
            f"the results folder {shown(results)} cannot be read: {error.strerror}"
        ) from error
    return sorted(path for path in found if not path.name.startswith("."))


def resolve(name: str, results: Path = RESULTS, kind: Kind | None = None) -> Path:
    """The folder that a user means.

    Args:
        name: A name, the beginning of one, `latest`, `latest:ARM`, or a path to the folder or its main file.
        results: Where names are looked up.
        kind: What it must be; None: either.

    Raises:
        RunUnreadable: None is meant, or several; the text has near names. Or it is not of the kind.
    """
    folder = _resolve(name, results, kind)
    found = kind_of(folder)
    if kind and found != kind:
        raise RunUnreadable(f"{shown(folder)} is a {found}, not a {kind}")
    return folder


def _resolve(name: str, results: Path, kind: Kind | None) -> Path:
    word, _, arm = name.partition(":")
    if word == LATEST:
        return _latest(arm, results, kind)
    folders = {path.name: path for path in run_folders(results)}
    if name in folders:
        return folders[name]
    if "/" in name:
        return _of_path(Path(name))
    begins = sorted(known for known in folders if name and known.startswith(name))
    if len(begins) == 1:
        return folders[begins[0]]
    if begins:
        some = ", ".join(begins[-_SHOWN_OF_MANY:]) + (", …" if len(begins) > _SHOWN_OF_MANY else "")
        raise RunUnreadable(f"{shown(name)} may be any of {len(begins)} runs ({some}); give more of the name")
    if name not in ("", ".", "..") and _is_there(Path(name)):
        return _of_path(Path(name))
    if not folders:
        raise RunUnreadable(
            f"no run {shown(name)}: there are no runs in {shown(results)} yet; `python3 lab.py load http1` makes one"
        )
    near = difflib.get_close_matches(name, folders, n=_NEAR, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "`python3 lab.py runs` lists them"
    raise RunUnreadable(f"no run {shown(name)} in {shown(results)}; {hint}")


def _of_path(path: Path) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError:  # no such user; then it is a name like any other
        return path
    return path.parent if path.name in MAIN_FILE.values() else path


def _latest(arm: str, results: Path, kind: Kind | None) -> Path:
    """The one that started last; with an arm, the run of this arm."""
    found = [
        (started_at_us, folder)
        for started_at_us, folder_kind, folder_arm, folder in _started(results)
        if kind in (None, folder_kind) and (not arm or (folder_kind == "run" and folder_arm == arm))
    ]
    if found:
        return max(found)[1]
    what = f"run of {shown(arm)}" if arm else kind or "run"
    hint = "`python3 lab.py runs` lists what there is" if arm else "`python3 lab.py load http1` makes one"
    raise RunUnreadable(f"there is no {what} in {shown(results)} yet; {hint}")


def _started(results: Path) -> Iterator[tuple[int, Kind, str, Path]]:
    """Start, kind, arm and folder of each run; those whose main file cannot be used are left out."""
    for folder in run_folders(results):
        try:
            kind = kind_of(folder)
            header = decode_header(read_file(folder, MAIN_FILE[kind]), kind, folder)
        except RunUnreadable:
            continue
        yield header.started_at_us, kind, header.plan.arm, folder
