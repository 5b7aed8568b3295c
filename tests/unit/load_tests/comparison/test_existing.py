"""Comparing runs that exist: which may be compared, how they are called, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from load_tests.comparison import existing
from load_tests.comparison.existing import compare_existing
from load_tests.runs.files import RunNotWritten
from load_tests.runs.folder import SavedComparison, SavedRun, create, read_comparison, read_run, write_run
from metrics_core.errors import LabError
from tests.support.saved_runs import make_run


def put(results: Path, arm: str, *, seed: int = 7, machine: str = "", **wanted: Any) -> SavedRun:
    """A saved run of 30 s in a results folder; `number` makes names differ."""
    saved = make_run(arm, **{"duration_s": 30, **wanted})
    saved.run.plan = replace(saved.run.plan, seed=seed)
    if machine:
        saved.run.machine = replace(saved.run.machine, id=machine)
    folder = create(results, saved.run.id)
    write_run(folder, saved.run, saved.histograms, saved.series, saved.ledger)
    return read_run(folder)


def compared(results: Path, *saved: SavedRun) -> SavedComparison:
    return compare_existing(saved, results, 0.95, 1, "the command")


def test_two_runs_of_different_arms(tmp_path: Path) -> None:
    found = compared(tmp_path, put(tmp_path, "http1", number=1), put(tmp_path, "websocket", number=2))
    comparison = found.comparison
    assert comparison.arms == comparison.order == ["http1", "websocket"]
    assert comparison.blocks == {"http1": ["01-http1"], "websocket": ["02-websocket"]}
    assert (comparison.interleaved, comparison.status, comparison.noise_blocks) == (False, "complete", [])
    verdicts = {line.figure: line for line in comparison.pairs[0].figures}
    assert verdicts["processed_p50"].verdict == "better"
    assert verdicts["memory"].verdict == "not measured"
    assert read_comparison(found.path).comparison == comparison
    assert sorted(path.name for path in found.path.iterdir()) == ["checksums.json", "comparison.json"]


def test_runs_of_one_arm_are_called_by_their_own_names(tmp_path: Path) -> None:
    runs = [put(tmp_path, arm, number=number) for number, arm in enumerate(("http1", "http2", "http1"))]
    found = compared(tmp_path, *runs)
    assert found.comparison.arms == ["00-http1", "01-http2", "02-http1"]
    assert [pair.arm for pair in found.comparison.pairs] == ["01-http2", "02-http1"]


def test_equal_runs_are_no_finding(tmp_path: Path) -> None:
    runs = [put(tmp_path, "http1", number=number) for number in (1, 2)]
    verdicts = {line.verdict for line in compared(tmp_path, *runs).comparison.pairs[0].figures}
    assert not verdicts & {"better", "worse"}


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    saved = put(tmp_path, "http1")
    with pytest.raises(LabError, match="named twice"):
        compared(tmp_path, saved, saved)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_from_elsewhere_is_refused_with_the_way_in(tmp_path: Path) -> None:
    here = put(tmp_path / "here", "http1", number=1)
    elsewhere = put(tmp_path / "there", "http2", number=2)
    with pytest.raises(
        LabError, match=r"02-http2 is not in .*here: `python3 lab.py runs export` and `import`"
    ):
        compared(tmp_path / "here", here, elsewhere)


def test_a_results_folder_by_another_path_is_the_same(tmp_path: Path) -> None:
    runs = [put(tmp_path / "real", arm, number=number) for number, arm in enumerate(("http1", "http2"))]
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert compared(tmp_path / "link", *runs).comparison.arms == ["http1", "http2"]


def test_runs_of_different_machines_get_no_verdict(tmp_path: Path) -> None:
    runs = put(tmp_path, "http1", number=1), put(tmp_path, "websocket", number=2, machine="another")
    comparison = compared(tmp_path, *runs).comparison
    assert {line.verdict for line in comparison.pairs[0].figures} == {"not measured"}
    assert any("from 2 machines" in line for line in comparison.findings)


def test_different_seeds_are_said(tmp_path: Path) -> None:
    runs = put(tmp_path, "http1", number=1), put(tmp_path, "websocket", number=2, seed=8)
    findings = compared(tmp_path, *runs).comparison.findings
    assert any("did not get the same samples" in line for line in findings)


def test_short_runs_get_no_verdict_on_latency(tmp_path: Path) -> None:
    runs = [put(tmp_path, arm, number=n, duration_s=6) for n, arm in enumerate(("http1", "websocket"))]
    lines = {line.figure: line for line in compared(tmp_path, *runs).comparison.pairs[0].figures}
    assert lines["processed_p50"].verdict == "not measured"
    assert "too short" in lines["processed_p50"].note


@pytest.mark.parametrize("status", ["failed", "void", "partial"])
def test_a_run_that_does_not_count_makes_a_comparison_that_does_not(tmp_path: Path, status: Any) -> None:
    runs = put(tmp_path, "http1", number=1), put(tmp_path, "http2", number=2, status=status, reasons=["why"])
    comparison = compared(tmp_path, *runs).comparison
    assert comparison.status == status
    assert {line.verdict for line in comparison.pairs[0].figures} == {"not measured"}


def test_a_loss_comes_first(tmp_path: Path) -> None:
    missing = {"load-00": {"1766200000123456": [[5, 5]]}}
    runs = put(tmp_path, "http1", number=1), put(tmp_path, "http2", number=2, missing=missing)
    assert compared(tmp_path, *runs).comparison.findings[0].startswith("http2 lost 1 of")


def test_a_full_disk_leaves_no_empty_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [put(tmp_path, arm, number=number) for number, arm in enumerate(("http1", "http2"))]

    def fail(*_: object) -> None:
        raise RunNotWritten("no room")

    monkeypatch.setattr(existing, "write_comparison", fail)
    with pytest.raises(RunNotWritten, match="no room"):
        compared(tmp_path, *runs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00-http1", "01-http2"]
