"""Reading a `.labrun` file that may come from anywhere: every bound is checked before what it bounds is read.

A `.labrun` is a zip of a run's JSON files as they lie on disk, and of `manifest.json`::

    {"kind": "labrun", "schema": 1, "id": "…", "holds": "run", "files": {"run.json": {"bytes": 1, "sha256": "…"}, …}}

Nothing is unpacked to disk, and no name in the zip is ever used as a path: each must be one that a run has. Refused are
bombs (size, ratio, number of files), names that lead elsewhere, files that come twice, other ways of packing, ZIP64 and
comments (`archive.py` writes neither), and whatever does not fit the manifest's sums.
Not here: whether the files are a run (`folder.py`).
"""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from load_tests.runs.files import BOUNDS, MAIN_FILE, Kind, RunUnreadable, decode, shown, size_text
from load_tests.runs.folder import BLOCKS, CHECKSUMS, MOST_BLOCKS, RUN_FILES
from load_tests.runs.names import NAME

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
MOST_MEMBERS: Final = MOST_BLOCKS * len(RUN_FILES) + 3
MOST_BYTES: Final = 1 << 29
"""Of the archive, and of all its files unpacked: all blocks are held in memory at once."""

MOST_RATIO: Final = 100
"""A file that shrinks further is stored as it is; one that claims to have shrunk further is refused."""

_DIRECTORY_BYTES: Final = 4 << 20  # of the zip's own table: 5,000 names and their places
_MANIFEST_BYTES: Final = 2 << 20
_END: Final = struct.Struct("<4s4H2LH")  # PKWARE APPNOTE.TXT 4.3.16, without a comment
_ZIP64: Final = b"PK\x06\x07"
_ZIP64_BYTES: Final = 20
_IN_BLOCK: Final = re.compile(rf"{BLOCKS}/({NAME.pattern})/({'|'.join(map(re.escape, RUN_FILES))})", re.ASCII)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    struct.error,
    ValueError,
    OverflowError,
)


class Member(Struct, forbid_unknown_fields=True):
    """A file of the archive: its size unpacked and its sum."""

    bytes: int
    sha256: str


class Manifest(Struct, forbid_unknown_fields=True):
    """What the archive holds; `id` is the name of the run's folder."""

    kind: str
    schema: int
    id: str
    holds: Kind
    files: dict[str, Member]


class _Version(Struct):
    kind: str
    schema: int


def unpack(file: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and all files of a `.labrun`, in memory.

    Raises:
        RunUnreadable: It is none, was cut off or changed, or holds what no run holds.
    """
    content = _read_archive(file)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _unpack(archive, file)
    except _BROKEN as error:
        raise RunUnreadable(f"{shown(file)} is damaged ({shown(str(error))}); get it again") from error


def _read_archive(file: Path) -> bytes:
    """The archive in memory; its size and that of its table are known to be sane."""
    where = shown(file)
    try:
        if not file.is_file():
            what = "is a folder, not a file" if file.is_dir() else "does not exist or is no plain file"
            raise RunUnreadable(f"{where} {what}; name a file that `runs export` made")
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size > MOST_BYTES:
                raise RunUnreadable(
                    f"{where} has {size_text(size)}; a run has {size_text(MOST_BYTES)} at most"
                )
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise RunUnreadable(f"{where} cannot be read: {error.strerror}") from error
    if not content:
        raise RunUnreadable(f"{where} is empty; get it again")
    if not content.startswith(b"PK\x03\x04"):
        raise RunUnreadable(f"{where} is not a run that `runs export` made")
    end = content[-_END.size :]
    mark, _, _, _, members, table_bytes, _, comment = (
        _END.unpack(end) if len(end) == _END.size else (b"", 0, 0, 0, 0, 0, 0, 0)
    )
    if mark != b"PK\x05\x06" or comment:
        raise RunUnreadable(f"{where} is cut off, or not a run that `runs export` made; get it again")
    zip64 = content[-_END.size - _ZIP64_BYTES :].startswith(_ZIP64)
    if members > MOST_MEMBERS or table_bytes > _DIRECTORY_BYTES or zip64:
        raise RunUnreadable(f"{where} holds more files than a run can have; it is not taken")
    return content


def _unpack(archive: zipfile.ZipFile, file: Path) -> tuple[Manifest, dict[str, bytes]]:
    """All files, each of a known name, within its bound, and as the manifest has it."""
    where = shown(file)
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(members) > MOST_MEMBERS:
        raise RunUnreadable(f"{where} holds more files than a run can have; it is not taken")
    if MANIFEST not in names:
        raise RunUnreadable(f"{where} is a zip, but not a run that `runs export` made: it has no {MANIFEST}")
    for name in names:
        if name != MANIFEST and not _may_be_there(name):
            raise RunUnreadable(f"{where} holds {shown(name)!r}, which no run has; it is not taken")
    if len(set(names)) != len(names):
        raise RunUnreadable(f"{where} holds a file twice; it is not taken")
    by_name = dict(zip(names, members, strict=True))
    manifest = _decode_manifest(_inflate(archive, by_name.pop(MANIFEST), _MANIFEST_BYTES, where), where)
    if set(manifest.files) != set(by_name):
        raise RunUnreadable(f"{where} does not hold the files that its {MANIFEST} names; get it again")
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for name, member in by_name.items():
        files[name] = _inflate(archive, member, min(left, BOUNDS[name.rpartition("/")[2]]), where)
        left -= len(files[name])
        wanted = manifest.files[name]
        if (len(files[name]), sha256(files[name]).hexdigest()) != (wanted.bytes, wanted.sha256):
            raise RunUnreadable(
                f"{where} was changed after it was made: {name} is not as its {MANIFEST} has it"
            )
    return manifest, _complete(manifest, files, where)


def _may_be_there(name: str) -> bool:
    return name in (*RUN_FILES, MAIN_FILE["comparison"]) or bool(_IN_BLOCK.fullmatch(name))


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, bound: int, where: str) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise RunUnreadable(f"{where} is packed in a way that `runs export` never uses; it is not taken")
    if member.file_size > bound or member.file_size > MOST_RATIO * max(1, member.compress_size):
        raise RunUnreadable(
            f"{where} would unpack to far more than a run has ({member.filename}); it is not taken"
        )
    with archive.open(member) as opened:
        return opened.read(member.file_size + 1)


def _decode_manifest(content: bytes, where: str) -> Manifest:
    what = f"{where}: {MANIFEST}"
    version = decode(content, _Version, what)
    if version.kind != "labrun":
        raise RunUnreadable(f"{where} is a zip, but not a run that `runs export` made")
    if version.schema != SCHEMA:
        age = "a newer" if version.schema > SCHEMA else "an older"
        raise RunUnreadable(
            f"{where} was made by {age} lab: schema {version.schema}, this one reads {SCHEMA}"
        )
    manifest = decode(content, Manifest, what)
    if not NAME.fullmatch(manifest.id):
        raise RunUnreadable(f"{where} names its run {shown(manifest.id)!r}, which cannot be a folder's name")
    return manifest


def _complete(manifest: Manifest, files: dict[str, bytes], where: str) -> dict[str, bytes]:
    """The files, if there are all that a run needs, and no others."""
    needed = set(RUN_FILES)
    if manifest.holds == "comparison":
        found = {match[1] for name in files if (match := _IN_BLOCK.fullmatch(name))}
        needed = {MAIN_FILE["comparison"], CHECKSUMS}
        needed |= {f"{BLOCKS}/{block}/{name}" for block in found for name in RUN_FILES}
    if set(files) != needed:
        odd = min(set(files) ^ needed)
        raise RunUnreadable(f"{where} is not whole: {odd} is {'missing' if odd in needed else 'too much'}")
    return files
