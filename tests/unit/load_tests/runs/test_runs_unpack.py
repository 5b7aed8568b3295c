"""A `.labrun` file from anywhere: what no export made is refused in one line, and writes nothing."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from load_tests.runs import unpack as unpack_module
from load_tests.runs.archive import export, import_archive
from load_tests.runs.files import RunUnreadable
from load_tests.runs.folder import RUN_FILES, read_run
from tests.unit.load_tests.runs.small_runs import put, put_comparison


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export(put(tmp_path / "there", "one"), tmp_path / "one.labrun")


def refused(file: Path, expected: str) -> None:
    """It is not imported, says why in one line, and leaves nothing behind."""
    results = file.parent / "here"
    with pytest.raises(RunUnreadable, match=expected) as failure:
        import_archive(file, results)
    assert len(str(failure.value).splitlines()) == 1
    assert not results.exists()


def repack(
    file: Path, members: dict[str, bytes] | None = None, honest: bool = True, **manifest: Any
) -> zipfile.ZipFile:
    """Write the archive again with other members (and a manifest that fits them, where `honest`), still open."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    told = msgspec.json.decode(content.pop("manifest.json"))
    content |= members or {}
    if honest:
        told["files"] = {
            name: {"bytes": len(each), "sha256": sha256(each).hexdigest()} for name, each in content.items()
        }
    told |= manifest
    changed = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
    for name, each in {"manifest.json": msgspec.json.encode(told), **content}.items():
        changed.writestr(name, each)
    return changed


def test_a_file_cut_off_or_changed_anywhere_is_refused(exported: Path) -> None:
    content = exported.read_bytes()
    original = read_run(exported.parent / "there" / "one")
    chance = random.Random(5)
    for tenth in range(10):
        exported.write_bytes(content[: len(content) * tenth // 10])
        refused(exported, "is empty" if tenth == 0 else "cut off")
    for number in range(300):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        exported.write_bytes(damaged)
        said = ""
        try:
            imported = import_archive(exported, exported.parent / f"here-{number}")
        except RunUnreadable as error:
            said = str(error)
        # Some bits mean nothing, as those of a file's time; then it is the same run.
        assert len(said.splitlines()) == 1 or read_run(imported.path).run == original.run


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"hello", "not a run that `runs export` made"),
        (b"PK\x03\x04", "cut off"),
        (b"\x1f\x8b" + b"x" * 100, "not a run that `runs export` made"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "one.labrun"
    file.write_bytes(content)
    refused(file, expected)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.labrun", "does not exist")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "is a folder")


def test_a_foreign_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "foreign.zip", r"it has no manifest\.json")


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/evil", "blocks/../../run.json", "blocks/../run.json", "run.json/", "C:\\run.json",
     "blocks/01/../../run.json", "report.html", "blocks/.hidden/run.json", "RUN.JSON", "blocks/\x1b[2J/run.json"],
)  # fmt: skip
def test_names_that_no_run_has_are_refused(exported: Path, name: str) -> None:
    with repack(exported, {name: b"{}"}):
        pass
    refused(exported, "which no run has")


@pytest.mark.parametrize("id", ["../evil", "/etc", "..", ".hidden", "a/b", "", "a\nb"])
def test_a_run_cannot_choose_a_place_outside(exported: Path, id: str) -> None:  # noqa: A002
    with repack(exported, id=id):
        pass
    refused(exported, "cannot be a folder's name")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["run.json", "manifest.json"])
def test_a_file_that_comes_twice_is_refused(exported: Path, name: str) -> None:
    with repack(exported) as archive:
        archive.writestr(name, b"{}")
    refused(exported, "holds a file twice")


@pytest.mark.parametrize(
    "manifest, expected",
    [
        ({"kind": "other"}, "not a run that `runs export` made"),
        ({"schema": 2}, "made by a newer lab: schema 2, this one reads 1"),
        ({"schema": 0}, "made by an older lab"),
        ({"files": {}}, r"does not hold the files that its manifest\.json names"),
        ({"holds": "comparison"}, "is not whole"),
        ({"holds": "everything"}, "does not hold what it should"),
        ({"extra": 1}, "does not hold what it should"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    exported: Path, manifest: dict[str, Any], expected: str
) -> None:
    with repack(exported, **manifest):
        pass
    refused(exported, expected)


def test_a_file_that_was_exchanged_is_refused_by_its_sum_or_by_the_run(exported: Path) -> None:
    content = exported.read_bytes()
    with repack(exported, {"ledger.json": b"{}"}, honest=False):
        pass
    refused(exported, r"was changed after it was made: ledger\.json")
    exported.write_bytes(content)
    with repack(exported, {"ledger.json": b"{}"}):
        pass
    refused(exported, r"ledger\.json is not as it was written")


def test_a_missing_or_spare_part_is_refused(tmp_path: Path) -> None:
    file = export(put_comparison(tmp_path / "there"), tmp_path / "one.labrun")
    with repack(file, {f"blocks/99-http1/{name}": b"{}" for name in RUN_FILES}):
        pass
    refused(file, r"not whole: blocks/99-http1/checksums\.json is in none of its lists")
    with repack(file, {"run.json": b"{}"}):
        pass
    refused(file, r"not whole: run\.json is too much")


def test_a_bomb_is_refused_before_it_goes_off(exported: Path) -> None:
    with repack(exported, {"ledger.json": b"[" + b" " * 50_000_000 + b"]"}):
        pass
    assert exported.stat().st_size < 200_000
    refused(exported, "would unpack to far more than a run has")


def test_a_bomb_that_lies_about_its_size_is_refused(exported: Path) -> None:
    with repack(exported, {"ledger.json": b"[" + b" " * 50_000_000 + b"]"}):
        pass
    content = bytearray(exported.read_bytes())
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = content.rfind(b"ledger.json") if mark == b"PK\x01\x02" else content.find(b"ledger.json")
        header = content.rfind(mark, 0, start)
        content[header + place : header + place + 4] = struct.pack("<I", 1000)
    exported.write_bytes(content)
    refused(exported, r"is damaged|was changed after it was made")


def test_too_many_files_are_refused_by_the_table_alone(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack_module, "MOST_MEMBERS", 5)
    opened = []
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: opened.append(1))
    refused(exported, "holds more files than a run can have")
    assert not opened


def test_a_zip64_table_and_a_comment_are_refused(exported: Path) -> None:
    content = exported.read_bytes()
    exported.write_bytes(content[:-22] + b"PK\x06\x07" + b"\0" * 16 + content[-22:])
    refused(exported, "more files than a run can have")
    exported.write_bytes(content[:-2] + b"\x05\x00hello")
    refused(exported, "cut off, or not a run")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "one.labrun").open("wb") as file:
        file.truncate(2 << 30)
    refused(tmp_path / "one.labrun", r"has 2\.1 GB; a run has 537 MB at most")


def test_other_ways_of_packing_are_refused(exported: Path) -> None:
    content = zipfile.ZipFile(io.BytesIO(exported.read_bytes()))
    with zipfile.ZipFile(exported, "w", zipfile.ZIP_BZIP2) as archive:
        for name in content.namelist():
            archive.writestr(name, content.read(name))
    refused(exported, "packed in a way that `runs export` never uses")
