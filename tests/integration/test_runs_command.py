"""`lab.py runs` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from control_plane.cli import main
from load_tests.runs.index import INDEX
from tests.support.child import ROOT, clean_environ
from tests.unit.load_tests.runs.small_runs import STARTED_AT_US, put, put_comparison, replaced


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    put(folder, "20260101-000000-http1-aaa", started_at_us=STARTED_AT_US - 1)
    put(folder, "20260102-000000-websocket-bbb", plan=replaced("plan", arm="websocket"), fates="aaaa")
    put_comparison(folder, "20260103-000000-compare-ccc")
    return folder


def run(capsys: pytest.CaptureFixture[str], results: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a `runs` command."""
    code = main(["runs", *arguments, "--results", str(results)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_is_newest_first(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, results, *arguments)
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if line.startswith("2026")]
    assert [name[-3:] for name in names] == ["ccc", "bbb", "aaa"]


@pytest.mark.parametrize(
    "flags, expected",
    [
        ((), ["ccc", "bbb", "aaa"]),
        (("--limit", "2"), ["ccc", "bbb"]),
        (("--arm", "http1"), ["ccc", "aaa"]),
        (("--arm", "websocket"), ["bbb"]),
        (("--status", "void"), []),
    ],
)
def test_the_list_as_json_with_its_filters(
    results: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], expected: list[str]
) -> None:
    code, out, _ = run(capsys, results, "list", "--json", *flags)
    assert code == 0
    told = json.loads(out)
    assert [entry["id"][-3:] for entry in told["runs"]] == expected
    assert told["unreadable"] == []


def test_the_folder_may_stand_before_the_command(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--results", str(results), "show", "latest:websocket"]) == 0
    assert capsys.readouterr().out.startswith("nothing was lost: 4 samples")


def test_without_runs_the_way_to_one_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, tmp_path / "none")
    assert (code, err) == (0, "")
    assert "`python3 lab.py load http1` makes one" in out


def test_what_cannot_be_read_is_told_beside_the_list(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "20260101-000000-http1-aaa" / "run.json").write_text("{")
    code, out, err = run(capsys, results)
    assert code == 0
    assert "aaa" not in out
    assert "not listed:" in err
    assert "run.json is cut off" in err


def test_a_run_is_shown_with_its_loss_first(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, results, "show", "20260101")
    assert code == 0
    assert out.startswith("LOST 2 of 92 acknowledged samples: load-0 45, load-1 45\n")
    code, out, _ = run(capsys, results, "show", "latest")
    assert code == 0
    assert "http2 against http1" in out


def test_a_run_as_json_is_its_file_and_its_figures(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, results, "show", "20260101", "--json")
    told = json.loads(out)
    assert told["run"] == json.loads((results / "20260101-000000-http1-aaa" / "run.json").read_text())
    assert told["figures"]["memory"] == 40.0
    assert told["headline"].startswith("LOST 2")
    _, out, _ = run(capsys, results, "show", "20260103", "--json")
    assert len(json.loads(out)["blocks"]) == 5


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("show", "20260104"), "no run 20260104 in"),
        (("show", "2026"), "may be any of 3 runs"),
        (("show", "20260101-000000-http1-aab"), "did you mean 20260101-000000-http1-aaa"),
        (("import", "nothing.labrun"), "does not exist"),
        (("remove", "other", "--yes"), "no run other in"),
        (("list", "--status", "good"), "'good' is not one of"),
        (("sho", "x"), "no such command: sho; did you mean show?"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    code, out, err = run(capsys, results, *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert expected in err


def test_a_run_goes_out_and_comes_in(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, there = tmp_path / "mine.labrun", tmp_path / "there"
    assert run(capsys, results, "export", "20260103", str(file)) == (0, f"written: {file}\n", "")
    _, out, _ = run(capsys, there, "import", str(file))
    assert out == f"imported: {there / '20260103-000000-compare-ccc'}\n"
    code, out, _ = run(capsys, there, "import", str(file))
    assert code == 0
    assert out.startswith("was there already, the same:")


def test_removing_asks_unless_told_not_to(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.confirm", lambda *_: False)
    assert run(capsys, results, "remove", "20260101")[:2] == (1, "nothing was removed\n")
    monkeypatch.setattr("click.confirm", lambda *_: True)
    assert run(capsys, results, "remove", "20260101")[0] == 0
    monkeypatch.undo()
    (
        results / "20260102-000000-websocket-bbb" / "run.json"
    ).unlink()  # one that cannot be read goes by its name
    assert run(capsys, results, "remove", "20260102-000000-websocket-bbb", "20260103", "--yes")[0] == 0
    assert {path.name for path in results.iterdir()} <= {INDEX}


def test_only_runs_of_the_results_folder_are_removed(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = put(tmp_path / "outside", "mine")
    (results / "photos").mkdir()
    (results / "linked").symlink_to(outside)
    for name in (str(outside), "photos", "linked", "..", str(results / "linked")):
        code, _, err = run(capsys, results, "remove", name, "--yes")
        assert code == 2, name
        assert len(err.splitlines()) == 1
    assert (outside / "run.json").exists()
    assert (results / "photos").exists()


def test_the_command_imports_nothing_heavy() -> None:
    program = """
import sys
import load_tests.runs.command, load_tests.runs.machine
sys.exit(", ".join(sorted({"numpy", "scipy", "matplotlib", "locust", "gevent"} & set(sys.modules))) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_processes_that_list_at_the_same_time_agree(results: Path) -> None:
    program = "import sys; from control_plane.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "runs", "--json", "--results", str(results)]
    children = [
        subprocess.Popen(
            command, cwd=ROOT, env=clean_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    said = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert len(json.loads(said[0][0])["runs"]) == 3
