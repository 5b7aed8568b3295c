"""`lab.py compare` as a user types it, over processes that are faked: what it says, what it writes, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from load_tests import compare as command
from load_tests.runs.folder import create, read_comparison, write_run
from metrics_core.errors import LabError
from tests.support.saved_runs import make_run
from tests.unit.load_tests.comparison.faked_measure import Faked, fake_processes, stop_at
from tests.unit.load_tests.typed_compare import SMALL, Run, budget_file, comparison_in, make_results, typed

MISSING = {"load-00": {"1766200000123456": [[17, 23]]}}


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return fake_processes(monkeypatch)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return make_results(tmp_path / "results")


@pytest.fixture
def run(results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return typed(results, capsys, monkeypatch)


# -- measuring --------------------------------------------------------------------------------------------------------


def test_measuring_ends_with_a_table_and_reports(run: Run, faked: Faked, results: Path) -> None:
    code, out, err = run("--run", "http1, websocket,", *SMALL)
    assert (code, err) == (0, "")
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "8 blocks of 2 s, about 40 s; nothing else should run meanwhile"
    assert lines[1:9] == [f"  {number} of 8 runs" for number in range(1, 9)]
    assert lines[9] == "nothing was lost in 8 blocks"
    assert "websocket against http1" in lines
    folder = comparison_in(results)
    assert lines[-2:] == [f"report: {folder / 'report.md'}", f"report: {folder / 'report.json'}"]
    assert (folder / "report.md").exists()


def test_the_command_in_the_report_repeats_it(run: Run, faked: Faked, results: Path) -> None:
    _, out, _ = run("--run", "http1,http1:workers=4", *SMALL, "--seed", "9")
    again = (
        f"python3 lab.py compare --run http1,http1:workers=4 {' '.join(SMALL)} --seed 9 --results {results}"
    )
    assert read_comparison(comparison_in(results)).comparison.command == again
    assert f"again: {again}" in " ".join(out.split())


@pytest.mark.parametrize(
    "argv, given",
    [
        (["lab.py", "compare", "--run", "http1"], ["--run", "http1"]),
        (["/x/compare.py", "--run", "http1"], ["--run", "http1"]),
        (["load_tests/compare.py", "--results", "compare", "a"], ["--results", "compare", "a"]),
        (["/x/__main__.py", "compare", "compare"], ["compare"]),
    ],
)
def test_what_was_given_is_known_however_it_was_started(argv: list[str], given: list[str]) -> None:
    assert command._given(argv) == given


def test_the_options_reach_the_blocks(run: Run, faked: Faked) -> None:
    run(
        *("--run", "http1,http2", "--rounds", "3", "--noise-pairs", "0", "--seconds", "3", "--warmup", "0.5"),
        *("--rate", "200", "--batch", "5", "--servers", "9", "--shape", "burst", "--seed", "40"),
        *("--format", "md"),
    )
    assert len(faked.measured) == 6
    arm, load = faked.measured[-1]
    assert arm == "http2"
    assert (load.duration_s, load.warmup_s, load.rate_per_s, load.batch, load.producers) == (
        3.0, 0.5, 200.0, 5, 9,
    )  # fmt: skip
    assert (load.shape, load.schedule, load.seed) == ("burst", "poisson", 42)


def test_a_loss_is_the_first_line_on_the_terminal_and_in_the_report(
    run: Run, faked: Faked, results: Path
) -> None:
    faked.plant = lambda number, arm: {"missing": MISSING} if number == 5 else {}
    code, out, _ = run("--run", "http1,websocket", *SMALL)
    assert code == 0
    said = [line for line in out.splitlines() if not line.startswith(("8 blocks", "  "))]
    assert said[0] == "005-websocket: LOST 7 of 2,000 acknowledged samples: load-00 17–23"
    assert "nothing was lost" not in out
    first = (comparison_in(results) / "report.md").read_text().splitlines()[0]
    assert "7" in first
    assert "lost" in first.lower()


def test_ctrl_c_keeps_what_was_measured_and_ends_with_130(run: Run, faked: Faked, results: Path) -> None:
    faked.plant = stop_at(6, KeyboardInterrupt())
    code, out, err = run("--run", "http1,websocket", *SMALL)
    assert (code, err) == (130, "")
    assert "partial: interrupted: what was measured until then is kept" in out
    saved = read_comparison(comparison_in(results))
    assert saved.comparison.status == "partial"
    report = json.loads((saved.path / "report.json").read_text())
    assert "partial" in json.dumps(report)
    assert "The comparison did not end: it was stopped" in (saved.path / "report.md").read_text()


def test_a_report_on_a_partial_comparison_is_no_interruption(run: Run, faked: Faked, results: Path) -> None:
    faked.plant = stop_at(6, KeyboardInterrupt())
    run("--run", "http1,websocket", *SMALL)
    assert run(comparison_in(results).name, "--format", "md")[0] == 1


def test_stopped_before_anything_was_measured(run: Run, faked: Faked, results: Path) -> None:
    faked.plant = stop_at(1, KeyboardInterrupt())
    code, out, err = run("--run", "http1,websocket", *SMALL)
    assert (code, err) == (130, "")
    assert out.splitlines()[-1] == "stopped before anything could be compared"
    assert not [path for path in results.iterdir() if "compare" in path.name]


def test_a_pipeline_that_dies_on_the_way_ends_with_1(run: Run, faked: Faked, results: Path) -> None:
    faked.plant = stop_at(5, LabError("websocket cannot be reached: refused"))
    code, out, err = run("--run", "http1,websocket", *SMALL)
    assert (code, err) == (1, "")
    assert "failed: the pipeline broke down" in out
    assert "The comparison did not end: websocket cannot be reached: refused." in out
    assert len(read_comparison(comparison_in(results)).noise) == 2


def test_a_pipeline_that_does_not_start_is_one_line(run: Run, faked: Faked, results: Path) -> None:
    faked.plant = stop_at(1, LabError("redis does not start: no room"))
    code, _, err = run("--run", "http1,websocket", *SMALL)
    assert (code, err) == (2, "lab: redis does not start: no room\n")


def test_a_full_disk_is_one_line(run: Run, faked: Faked, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LabError("no room in /results: 12 kB are needed, 0 bytes are free; what was there is kept")

    monkeypatch.setattr("load_tests.comparison.blocks.write_comparison", full)
    code, _, err = run("--run", "http1,websocket", *SMALL)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("lab: no room in /results")


# -- saved runs -------------------------------------------------------------------------------------------------------


def test_two_saved_runs(run: Run, results: Path) -> None:
    code, out, err = run("01", "02", "--format", "md")
    assert (code, err) == (0, "")
    assert "websocket against http1" in out
    assert not read_comparison(comparison_in(results)).comparison.interleaved


def test_one_saved_run_gives_a_report_and_no_comparison(run: Run, results: Path) -> None:
    code, out, err = run("01", "--format", "md", "--format", "csv")
    assert (code, err) == (0, "")
    assert out.startswith("nothing was lost: 30,000 samples")
    assert (results / "01-http1" / "report.csv").exists()
    assert not [path for path in results.iterdir() if "compare" in path.name]


def test_a_saved_comparison_gives_its_report_again(run: Run, results: Path) -> None:
    run("01", "02", "--format", "md")
    folder = comparison_in(results)
    before = (folder / "report.md").read_bytes()
    (folder / "report.md").unlink()
    code, _, _ = run(folder.name, "--format", "md")
    assert code == 0
    assert (folder / "report.md").read_bytes() == before


def test_a_run_that_is_void_ends_with_1(run: Run, results: Path) -> None:
    saved = make_run("http2", number=9, duration_s=30, status="void", reasons=["late"])
    write_run(create(results, saved.run.id), saved.run, saved.histograms, saved.series, saved.ledger)
    assert run("01", "09", "--format", "md")[0] == 1
    assert run("09", "--format", "md")[0] == 1


@pytest.mark.parametrize("kind, begins", [("md", "# "), ("html", "<!doctype html>"), ("json", "{")])
def test_a_report_on_standard_output_and_all_else_beside_it(run: Run, kind: str, begins: str) -> None:
    code, out, err = run("01", "02", "--format", "md", "--stdout", kind)
    assert code == 0
    assert out.lower().startswith(begins)
    assert "report:" not in out
    assert "report:" in err


# -- budgets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, code, said",
    [
        ('[arm.websocket]\nprocessed_p50 = "<= 1"\nlost = 0\n', 0, "holds"),
        ('[arm.http1]\nprocessed_p50 = "<= 1"\n', 1, "broken"),
        ('[ratio.websocket]\ncpu = "<= 0.5"\n', 0, "holds"),
        ('[ratio.websocket]\ncpu = ">= 2"\n', 1, "broken"),
    ],
)
def test_a_budget_decides_the_exit_code(
    run: Run, faked: Faked, tmp_path: Path, text: str, code: int, said: str
) -> None:
    found, out, err = run("--run", "http1,websocket", *SMALL, "--budget", budget_file(tmp_path, text))
    assert (found, err) == (code, "")
    assert said in out


def test_a_budget_that_was_not_measured_to_the_end_does_not_hold(
    run: Run, faked: Faked, tmp_path: Path
) -> None:
    faked.plant = stop_at(4, LabError("gone"))
    code, out, err = run(
        "--run", "http1,websocket", *SMALL, "--budget", budget_file(tmp_path, "[arm.websocket]\nlost = 0\n")
    )
    assert (code, err) == (1, "")
    assert "the budget does not hold: the comparison is failed" in out


def test_a_budget_of_an_arm_that_is_not_measured_is_refused_before_measuring(
    run: Run, faked: Faked, tmp_path: Path
) -> None:
    code, out, err = run(
        "--run", "http1,http2", *SMALL, "--budget", budget_file(tmp_path, "[arm.websocket]\nlost = 0\n")
    )
    assert (code, out) == (2, "")
    assert err == "lab: --budget has websocket, which --run does not name\n"
    assert not faked.measured


# -- as a script ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error, code, said",
    [
        (click.UsageError("name saved runs"), 2, "compare: name saved runs\n"),
        (LabError("no run x"), 2, "compare: no run x\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_of_the_script_are_one_line_too(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(command.compare, "main", fail)
    assert command.main() == code
    assert capsys.readouterr() == ("", said)
