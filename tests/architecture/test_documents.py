"""What the documents name exists: commands and their flags, `LAB_…` variables, files and folders, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click
import pytest

from control_plane.cli import cli
from control_plane.settings import BOOTSTRAP_VARIABLES, OWN_VARIABLES
from lab_runtime.env import VARIABLES
from tests.architecture.tree import ROOT, files, name

DOCUMENTS: Final = [path for path in files(".md") if not name(path).startswith("tests/")]
COMMAND: Final = re.compile(r"(?:python3 |\./)?lab\.py ([a-z]+)([^`\n|#;&]*)")
FLAG: Final = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
VARIABLE: Final = re.compile(r"\bLAB_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
IN_CODE: Final = re.compile(r"`([^`\n]+)`")
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
PATH: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?", re.ASCII)
SUFFIXES: Final = (".py", ".js", ".lua", ".md", ".toml", ".yml", ".css", ".html", ".in", ".png", ".svg")
MADE_LATER: Final = (".lab", ".venv", "wheels", ".env")
"""Not in a fresh clone: made by the lab or by the user."""

NAMES: Final = {path.name for path in files()} | {path.name for path in ROOT.rglob("*.png")}


def context() -> click.Context:
    return click.Context(cli)


def document(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_there_are_documents() -> None:
    assert {"README.md", "ARCHITECTURE.md", "CHANGELOG.md"} <= {name(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_and_flags_exist(path: Path) -> None:
    for command_name, rest in COMMAND.findall(document(path)):
        command = cli.get_command(context(), command_name)
        assert command, f"no command {command_name}"
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)} | {
            "--help"
        }
        for flag in FLAG.findall(rest.partition(" -- ")[0]):
            assert flag in known, f"{command_name} has no {flag}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_variables_exist(path: Path) -> None:
    known = {*VARIABLES, *OWN_VARIABLES, *BOOTSTRAP_VARIABLES}
    assert set(VARIABLE.findall(document(path))) <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_files_and_folders_exist(path: Path) -> None:
    for text in IN_CODE.findall(document(path)):
        if not PATH.fullmatch(text) or text.startswith(MADE_LATER):
            continue
        first, slash, _ = text.partition("/")
        if slash and ((ROOT / first).exists() or text.endswith(SUFFIXES)):
            assert (ROOT / text).exists() or (path.parent / text).exists(), f"no {text}"
        elif not slash and text.endswith(SUFFIXES):
            assert text in NAMES, f"no file is named {text}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(document(path)):
        place = target.partition("#")[0]
        if place and "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / place).exists(), f"no {target}"
