"""A run or a comparison as one file, `NAME.labrun`, to hand in, to mail, or to compare with another machine's.

The files go into a zip (deflate) as they lie on disk; reports are left out, since they are made from these files. The
same run gives the same bytes. An import reads and checks the whole run in memory (`unpack.py`, `folder.py`) and only
then writes it under its own name, all at once.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from load_tests.runs.files import (
    MAIN_FILE,
    Kind,
    RunNotWritten,
    RunUnreadable,
    not_written,
    shown,
    size_text,
    sync_folder,
    write_file,
)
from load_tests.runs.folder import parse_comparison, parse_run, read_files
from load_tests.runs.names import ARCHIVE_SUFFIX, NAME, RESULTS, kind_of
from load_tests.runs.unpack import MANIFEST, MOST_BYTES, MOST_RATIO, SCHEMA, Manifest, Member, unpack

_SAME_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Imported:
    """Where an imported run is, and whether the same one was there before."""

    path: Path
    was_there: bool


# -- export -----------------------------------------------------------------------------------------------------------


def export(path: Path, to: Path | None = None) -> Path:
    """Write a run or comparison into one file.

    Args:
        path: Its folder.
        to: The file, or a folder for it; None: `NAME.labrun` in the current folder.

    Returns:
        The file.

    Raises:
        RunUnreadable: The run cannot be used; then it is not handed on either.
        RunNotWritten: There is such a file already, no room, or no permission.
    """
    kind = kind_of(path)
    name = path.resolve().name
    if not NAME.fullmatch(name):
        raise RunUnreadable(
            f"{shown(path)}: a run to export needs a folder's name of letters, digits and . _ - = , + @"
        )
    files = read_files(path, kind)
    _check(path, kind, files)
    target = to or Path(f"{name}{ARCHIVE_SUFFIX}")
    if target.is_dir():
        target /= f"{name}{ARCHIVE_SUFFIX}"
    if target.exists() or target.is_symlink():
        raise RunNotWritten(f"{shown(target)} exists already; name another file")
    content = pack(name, kind, files)
    if max(len(content), sum(map(len, files.values()))) > MOST_BYTES:
        raise RunNotWritten(
            f"{shown(path)} is larger than the {size_text(MOST_BYTES)} that one file may hold"
        )
    try:
        write_file(target, content)
    except OSError as error:
        raise RunNotWritten(not_written(target.parent, error, len(content))) from error
    return target


def pack(name: str, kind: Kind, files: Mapping[str, bytes]) -> bytes:
    """The archive of files that were read and checked."""
    members = {file: Member(len(content), sha256(content).hexdigest()) for file, content in files.items()}
    manifest = msgspec.json.encode(Manifest("labrun", SCHEMA, name, kind, members))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for file, content in ((MANIFEST, manifest), *files.items()):
            info = zipfile.ZipInfo(file, _SAME_TIME)
            info.external_attr = 0o644 << 16
            shrinks = len(zlib.compress(content)) * MOST_RATIO > 2 * len(content)
            info.compress_type = zipfile.ZIP_DEFLATED if shrinks else zipfile.ZIP_STORED
            writer.writestr(info, content)
    return archive.getvalue()


def _check(path: Path, kind: Kind, files: Mapping[str, bytes]) -> None:
    if kind == "run":
        parse_run(path, files)
    else:
        parse_comparison(path, files)


# -- import -----------------------------------------------------------------------------------------------------------


def import_archive(file: Path, results: Path = RESULTS) -> Imported:
    """Bring a run or comparison that `export` wrote into the results folder.

    Importing the same one again changes nothing.

    Raises:
        RunUnreadable: It is not such a file, was cut off or changed, or what it holds cannot be used.
        RunNotWritten: Another run of this name is there, no room, or no permission.
    """
    manifest, files = unpack(file)
    target = results / manifest.id
    try:
        _check(target, manifest.holds, files)
    except RunUnreadable as error:
        raise RunUnreadable(f"{shown(file)} is not imported: {error}") from error
    if target.exists() or target.is_symlink():
        return _compare(target, manifest.holds, files)
    aside = results / f".{manifest.id}.{secrets.token_hex(4)}.import"
    try:
        _write(aside, files)
        aside.rename(target)
        sync_folder(results)
    except OSError as error:
        if target.exists():  # another import of it was faster
            return _compare(target, manifest.holds, files)
        raise RunNotWritten(not_written(results, error, sum(map(len, files.values())))) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Imported(target, was_there=False)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files; a main file comes after those that it stands for."""
    order = sorted(files, key=lambda name: (-name.count("/"), name.rpartition("/")[2] in MAIN_FILE.values()))
    for name in order:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, files[name])


def _compare(target: Path, kind: Kind, files: Mapping[str, bytes]) -> Imported:
    with contextlib.suppress(RunUnreadable):
        if not target.is_symlink() and kind_of(target) == kind and read_files(target, kind) == files:
            return Imported(target, was_there=True)
    raise RunNotWritten(f"another run is in {shown(target)} already; rename that folder, then import again")
