"""Writes reports: which formats there are, and their files.

A report is made of what is saved and can be made again at any time; each file is replaced whole, or left as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
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
        LabError: An unknown format, a missing part (Jinja, Chart.js, matplotlib), no room or no permission. Files
            written before are kept.
    """
    if unknown := sorted(set(formats) - set(FORMATS)):
        raise LabError(f"there is no report format {', '.join(unknown)}; there are {', '.join(FORMATS)}")
    written = []
    for name, content in _files(saved, formats):
        _replace(folder / name, content)
        written.append(folder / name)
    return written


def _files(saved: SavedComparison | SavedRun, formats: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Each file and what is in it, made one by one so that a missing part costs only its own format."""
    if "html" in formats:
        yield "report.html", render_html(saved).encode()
    if "md" in formats:
        yield "report.md", render_markdown(saved, pictures="" if "png" in formats else None).encode()
    if "csv" in formats:
        yield "report.csv", render_csv(saved).encode()
    if "json" in formats:
        yield "report.json", render_json(saved)
    if "png" in formats:
        report = report_of(saved)
        for name, draw in PICTURES.items():
            yield name, draw(report)


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
