"""Sizes, locks, settings and what must not stand in any file."""

from __future__ import annotations

import itertools
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Final

import pytest

from control_plane import __version__
from control_plane.settings import OWN_VARIABLES
from lab_runtime.env import VARIABLES
from tests.architecture.tree import ROOT, files, name

LONGEST: Final = 300
REASON: Final = "Long because:"
LOCKS: Final = ("lab", "report", "test")

REGISTRIES: Final = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "jsdeliv" + "r.net",
    "unp" + "kg.com",
)
MACHINE_PATH: Final = re.compile(r"(?<![\w./-])/(?:ro" + r"ot|wo" + r"rk|Use" + r"rs|tmp/w)/\w")


def test_long_files_say_why() -> None:
    for path in files(".py", ".js", ".lua", ".css"):
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        assert lines <= LONGEST or REASON in text, f"{name(path)}: {lines} lines and no '{REASON} …'"


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        for host in REGISTRIES:
            assert host not in text, f"{name(path)} names {host}"
        found = MACHINE_PATH.search(text)
        assert not found, f"{name(path)} names {text[found.start() : found.start() + 30]!r}"


def requirements(path: Path) -> dict[str, str]:
    """Each pinned package of a lock and its lines."""
    found = {}
    for block in re.split(r"\n(?=[a-zA-Z0-9])", path.read_text(encoding="utf-8")):
        match = re.match(r"([a-zA-Z0-9._-]+)==(\S+)", block)
        if match:
            found[match[1]] = block
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_by_hash(lock: str) -> None:
    pinned = requirements(ROOT / "requirements" / f"{lock}.txt")
    assert len(pinned) > 20
    for package, block in pinned.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), package
        assert "://" not in block, package


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_all_that_is_asked_for(lock: str) -> None:
    pinned = requirements(ROOT / "requirements" / f"{lock}.txt")
    for line in (ROOT / "requirements" / f"{lock}.in").read_text(encoding="utf-8").splitlines():
        wanted = re.match(r"[a-z][a-z0-9._-]*", line)
        assert not wanted or wanted[0] in pinned, f"{line}: run python3 scripts/lock.py"


@pytest.mark.parametrize("smaller, larger", list(itertools.pairwise(LOCKS)))
def test_a_lock_has_the_versions_of_the_one_it_builds_on(smaller: str, larger: str) -> None:
    less, more = (requirements(ROOT / "requirements" / f"{lock}.txt") for lock in (smaller, larger))
    version = re.compile(r"==(\S+)")
    for package, block in less.items():
        assert package in more
        assert version.findall(block)[0] == version.findall(more[package])[0], package


def test_the_example_of_settings_is_complete() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    shown = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#?LAB_", line))
    known = {variable: about.default for variable, about in (VARIABLES | OWN_VARIABLES).items()}
    assert shown == known
    assert not [line for line in lines if line.startswith("LAB_")], (
        "an example that changes nothing when copied"
    )


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


def test_no_test_is_left_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = project["tool"]["pytest"]["ini_options"]["testpaths"]
    for path in files(".py", under=ROOT / "tests"):
        if path.name.startswith("test_"):
            assert name(path).startswith(tuple(f"{folder}/" for folder in folders)), (
                f"{name(path)} is not run"
            )


@pytest.mark.parametrize("program", ["lab.py", ".ci/run"])
def test_programs_can_be_run(program: str) -> None:
    path = ROOT / program
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env ")
    assert path.stat().st_mode & stat.S_IXUSR
    assert os.access(path, os.X_OK)
