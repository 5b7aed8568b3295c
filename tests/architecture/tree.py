"""The files of the repository, as the architecture tests see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PACKAGES: Final = (
    "metrics_core",
    "lab_runtime",
    "fake_servers",
    "pipeline_http_redis",
    "pipeline_websocket",
    "load_tests",
    "control_plane",
)
_NOT_OURS: Final = frozenset(
    {
        ".git",
        ".hypothesis",
        ".lab",
        "results",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "__pycache__",
        "node_modules",
        "wheels",
    }
)
_NOT_TEXT: Final = frozenset({".labrun", ".png", ".ico", ".gif", ".woff2", ".pyc"})


def files(*suffixes: str, under: Path = ROOT) -> Iterator[Path]:
    """Every file of the repository with one of the suffixes (none given: every text file)."""
    for path in sorted(under.iterdir()):
        if path.name in _NOT_OURS or path.is_symlink():
            continue
        if path.is_dir():
            yield from files(*suffixes, under=path)
        elif path.suffix in suffixes or (not suffixes and path.suffix not in _NOT_TEXT):
            yield path


def name(path: Path) -> str:
    """A file's path inside the repository."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """The modules that a Python file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: relative import"
            found.add(node.module or "")
    return found
