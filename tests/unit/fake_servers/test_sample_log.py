"""The producers' own log: whole lines, written at once, rotated and bounded; a full disk stops it and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fake_servers import sample_log
from fake_servers.sample_log import SampleLog
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder


def sample(seq: int) -> Sample:
    return Sample("web-01", 17, seq, 1_000_000 + seq, 1.5, 2.25, 3, 4, 5)


def logged(folder: Path) -> list[Sample]:
    decode = BatchDecoder().decode
    lines = [line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()]
    return [sample for line in lines for sample in decode(line)]


def test_a_sample_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "run" / "samples", 17)
    for seq in range(3):
        log.append(sample(seq))
        assert logged(tmp_path / "run" / "samples") == [sample(n) for n in range(seq + 1)]
    assert [path.name for path in (tmp_path / "run" / "samples").iterdir()] == ["17-000001.jsonl"]
    assert (log.written, log.failed, log.files_deleted) == (3, 0, 0)
    log.close()
    log.close()


def test_one_write_for_each_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, really = SampleLog(tmp_path, 17), os.write
    writes: list[bytes] = []

    def noted(file: int, line: bytes) -> int:
        writes.append(line)
        return really(file, line)

    monkeypatch.setattr(os, "write", noted)
    for seq in range(3):
        log.append(sample(seq))
    log.close()
    assert [(line.count(b"\n"), line[-1:]) for line in writes] == [(1, b"\n")] * 3


def test_files_are_rotated_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_log, "FILE_BYTES", 1000)
    monkeypatch.setattr(sample_log, "MOST_BYTES", 4000)
    (tmp_path / "16-000001.jsonl").write_bytes(b"x" * 100)  # of a process before this one
    log = SampleLog(tmp_path, 17)
    for seq in range(100):
        log.append(sample(seq))
    log.close()
    kept = sorted(tmp_path.iterdir())
    assert sum(path.stat().st_size for path in kept) <= 4000 + 300
    seqs = [one.seq for one in logged(tmp_path)]
    assert seqs == list(range(seqs[0], 100))
    assert log.files_deleted > 5
    assert kept[0].name > "17-000002"


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_log, "MOST_FILES", 5)
    for started_us in range(10, 30):
        SampleLog(tmp_path, started_us).close()
    assert [path.name[:2] for path in sorted(tmp_path.iterdir())] == ["25", "26", "27", "28", "29"]


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, really = SampleLog(tmp_path, 17), os.write
    log.append(sample(0))
    with capture_logs() as told:
        monkeypatch.setattr(os, "write", lambda file, line: really(file, line[:40]))
        log.append(sample(1))

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        log.append(sample(2))
    monkeypatch.setattr(os, "write", really)
    log.append(sample(3))
    log.close()
    assert [one.seq for one in logged(tmp_path)] == [0, 3]
    assert (log.written, log.failed) == (2, 2)
    assert [(line["event"], line["reason"]) for line in told] == [
        ("samples are not logged, further ones are only counted", "no space left")
    ]


def test_a_folder_that_cannot_be_made_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_log, "_TRY_AGAIN_EVERY", 10)
    (tmp_path / "in the way").write_text("")
    with capture_logs() as told:
        log = SampleLog(tmp_path / "in the way" / "samples", 17)
        for seq in range(15):
            log.append(sample(seq))
    assert (log.written, log.failed) == (0, 15)
    assert told[0]["event"] == "no log of samples"
    (tmp_path / "in the way").unlink()
    for seq in range(15, 25):
        log.append(sample(seq))
    log.close()
    assert [one.seq for one in logged(tmp_path / "in the way" / "samples")] == [20, 21, 22, 23, 24]
