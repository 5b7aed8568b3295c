"""Bytes of a run: whole or not at all, bounded, and never a link or a pipe."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from load_tests.runs import files
from load_tests.runs.files import (
    RunNotWritten,
    RunUnreadable,
    decode_header,
    read_file,
    size_text,
    write_files,
)


def test_files_are_written_in_order_and_nothing_temporary_stays(tmp_path: Path) -> None:
    write_files(tmp_path, {"series.json": b"{}", "run.json": b"[]"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "series.json": b"{}",
        "run.json": b"[]",
    }


@pytest.mark.parametrize(
    "number, expected", [(errno.ENOSPC, "no room"), (errno.EDQUOT, "quota"), (errno.EIO, "cannot")]
)
def test_a_write_that_fails_keeps_the_old_file_and_what_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: str
) -> None:
    write_files(tmp_path, {"run.json": b"old"})
    synced = os.fsync
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(number, os.strerror(number))
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunNotWritten, match=expected) as failure:
        write_files(tmp_path, {"series.json": b"{}", "run.json": b"new" * 1000})
    if number != errno.EIO:
        assert "3.0 kB are needed" in str(failure.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "series.json"]
    assert (tmp_path / "run.json").read_bytes() == b"old"


def test_a_file_over_its_bound_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files.BOUNDS, "series.json", 10)
    with pytest.raises(RunNotWritten, match=r"series\.json would have 11 bytes"):
        write_files(tmp_path, {"series.json": b"x" * 11, "run.json": b"{}"})
    assert not list(tmp_path.iterdir())


def test_two_gigabytes_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(2 << 30)  # a hole: it takes no room
    read = []

    def look(*_: object, **__: object) -> io.BytesIO:
        read.append(1)
        return io.BytesIO()

    monkeypatch.setattr(os, "fdopen", look)
    with pytest.raises(RunUnreadable, match=r"has 2\.1 GB, more than the 17 MB"):
        read_file(tmp_path, "run.json")
    assert not read


def test_a_file_that_grows_while_it_is_read_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_bytes(b"x" * 30)
    monkeypatch.setitem(files.BOUNDS, "run.json", 20)
    honest = os.fstat
    small = tmp_path / "small"
    small.write_bytes(b"x")
    monkeypatch.setattr(os, "fstat", lambda descriptor: small.stat() if descriptor else honest(descriptor))
    with pytest.raises(RunUnreadable, match="has 21 bytes"):
        read_file(tmp_path, "run.json")


def test_links_pipes_and_folders_are_no_files_of_a_run(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").symlink_to(outside)
    (folder / "series.json").symlink_to("series.json")
    os.mkfifo(folder / "ledger.json")
    (folder / "histograms.json").mkdir()
    for name, expected in (
        ("run.json", "symbolic link"),
        ("series.json", "symbolic link"),
        ("ledger.json", "plain file"),
        ("histograms.json", "plain file"),
    ):
        with pytest.raises(RunUnreadable, match=expected):
            read_file(folder, name)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match="there is no folder"):
        read_file(tmp_path / "none", "run.json")
    with pytest.raises(RunUnreadable, match=r"has no run\.json: it is not a run, or was not finished"):
        read_file(tmp_path, "run.json")
    with pytest.raises(RunUnreadable, match=r"has no series\.json: it was not copied whole"):
        read_file(tmp_path, "series.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnreadable, match="is a file, not the folder of a run"):
        read_file(tmp_path / "file", "run.json")


def test_permission_denied_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(RunUnreadable, match="may not be read by this user"):
        read_file(tmp_path, "run.json")


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "is empty"),
        (b'{"kind": "run", "sch', "is cut off after 20 bytes"),
        (b"\0" * 100, "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[1, 2]", "not a run of this lab"),
        (b'{"name": "package", "version": 1}', "not a run of this lab"),
        (b'{"kind": "audit", "schema": 1}', "not a run of this lab"),
        (b'{"kind": "run", "schema": "1"}', "not a run of this lab"),
        (b'{"kind": "run", "schema": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "is damaged"),
        (b'{"kind": "run", "schema": 2}', "made by a newer lab: schema 2, this one reads 1"),
        (b'{"kind": "run", "schema": 0}', "made by an older lab: schema 0, this one reads 1; measure again"),
        (b'{"kind": "comparison", "schema": 1}', "is a comparison, not a run"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_is_no_run_is_one_sentence(content: bytes, expected: str) -> None:
    with pytest.raises(RunUnreadable, match=expected) as failure:
        decode_header(content, "run", "run.json")
    assert len(str(failure.value).splitlines()) == 1


def test_sizes_for_people() -> None:
    assert [size_text(n) for n in (0, 999, 1500, 25_000, 3_400_000, 2 << 30)] == [
        "0 bytes", "999 bytes", "1.5 kB", "25 kB", "3.4 MB", "2.1 GB",
    ]  # fmt: skip
