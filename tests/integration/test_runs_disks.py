"""Runs on disks that are full, read-only or somebody else's."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from load_tests.runs.folder import RunNotWritten, RunUnreadable, read_run, write_run
from load_tests.runs.index import list_runs
from tests.support.child import ROOT, clean_environ
from tests.support.folders import short_folder
from tests.unit.load_tests.runs.small_runs import put, small_run

AS_ROOT: Final = os.geteuid() == 0
NOBODY: Final = 65534


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if not AS_ROOT or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_what_is_there_and_says_what_is_needed(tiny_disk: Path) -> None:
    kept = put(tiny_disk, "kept", fates="aaaa")
    with pytest.raises(
        RunNotWritten, match=r"no room in .*big: 1\d\d kB are needed, .* free; what was there is kept"
    ):
        put(tiny_disk, "big", reasons=["x" * 100_000])
    names = {path.name for path in (tiny_disk / "big").iterdir()}
    assert names == {"histograms.json", "series.json", "ledger.json", "checksums.json"}
    with pytest.raises(RunUnreadable, match="was not finished"):
        read_run(tiny_disk / "big")
    assert read_run(kept).run.counts.acked == 4
    shutil.rmtree(tiny_disk / "big")
    assert put(tiny_disk, "small", fates="aaaa").exists()


def test_a_full_disk_does_not_stop_a_list_or_a_second_look(tiny_disk: Path) -> None:
    put(tiny_disk, "one", fates="aaaa")
    filler = tiny_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(b"x" * 100_000)
    for _ in range(2):
        assert [entry.id for entry in list_runs(tiny_disk).entries] == ["one"]
    filler.unlink()
    assert [entry.id for entry in list_runs(tiny_disk).entries] == ["one"]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_read_only_disk_still_lists(tiny_disk: Path, indexed: bool) -> None:
    put(tiny_disk, "one", fates="aaaa")
    if indexed:
        list_runs(tiny_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert [entry.id for entry in list_runs(tiny_disk).entries] == ["one"]
    saved = small_run("aaaa")
    with pytest.raises(RunNotWritten, match="cannot be written: Read-only file system"):
        write_run(tiny_disk / "one", saved.run, saved.histograms, saved.series, saved.ledger)


def in_child(program: str, *arguments: str, limit_bytes: int | None = None) -> str:
    """Standard output of a Python program that may be bound in the size of its files."""

    def bound() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=clean_environ(PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=bound,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bound_on_the_size_of_files_is_like_a_full_disk(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from load_tests.runs.folder import RunNotWritten
from tests.unit.load_tests.runs.small_runs import put
try:
    put(Path(sys.argv[1]), "big", reasons=["x" * 100_000])
except RunNotWritten as error:
    print(error)
"""
    said = in_child(program, str(tmp_path), limit_bytes=50_000)
    assert "files may not grow so large (ulimit -f)" in said
    assert "kB are needed" in said
    assert not [path.name for path in (tmp_path / "big").iterdir() if path.name.startswith(".")]
    assert not (tmp_path / "big" / "run.json").exists()


def test_another_users_run_is_told_and_the_others_are_listed() -> None:
    if not AS_ROOT:
        pytest.skip("being somebody else needs root")
    program = """
import os, sys
from pathlib import Path
from load_tests.runs.index import list_runs
os.setuid(int(sys.argv[2]))
listing = list_runs(Path(sys.argv[1]))
print([entry.id for entry in listing.entries], *listing.problems, sep="\\n")
"""
    with short_folder() as place:  # pytest's own folders are closed to others
        place.chmod(0o755)
        put(place, "open", fates="aaaa")
        (put(place, "closed", fates="aaaa") / "ledger.json").chmod(0)
        put(place, "shut", fates="aaaa").chmod(0)
        lines = in_child(program, str(place), str(NOBODY)).splitlines()
    assert lines[0] == "['open']"
    assert any("ledger.json may not be read by this user" in line for line in lines)
    assert any("shut/run.json cannot be looked at: Permission denied" in line for line in lines)
