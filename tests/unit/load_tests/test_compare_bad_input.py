"""What `lab.py compare` does not take: one line on standard error, exit code 2, nothing measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from load_tests.runs.folder import create, write_run
from tests.support.saved_runs import make_run
from tests.unit.load_tests.comparison.faked_measure import Faked, fake_processes
from tests.unit.load_tests.typed_compare import Run, budget_file, comparison_in, make_results, typed


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return fake_processes(monkeypatch)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return make_results(tmp_path / "results")


@pytest.fixture
def run(results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return typed(results, capsys, monkeypatch)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), "name saved runs, or arms with --run"),
        (("--run", ""), "name saved runs, or arms with --run"),
        (("--run", " , "), "--run names no arm"),
        (("01", "--run", "http1"), "name saved runs, or arms with --run"),
        (("--run", "http1,htp2"), "no arm 'htp2'; did you mean http2?"),
        (("--run", "http1,carrier-pigeon"), "(there are http1, http2, websocket,"),
        (("--run", "http1,http1"), "http1: named twice"),
        (("--run", "http1,http1@."), ". is not a folder of this lab"),
        (("--run", "http1,http1@/no/such/folder"), "/no/such/folder is not a folder of this lab"),
        (("--run", "http1:workers=999"), "http1:workers=999: "),
        (("--run", "http1:workers=many"), "http1:workers=many: "),
        (("--run", "http1:fsync=often"), "expected one of always, everysec, no"),
        (("--run", "http1:worker=2"), "expected NAME=VALUE with one of workers,"),
        (("--run", "http1:batch=0"), "batch=0: expected a number above 0"),
        (("--run", "http1:batch=20000"), "batch=20000: expected 1 to 10000"),
        (("--run", "http1", "--rounds", "2"), "'--rounds'"),
        (("--run", "http1", "--seconds", "0.5"), "'--seconds'"),
        (("--run", "http1", "--noise-pairs", "-1"), "'--noise-pairs'"),
        (("--run", "http1", "--rate", "0"), "'--rate'"),
        (("--run", "http1", "--rate", "nan"), "'--rate'"),
        (("--run", "http1", "--batch", "10001"), "'--batch'"),
        (("--run", "http1", "--servers", "0"), "'--servers'"),
        (("--run", "http1", "--confidence", "1"), "'--confidence'"),
        (("--run", "http1", "--seed", str(2**31)), "'--seed'"),
        (("--run", "http1", "--shape", "wave"), "'--shape'"),
        (("--run", "http1", "--runds", "3"), "no such flag: --runds; did you mean --rounds?"),
        (("--run", "http1", "--budget", "missing.toml"), "the budget missing.toml cannot be read"),
        (("01", "--format", "pdf"), "'pdf' is not one of"),
        (("01", "--stdout", "pdf"), "'pdf' is not one of"),
        (("07-nothing",), "no run 07-nothing in"),
        (("0",), "may be any of 3 runs"),
        (("01", "01"), "a run is named twice"),
        (("01-htp1",), "did you mean 01-http1"),
        (("01", "--publish", "."), "is a run, not a comparison"),
        (("01", "--publish", "no-such-folder"), "'no-such-folder' does not exist"),
        (("--run", "http1", "--publish", "."), "--publish takes comparisons that exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run: Run, faked: Faked, arguments: tuple[str, ...], expected: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert expected in err
    assert not faked.measured


def test_an_unknown_key_of_a_budget_is_named_with_the_nearest(run: Run, faked: Faked, tmp_path: Path) -> None:
    code, out, err = run(
        "--run", "http1", "--budget", budget_file(tmp_path, "[arm.http1]\nprocesed_p50 = 5\n")
    )
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "arm.http1.procesed_p50 is not known; did you mean processed_p50?" in err


def test_a_budget_for_one_run_says_what_it_needs(run: Run, tmp_path: Path) -> None:
    code, out, err = run("01", "--budget", budget_file(tmp_path, "[arm.http1]\nlost = 0\n"))
    assert (code, out) == (2, "")
    assert err == "lab: --budget needs a comparison; name two runs or use --run\n"


@pytest.mark.parametrize("name", ["histograms.json", "ledger.json", "run.json"])
def test_a_truncated_run_is_one_line_that_names_the_file(run: Run, results: Path, name: str) -> None:
    file = results / "01-http1" / name
    file.write_bytes(file.read_bytes()[:100])
    code, out, err = run("01", "02")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert name in err
    assert not [path for path in results.iterdir() if "compare" in path.name]


def test_a_run_without_a_file_is_one_line(run: Run, results: Path) -> None:
    (results / "01-http1" / "series.json").unlink()
    code, out, err = run("01", "02")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "has no series.json" in err


def test_a_run_and_a_comparison_cannot_be_compared(run: Run, results: Path) -> None:
    run("01", "02", "--format", "md")
    code, out, err = run("01", comparison_in(results).name)
    assert (code, out) == (2, "")
    assert err == "lab: several names must be runs; a comparison stands alone\n"


def test_a_run_of_another_folder_is_refused(run: Run, tmp_path: Path) -> None:
    saved = make_run("http2", number=9, duration_s=30)
    other = create(tmp_path / "other", saved.run.id)
    write_run(other, saved.run, saved.histograms, saved.series, saved.ledger)
    code, out, err = run("01", str(other))
    assert (code, out) == (2, "")
    assert "is not in" in err
