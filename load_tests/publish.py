"""Publishes comparisons: one document of results, a report and pictures of each, and the measurements themselves.

Into a folder go `performance-results.md`, `reports/ID/report.html` with its pictures, and `reports/ID.labrun`, out of
which all the rest can be made again; a test does so and finds the document unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from load_tests.reports.document import render_results_document
from load_tests.reports.write import write_reports
from load_tests.runs.archive import export
from load_tests.runs.folder import SavedComparison
from metrics_core.errors import LabError

DOCUMENT: Final = "performance-results.md"
REPORTS: Final = "reports"
COMMAND: Final = "python3 lab.py compare COMPARISON… --publish docs"


def publish(saved: Sequence[SavedComparison], folder: Path) -> list[Path]:
    """Write everything; what an earlier publication left of other comparisons stays and is not in the document.

    Args:
        saved: In any order; the document has them by age.
        folder: `docs`, or another one that exists.

    Returns:
        The files written.

    Raises:
        LabError: Something cannot be written.
    """
    ordered = sorted(saved, key=lambda each: each.comparison.started_at_us)
    written = [folder / DOCUMENT]
    try:
        (folder / REPORTS).mkdir(exist_ok=True)
        written[0].write_text(document(ordered), encoding="utf-8")
    except OSError as error:
        raise LabError(f"{folder}: cannot publish there ({error.strerror})") from None
    for each in ordered:
        written += write_reports(each, folder / REPORTS / each.comparison.id, ("html", "png"))
        archive = folder / REPORTS / f"{each.comparison.id}.labrun"
        archive.unlink(missing_ok=True)
        written.append(export(each.path, archive))
    return written


def document(ordered: Sequence[SavedComparison]) -> str:
    """The text of the document."""
    return render_results_document(ordered, title="Measured results", command=COMMAND, pictures=REPORTS)
