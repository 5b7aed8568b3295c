from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from control_plane.state import (
    AlreadyRuns,
    LabRecord,
    ProcessRecord,
    clear,
    end_orphans,
    exclusive,
    find,
    read_record,
    record_of,
    remove_old_runs,
    write_record,
)
from metrics_core.errors import LabError


def a_lab(*processes: ProcessRecord, private_dir: str = "") -> LabRecord:
    own = record_of("lab", os.getpid(), [sys.executable])
    urls = {"dashboard": "http://127.0.0.1:9000/"}
    return LabRecord("r", own, "127.0.0.1", 9000, urls, private_dir, list(processes))


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = a_lab(ProcessRecord("fleet", 1, 2.0, ["a", "b"], "ready", 3))
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    clear(tmp_path, record)
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run": 1}'])
def test_a_damaged_record_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "current").write_bytes(content)
    assert read_record(tmp_path) is None
    assert end_orphans(tmp_path) == []


def test_this_process_is_found_by_its_record() -> None:
    process = find(record_of("me", os.getpid(), [sys.executable]))
    assert process is not None
    assert process.pid == os.getpid()


def test_a_pid_that_came_back_is_another_process() -> None:
    record = record_of("me", os.getpid(), [sys.executable])
    assert find(ProcessRecord("me", record.pid, record.created_s - 60, record.command)) is None
    assert find(ProcessRecord("me", record.pid, record.created_s, ["x", "some-other-program"])) is None


def test_another_process_under_a_recorded_pid_is_not_ended(tmp_path: Path) -> None:
    write_record(tmp_path, a_lab(ProcessRecord("fleet", os.getpid(), time.time() - 9_999, ["python"])))
    assert end_orphans(tmp_path) == []
    assert read_record(tmp_path) is None


def test_only_one_lab_at_a_time(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        write_record(tmp_path, a_lab())
        with pytest.raises(AlreadyRuns, match=r"http://127\.0\.0\.1:9000/"), exclusive(tmp_path):
            pytest.fail("two at a time")
    with exclusive(tmp_path):
        pass


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(LabError, match="cannot keep logs and state there"),
        exclusive(tmp_path / "file" / "lab"),
    ):
        pytest.fail("there is no such folder")


def test_the_temporary_folder_of_a_lab_goes_with_it(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "redis.sock").write_text("")
    write_record(tmp_path, a_lab(private_dir=str(private)))
    end_orphans(tmp_path)
    assert not private.exists()


def test_old_runs_are_removed_and_other_folders_left(tmp_path: Path) -> None:
    for age in range(4):
        run = tmp_path / f"run-{age}"
        run.mkdir()
        (run / "events.jsonl").write_text("")
        os.utime(run / "events.jsonl", (1000 - age, 1000 - age))
    (tmp_path / "mine").mkdir()
    remove_old_runs(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "run-0", "run-1"]
