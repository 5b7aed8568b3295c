"""`lab.py compare` as a test types it, over results that are made up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from control_plane.cli import main
from load_tests.runs.folder import create, write_run
from tests.support.saved_runs import make_run

Run = Callable[..., tuple[int, str, str]]
SMALL: Final = ("--rounds", "3", "--noise-pairs", "1", "--seconds", "2", "--format", "md", "--format", "json")


def make_results(folder: Path) -> Path:
    """Three saved runs: `01-http1`, `02-websocket`, `03-websocket`."""
    for number, arm in enumerate(("http1", "websocket", "websocket"), 1):
        saved = make_run(arm, number=number, duration_s=30)
        write_run(create(folder, saved.run.id), saved.run, saved.histograms, saved.series, saved.ledger)
    return folder


def typed(results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Gives a function: arguments of `compare` to its exit code, standard output and standard error."""
    monkeypatch.chdir(results.parent)

    def compare(*arguments: str) -> tuple[int, str, str]:
        given = ["compare", *arguments, "--results", str(results)]
        monkeypatch.setattr(sys, "argv", ["lab.py", *given])
        code = main(given)
        out, err = capsys.readouterr()
        return code, out, err

    return compare


def comparison_in(results: Path) -> Path:
    """The one comparison that is there."""
    (folder,) = [path for path in results.iterdir() if "compare" in path.name]
    return folder


def budget_file(folder: Path, text: str) -> str:
    """Writes a budget and gives its path."""
    path = folder / "budget.toml"
    path.write_text(text)
    return str(path)
