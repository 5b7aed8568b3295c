"""Which files are written, and what happens where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from load_tests.reports import write
from load_tests.reports.write import write_reports
from metrics_core.errors import LabError
from tests.support.saved_runs import make_comparison, make_run


def test_every_format_and_the_folder_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    written = write_reports(make_comparison(("http1", "websocket"), rounds=1), folder)
    names = [
        "report.html",
        "report.md",
        "report.csv",
        "report.json",
        "latency.png",
        "over-time.png",
        "bill.png",
    ]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in ("latency.png", "over-time.png", "bill.png"):
        assert f"]({name})" in (folder / "report.md").read_text(encoding="utf-8")


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    assert write_reports(make_run(), tmp_path, ["csv", "md"]) == [
        tmp_path / "report.md",
        tmp_path / "report.csv",
    ]
    assert "![" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no report format pdf; there are html, md, csv, json, png"):
        write_reports(make_run(), tmp_path, ["md", "pdf"])
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_replaced_whole_or_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_reports(make_run(), tmp_path, ["csv"])
    before = (tmp_path / "report.csv").read_bytes()

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LabError, match="no room"):
        write_reports(make_run("websocket"), tmp_path, ["csv"])
    monkeypatch.undo()
    assert (tmp_path / "report.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_missing_part_leaves_the_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(saved: object) -> str:
        raise LabError("the HTML report needs chartkick")

    monkeypatch.setattr(write, "render_html", missing)
    with pytest.raises(LabError, match="chartkick"):
        write_reports(make_run(), tmp_path, ["html", "md"])
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
