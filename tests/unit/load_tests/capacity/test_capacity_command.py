"""`lab.py capacity` as a user types it, over a made-up pipeline with a known limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control_plane.cli import main
from load_tests.capacity import command
from load_tests.measure import Load, Tell
from load_tests.runs.folder import SavedRun
from load_tests.target.arm import Arm
from load_tests.target.target import Target
from metrics_core.errors import LabError
from tests.support.saved_runs import make_run
from tests.unit.load_tests.comparison.faked_measure import Faked, fake_processes

LIMIT_PER_S = {"http1": 3000.0, "http2": 2000.0, "websocket": 90_000.0}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Faked:
    """Probes hold up to the arm's limit; what they are offered is in `measured`."""
    faked = fake_processes(monkeypatch)

    def measure(target: Target, load: Load, folder: Path, tell: Tell) -> SavedRun:
        assert folder.is_dir()
        faked.measured.append((target.arm, load))
        too_much = load.rate_per_s > LIMIT_PER_S[target.arm.partition(":")[0]]
        return make_run(
            target.arm, rate_per_s=load.rate_per_s, slowness=2000.0 if too_much else 1.0,
            **faked.plant(len(faked.measured), target.arm),
        )  # fmt: skip

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    return faked


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def capacity(*arguments: str) -> tuple[int, str, str]:
        code = main(["capacity", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return capacity


def found_in(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text())
    return found


def test_the_limits_are_found_and_told(run: Run, faked: Faked, tmp_path: Path) -> None:
    code, out, err = run("--run", "http1,websocket", "--json", "out.json")
    assert (code, err) == (0, "")
    found = found_in("out.json")
    assert found["complete"] is True
    for arm in ("http1", "websocket"):
        told = found["sustained"][arm]
        assert LIMIT_PER_S[arm] / 1.05 <= told["rate_per_s"] <= LIMIT_PER_S[arm]
        assert told["limited_by"] == "pipeline"
        assert f"{told['rate_per_s']:,.0f}" in out
    assert found["machine"]["cores"] >= 1
    assert list((tmp_path / "results").iterdir()) == []
    assert not any(rig.running for rig in faked.rigs)
    assert len({load.seed for arm, load in faked.measured if arm == "http1"}) == len(
        [arm for arm, _ in faked.measured if arm == "http1"]
    )


def test_a_large_batch_is_searched_too(run: Run, faked: Faked) -> None:
    code, _, _ = run("--run", "websocket", "--batch", "1000", "--json", "out.json")
    assert code == 0
    assert 85_000 < found_in("out.json")["sustained"]["websocket"]["rate_per_s"] <= 90_000
    assert {load.batch for _, load in faked.measured} == {1000}


def test_every_probe_sends_something(run: Run, faked: Faked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMIT_PER_S, "http1", 0.0)
    code, out, _ = run("--run", "http1", "--batch", "1000", "--seconds", "5")
    assert code == 0
    assert min(load.rate_per_s for _, load in faked.measured) == 10 * 1000 / 5
    assert "pipeline" in out


def test_a_generator_that_is_the_limit_is_said(run: Run, faked: Faked) -> None:
    faked.plant = lambda number, arm: (
        {"status": "void", "reasons": ["late"]} if faked.measured[-1][1].rate_per_s > 1000 else {}
    )
    _, out, _ = run("--run", "http1", "--json", "out.json")
    assert found_in("out.json")["sustained"]["http1"]["limited_by"] == "generator"
    assert "≥ 1,000" in out


def test_where_nothing_holds_no_rate_is_told(run: Run, faked: Faked) -> None:
    faked.plant = lambda number, arm: {"status": "void", "reasons": ["late"]}
    _, out, _ = run("--run", "http1", "--json", "out.json")
    assert found_in("out.json")["sustained"]["http1"]["rate_per_s"] == 0
    assert "none held" in out
    assert "≥" not in out


def test_ctrl_c_keeps_the_arms_that_were_measured(run: Run, faked: Faked, tmp_path: Path) -> None:
    def plant(number: int, arm: str) -> dict[str, Any]:
        if arm == "http2":
            raise KeyboardInterrupt
        return {}

    faked.plant = plant
    code, out, err = run("--run", "http1,http2", "--json", "out.json")
    assert (code, err) == (130, "")
    found = found_in("out.json")
    assert (found["complete"], list(found["sustained"])) == (False, ["http1"])
    assert "Sustained" in out
    assert list((tmp_path / "results").iterdir()) == []
    assert not any(rig.running for rig in faked.rigs)


def test_a_pipeline_that_dies_is_one_line_and_keeps_the_others(run: Run, faked: Faked) -> None:
    def plant(number: int, arm: str) -> dict[str, Any]:
        if arm == "websocket":
            raise LabError("websocket cannot be reached: refused")
        return {}

    faked.plant = plant
    code, out, err = run("--run", "http1,websocket", "--json", "out.json")
    assert (code, err) == (2, "lab: websocket cannot be reached: refused\n")
    assert "Sustained" in out
    assert list(found_in("out.json")["sustained"]) == ["http1"]


# -- curves -----------------------------------------------------------------------------------------------------------


def test_curves_are_fitted_and_told(run: Run, faked: Faked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[int]]] = []

    def curve(arm: Arm, counts: list[int], *_: Any) -> list[tuple[int, float]]:
        asked.append((arm.name, counts))
        return [(n, 1000.0 * n / (1 + 0.1 * (n - 1))) for n in counts]

    monkeypatch.setattr(command, "workers_curve", curve)
    monkeypatch.setattr(command, "producers_curve", curve)
    arguments = ("--no-search", "--run", "websocket,http1:fsync=no", "--workers", "4, 2,1,3,2")
    code, out, err = run(*arguments, "--producers", "1,2,4,8", "--json", "out.json")
    assert (code, err) == (0, "")
    assert asked == [
        ("http1:fsync=no", [1, 2, 3, 4]), ("websocket", [1, 2, 4, 8]), ("http1:fsync=no", [1, 2, 4, 8]),
    ]  # fmt: skip
    found = found_in("out.json")
    assert found["sustained"] == {}
    assert list(found["workers"]) == ["http1:fsync=no"]
    assert found["workers"]["http1:fsync=no"]["contention"]["value"] == pytest.approx(0.1, abs=0.01)
    assert "websocket: throughput over producers" in out


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("--run", "htp1"), "no arm 'htp1'; did you mean http1?"),
        (("--run", ","), "--run names no arm"),
        (("--run", "http1,http1"), "named twice"),
        (("--run", "http1:rate=5"), "the load is the same for all arms here; give --batch or --servers"),
        (("--p99-ms", "0"), "'--p99-ms'"),
        (("--p99-ms", "nan"), "'--p99-ms'"),
        (("--seconds", "2"), "'--seconds'"),
        (("--batch", "0"), "'--batch'"),
        (("--servers", "many"), "'--servers'"),
        (("--workers", "1,two"), "1,two: expected numbers from 1 to 64"),
        (("--workers", ""), ": expected numbers from 1 to 64"),
        (("--workers", "65"), "expected numbers from 1 to 64"),
        (("--producers", "0,1"), "expected numbers from 1 to 5000"),
        (("--producers", ",".join(map(str, range(1, 23)))), "22 numbers; 20 are the most"),
        (("--run", "websocket", "--workers", "1,2"), "none of the arms has RQ workers"),
        (("--no-search",), "--no-search leaves nothing to do"),
        (("--json", "no/such/folder/out.json"), "--json no/such/folder/out.json: cannot be written"),
        (("--jsn", "x"), "no such flag: --jsn; did you mean --json?"),
        (("spare",), "spare"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_measured(
    run: Run, faked: Faked, arguments: tuple[str, ...], expected: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert expected in err
    assert not faked.measured
    assert not faked.rigs


def test_results_that_cannot_be_kept_are_one_line(
    run: Run, faked: Faked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(command, "RESULTS", tmp_path / "file")
    code, _, err = run("--run", "http1")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot keep runs there" in err
