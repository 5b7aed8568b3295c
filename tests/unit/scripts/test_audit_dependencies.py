"""What the audit of the dependencies makes of pip-audit's findings."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from scripts.audit_dependencies import ask, judge

GOOD: dict[str, Any] = {"name": "anyio", "version": "4.0", "vulns": []}
WEAK: dict[str, Any] = {
    "name": "h2",
    "version": "4.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["4.2", "4.3"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED: dict[str, Any] = {"name": "ours", "skip_reason": "not found"}


def test_a_known_weakness_fails_and_is_named_once() -> None:
    code, lines = judge([GOOD, WEAK, WEAK, SKIPPED], "")
    assert code == 1
    assert lines == [
        "2 packages audited, 2 known weaknesses",
        "h2 4.1: PYSEC-1, repaired in 4.2, 4.3",
        "h2 4.1: PYSEC-2, repaired in no version",
        "1 packages are not known to the advisory service: ours",
    ]


def test_none_known_is_fine() -> None:
    assert judge([GOOD, GOOD], "") == (0, ["1 packages audited, 0 known weaknesses"])


def test_a_service_that_cannot_be_asked_is_one_line() -> None:
    assert judge(None, "no route") == (0, ["not audited: the advisory service cannot be asked (no route)"])
    assert judge([SKIPPED], "") == (0, ["not audited: the advisory service knows none of the 1 packages"])


@pytest.mark.parametrize(
    "outcome, why",
    [
        (
            subprocess.CompletedProcess([], 1, "", "Traceback\nConnectionError: no route\n"),
            "ConnectionError: no route",
        ),
        (subprocess.CompletedProcess([], 3, "", ""), "exit code 3"),
        (subprocess.TimeoutExpired([], 5), "no answer within 5 s"),
    ],
)
def test_why_it_could_not_be_asked(monkeypatch: pytest.MonkeyPatch, outcome: Any, why: str) -> None:
    def run(*_: object, **__: object) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    assert ask(5) == (None, why)
