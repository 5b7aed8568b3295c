"""What is kept when a comparison ends early: stopped, or because a pipeline died."""

from __future__ import annotations

from pathlib import Path

import pytest

from load_tests.comparison import blocks
from load_tests.runs.folder import RunNotWritten, read_comparison, read_run, write_comparison
from load_tests.runs.schema import Comparison
from metrics_core.errors import LabError
from tests.unit.load_tests.comparison.faked_measure import Faked, compared, design, fake_processes, stop_at


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return fake_processes(monkeypatch)


def test_ctrl_c_keeps_what_was_measured(faked: Faked, tmp_path: Path) -> None:
    faked.plant = stop_at(7, KeyboardInterrupt())
    saved = compared(tmp_path)
    comparison = saved.comparison
    assert comparison.status == "partial"
    assert comparison.findings[0] == (
        "The comparison did not end: it was stopped. What was measured before is kept."
    )
    assert {arm: len(runs) for arm, runs in saved.blocks.items()} == {"http1": 1, "http2": 1, "websocket": 2}
    assert "Fewer than 3 rounds: no verdict can be formed." in comparison.findings
    assert {line.verdict for pair in comparison.pairs for line in pair.figures} <= {
        "too noisy", "not measured",
    }  # fmt: skip
    assert not any(rig.running for rig in faked.rigs)
    assert read_comparison(saved.path).comparison == comparison


def test_ctrl_c_after_enough_rounds_still_gives_verdicts(faked: Faked, tmp_path: Path) -> None:
    faked.plant = stop_at(15, KeyboardInterrupt())
    saved = compared(tmp_path, ["http1", "websocket"], design(rounds=8, noise_pairs=3))
    assert saved.comparison.status == "partial"
    verdicts = {line.figure: line.verdict for line in saved.comparison.pairs[0].figures}
    assert verdicts["processed_p50"] == "better"


def test_only_the_baseline_was_measured(faked: Faked, tmp_path: Path) -> None:
    faked.plant = stop_at(4, KeyboardInterrupt())
    saved = compared(tmp_path)
    assert (saved.comparison.arms, saved.comparison.pairs) == (["http1"], [])


@pytest.mark.parametrize("number", [1, 3])
def test_stopped_before_the_first_round_nothing_stays(faked: Faked, tmp_path: Path, number: int) -> None:
    faked.plant = stop_at(number, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        compared(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not any(rig.running for rig in faked.rigs)


def test_a_pipeline_that_never_answers_is_an_error_and_leaves_nothing(faked: Faked, tmp_path: Path) -> None:
    faked.plant = stop_at(1, LabError("http1 cannot be reached: refused"))
    with pytest.raises(LabError, match="http1 cannot be reached: refused"):
        compared(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["websocket cannot be reached", "websocket cannot be reached."])
def test_a_pipeline_that_dies_on_the_way_keeps_the_other_blocks(
    faked: Faked, tmp_path: Path, text: str
) -> None:
    faked.plant = stop_at(6, LabError(text))
    comparison = compared(tmp_path, ["http1", "websocket"]).comparison
    assert comparison.status == "failed"
    assert comparison.findings[0] == (
        "The comparison did not end: websocket cannot be reached. What was measured before is kept."
    )
    assert {arm: len(names) for arm, names in comparison.blocks.items()} == {"http1": 1, "websocket": 2}


def test_processes_that_do_not_start_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, faked: Faked, tmp_path: Path
) -> None:
    def fail(rig: object) -> None:
        raise LabError("redis does not start: it says nothing")

    monkeypatch.setattr("tests.unit.load_tests.comparison.faked_measure.FakeRig.__enter__", fail)
    with pytest.raises(LabError, match="redis does not start"):
        compared(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_made_is_an_error_before_anything_starts(
    faked: Faked, tmp_path: Path
) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(LabError, match="is not a folder"):
        compared(tmp_path / "results")
    assert not faked.rigs


def test_the_folder_of_a_stopped_block_can_still_be_looked_at(faked: Faked, tmp_path: Path) -> None:
    faked.plant = stop_at(7, KeyboardInterrupt())
    saved = compared(tmp_path)
    assert (saved.path / "blocks" / "007-http2").exists()
    assert read_run(saved.path / "blocks" / "006-websocket").run.status == "complete"


def test_on_a_full_disk_the_unfinished_block_makes_room(
    faked: Faked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faked.plant = stop_at(7, LabError("no room"))

    def write(folder: Path, comparison: Comparison) -> None:
        if (folder / "blocks" / "007-http2").exists():
            raise RunNotWritten("no room")
        write_comparison(folder, comparison)

    monkeypatch.setattr(blocks, "write_comparison", write)
    saved = compared(tmp_path)
    assert sum(map(len, saved.blocks.values())) == 4
    assert sorted(path.name for path in (saved.path / "blocks").iterdir())[-1] == "006-websocket"


def test_on_a_disk_that_stays_full_the_blocks_stay_too(
    faked: Faked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise RunNotWritten("no room")

    monkeypatch.setattr(blocks, "write_comparison", write)
    with pytest.raises(RunNotWritten, match="no room"):
        compared(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert read_run(folder / "blocks" / "011-websocket").run.status == "complete"
