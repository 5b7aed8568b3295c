from __future__ import annotations

import resource
import shutil
from pathlib import Path

import psutil
import pytest

from control_plane import doctor
from control_plane.doctor import NOTE, OK, PROBLEM, Finding, examine
from control_plane.open_files import files_needed, raise_limit
from control_plane.settings import Settings
from control_plane.terminal import Terminal


def findings(folder: Path, **environ: str) -> dict[str, Finding]:
    settings = Settings.from_environ({"LAB_STATE_DIR": str(folder), **environ})
    return {finding.what: finding for finding in examine(settings)}


def test_every_finding_that_is_not_fine_says_what_to_do(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert found["Python"].verdict == OK
    assert found["Valkey"].verdict == OK
    assert found["clock"].verdict in (OK, NOTE)
    assert {"memory", "disk", "open files", "ports", "chromium", "redis-server", "docker"} <= found.keys()
    for finding in found.values():
        assert finding.found
        assert finding.verdict == OK or finding.fix


def test_a_program_that_is_missing_is_a_note_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = findings(tmp_path)
    assert (found["chromium"].verdict, found["docker"].verdict) == (NOTE, NOTE)
    assert "apt install nghttp2-client" in found["h2load"].fix


def test_taken_ports_are_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "taken_ports", lambda host, base: [base + 1])
    found = findings(tmp_path, LAB_PORT_BASE="9000")["ports"]
    assert (found.verdict, found.found) == (NOTE, "9001 taken")


def test_little_memory_is_a_problem_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Memory:
        available = 100_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    settings = Settings.from_environ({"LAB_STATE_DIR": str(tmp_path)})
    assert {finding.what: finding.verdict for finding in examine(settings)}["memory"] == PROBLEM
    assert doctor.doctor(settings, Terminal()) == 1
    assert "close something" in " ".join(capsys.readouterr().out.split())


def test_more_servers_need_more_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    assert findings(tmp_path, LAB_SERVERS="50")["open files"].verdict == OK
    assert findings(tmp_path, LAB_SERVERS="5000")["open files"].verdict == PROBLEM


def test_the_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert raise_limit(files_needed(50)) is None
    assert asked == [(4096, 4096)]
    short = raise_limit(files_needed(5000))
    assert short is not None
    assert "ulimit -n" in short
