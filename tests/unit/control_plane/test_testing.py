from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from control_plane import testing
from control_plane.testing import run_tests
from metrics_core.errors import LabError
from tests.architecture.tree import PACKAGES


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, int]], list[list[str]]]:
    """Replaces the programs: gives the list of what is run; each fails as told."""

    def replace(codes: dict[str, int]) -> list[list[str]]:
        ran: list[list[str]] = []

        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
            ran.append(command[2:])
            return subprocess.CompletedProcess(command, codes.get(command[2], 0))

        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        for switch in ("LAB_TEST_COMPOSE", "LAB_TEST_AUDIT"):
            monkeypatch.delenv(switch, raising=False)
        return ran

    return replace


def test_pytest_comes_last_and_gets_its_arguments(
    steps: Callable[[dict[str, int]], list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = steps({})
    assert run_tests(("-k", "one"), tests_only=False) == 0
    assert [command[0] for command in ran] == ["ruff", "ruff", "mypy", "bandit", "pytest"]
    assert ran[-1] == ["pytest", "-k", "one"]
    assert "tests/compose is left out" in capsys.readouterr().out


def test_the_first_failure_is_the_exit_code(steps: Callable[[dict[str, int]], list[list[str]]]) -> None:
    ran = steps({"mypy": 3, "pytest": 5})
    assert run_tests((), tests_only=False) == 3
    assert ran[-1][0] == "pytest"


def test_tests_only(steps: Callable[[dict[str, int]], list[list[str]]]) -> None:
    ran = steps({})
    run_tests(("tests/unit",), tests_only=True)
    assert ran == [["pytest", "tests/unit"]]


def test_what_minds_no_neighbour_runs_beside_the_others_each_test_once(
    steps: Callable[[dict[str, int]], list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = steps({})
    assert run_tests((), tests_only=True) == 0
    assert sorted(ran) == [
        ["pytest", "-m", "beside and not alone", "-p", "no:cacheprovider"],
        ["pytest", "-m", "not compose and (alone or not beside)"],
    ]
    assert "lab test: unit tests and tests of the page, run beside the others:" in capsys.readouterr().out


def test_a_failure_beside_fails_the_whole(
    steps: Callable[[dict[str, int]], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps({})
    monkeypatch.setattr(testing, "SHARED", ("page",))
    failing = steps({"page": 1})
    assert run_tests((), tests_only=True) == 1
    assert ["page"] in failing


def test_compose_is_selected_by_its_switch(
    steps: Callable[[dict[str, int]], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = steps({})
    monkeypatch.setenv("LAB_TEST_COMPOSE", "1")
    run_tests((), tests_only=True)
    assert ["pytest", "-m", "alone or not beside"] in ran
    ran.clear()
    run_tests(("-k", "one"), tests_only=True)
    assert ran == [["pytest", "-m", "compose or not compose", "-k", "one"]]


def test_the_dependencies_are_audited_where_ci_says_so(
    steps: Callable[[dict[str, int]], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = steps({"scripts.audit_dependencies": 1})
    monkeypatch.setenv("LAB_TEST_AUDIT", "1")
    assert run_tests(("-q",), tests_only=True) == 1
    assert ran == [["scripts.audit_dependencies"], ["pytest", "-q"]]


def test_bandit_looks_at_every_package() -> None:
    assert set(PACKAGES) | {"lab.py", "scripts"} == set(testing.SHIPPED)


def test_missing_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ruff" else object())
    with pytest.raises(LabError, match="ruff missing"):
        run_tests((), tests_only=False)


def test_tests_do_not_see_the_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RATE", "99")
    monkeypatch.setenv("LAB_TEST_COMPOSE", "1")
    environ = testing.test_environ()
    assert "LAB_RATE" not in environ
    assert environ["LAB_TEST_COMPOSE"] == "1"
