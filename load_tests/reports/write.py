"""Writes reports: which formats there are, and their files.

A report is made of what is saved and can be made again at any time; each file is replaced whole, or left as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Final

from load_tests.reports.html_page import render_html
from load_tests.reports.markdown import render_markdown
from load_tests.reports.pictures import PICTURES
from load_tests.reports.records import render_csv, render_json
from load_tests.reports.view import report_of
from load_tests.runs.files import not_written
from load_tests.runs.folder import SavedComparison, SavedRun
from metrics_core.errors import LabError

FORMATS: Final = ("html", "md", "csv", "json", "png")


def write_reports(
    saved: SavedComparison | SavedRun, folder: Path, formats: Collection[str] = FORMATS
) -> list[Path]:
    """Write the report of a run or comparison in the given formats; the folder is made where it is missing.

    Args:
        saved: What was measured.
        folder: Where `report.html`, `report.md`, `report.csv`, `report.json` and the pictures go.
        formats: Of `FORMATS`.

    Returns:
        The files written, in the order of `FORMATS`.

    Raises:
        LabError: An unknown format; no room or no permission; a part (Jinja, Chart.js, matplotlib) that is not
            installed, after all formats that do without it were written.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise LabError(f"there is no report format {', '.join(unknown)}; there are {', '.join(FORMATS)}")
    written: list[Path] = []
    missing: LabError | None = None
    for name, make in _files(saved, formats).items():
        try:
            content = make()
        except LabError as error:  # a part is not installed: the other formats do without it
            missing = missing or error
            continue
        _replace(folder / name, content)
        written.append(folder / name)
    if missing:
        raise missing
    return written


def _files(saved: SavedComparison | SavedRun, formats: Collection[str]) -> dict[str, Callable[[], bytes]]:
    """Each file and what makes its content."""
    pictures = "" if "png" in formats else None
    makers: dict[str, dict[str, Callable[[], bytes]]] = {
        "html": {"report.html": lambda: render_html(saved).encode()},
        "md": {"report.md": lambda: render_markdown(saved, pictures=pictures).encode()},
        "csv": {"report.csv": lambda: render_csv(saved).encode()},
        "json": {"report.json": lambda: render_json(saved)},
        "png": {name: partial(draw, report_of(saved)) for name, draw in PICTURES.items()},
    }
    return {name: make for format_ in FORMATS if format_ in formats for name, make in makers[format_].items()}


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise LabError(not_written(path.parent, error, len(content))) from error
