"""What a run says of its machine and code: enough to compare, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from load_tests.runs import machine
from load_tests.runs.machine import describe, revision, versions


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    describe.cache_clear()
    yield
    describe.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "code.py").write_text("a = 1\n")
    git(folder, "add", "code.py")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_the_machine_is_told_without_its_name() -> None:
    found = describe()
    assert found.cores > 0
    assert found.memory_bytes > 1 << 20
    assert found.cpu.strip()
    assert found.python == platform.python_version()
    assert platform.system() in found.system
    host = platform.node()
    assert not host or host not in msgspec.json.encode(found).decode()


def test_the_id_is_short_stable_and_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "alpha")
    first = describe().id
    assert len(first) == 10
    assert int(first, 16) >= 0
    describe.cache_clear()
    assert describe().id == first
    monkeypatch.setattr(platform, "node", lambda: "beta")
    describe.cache_clear()
    assert describe().id != first


def test_a_containers_name_by_chance_does_not_make_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for name in ("0123456789ab", "ba9876543210"):
        monkeypatch.setattr(platform, "node", lambda name=name: name)
        describe.cache_clear()
        found.add(describe().id)
    assert len(found) == 1


def test_macos_is_asked_by_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(command: list[str], *_: object) -> str:
        asked.append(command)
        return "Apple M3"

    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine, "_output", answer)
    assert describe().cpu == "Apple M3"
    assert asked == [["sysctl", "-n", "machdep.cpu.brand_string"]]


def test_a_system_that_does_not_tell_gives_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine, "_output", lambda *_: None)
    assert describe().cpu == platform.machine()


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"hypercorn", "starlette", "websockets", "redis", "rq", "locust", "uvloop"} <= set(found)
    monkeypatch.setattr(machine, "LIBRARIES", ("no-such-library",))
    assert versions() == {"python": platform.python_version()}


def test_a_revision_is_the_commit_and_whether_the_code_differs(clone: Path) -> None:
    head = git(clone, "rev-parse", "--short", "HEAD")
    assert revision(clone) == head
    (clone / "notes.txt").write_text("mine")
    assert revision(clone) == head
    (clone / "code.py").write_text("a = 2\n")
    assert revision(clone) == f"{head}-dirty"


def test_a_look_changes_nothing_and_runs_nothing(clone: Path) -> None:
    ran = clone.parent / "ran"
    hook = clone.parent / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    git(clone, "config", "core.fsmonitor", str(hook))
    before = (clone / ".git" / "index").read_bytes()
    os.utime(clone / "code.py", (1, 1))  # git would note the new time in its index
    assert revision(clone)
    assert (clone / ".git" / "index").read_bytes() == before
    assert not ran.exists()


def test_a_folder_that_only_lies_in_a_clone_has_no_revision_of_it(clone: Path) -> None:
    inside = clone / "unpacked"
    inside.mkdir()
    (inside / "code.py").write_text("a = 1\n")
    assert revision(inside) == ""


def test_without_git_repository_or_folder_the_revision_is_unknown(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert revision(tmp_path) == ""
    assert revision(tmp_path / "none") == ""
    monkeypatch.setenv("GIT_DIR", str(clone / ".git"))
    assert revision(tmp_path) == ""
    monkeypatch.setenv("PATH", "")
    assert revision(clone) == ""


def test_a_git_that_does_not_answer_is_not_waited_for(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = clone.parent / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "_GIT_WITHIN_S", 0.05)
    assert revision(clone) == ""
