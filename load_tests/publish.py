"""Publishes comparisons: one document of results, the pictures of each, and the measurements themselves.

Into a folder go `performance-results.md`, pictures in `reports/ID/`, and `reports/ID.labrun`, out of which all the rest
can be made again; a test does so and finds the document unchanged. The HTML report stays out: it holds Chart.js, which
comes from its wheel and is not to be copied into a repository. Who imports the archive makes it in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from load_tests.reports.document import render_results_document
from load_tests.reports.write import write_reports
from load_tests.runs.archive import export
from load_tests.runs.files import write_file
from load_tests.runs.folder import SavedComparison
from load_tests.runs.names import ARCHIVE_SUFFIX
from metrics_core.errors import LabError

DOCUMENT: Final = "performance-results.md"
REPORTS: Final = "reports"
COMMAND: Final = "python3 lab.py compare COMPARISON… --publish docs"


def publish(saved: Sequence[SavedComparison], folder: Path) -> list[Path]:
    """Write everything, the document last; what an earlier publication left of other comparisons stays.

    Args:
        saved: In any order; the document has them by age.
        folder: `docs`, or another one that exists.

    Returns:
        The files written, the document first.

    Raises:
        LabError: A comparison is named twice, or something cannot be written.
    """
    ordered = in_order(saved)
    names = [each.comparison.id for each in ordered]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LabError(f"{', '.join(twice)}: named twice; name each comparison once")
    text, written = document(ordered), [folder / DOCUMENT]
    try:
        (folder / REPORTS).mkdir(exist_ok=True)
        for each in ordered:
            written += write_reports(each, folder / REPORTS / each.comparison.id, ("png",))
            written.append(_archived(each, folder / REPORTS))
        write_file(folder / DOCUMENT, text.encode())
    except OSError as error:
        raise LabError(f"{folder}: cannot publish there ({error.strerror})") from None
    return written


def in_order(saved: Iterable[SavedComparison]) -> list[SavedComparison]:
    """By age, as the document has them."""
    return sorted(saved, key=lambda each: (each.comparison.started_at_us, each.comparison.id))


def _archived(saved: SavedComparison, folder: Path) -> Path:
    """The measurements as one file; one that is there already is replaced whole."""
    archive = folder / f"{saved.comparison.id}{ARCHIVE_SUFFIX}"
    part = folder / f".{archive.name}.part"
    part.unlink(missing_ok=True)
    return export(saved.path, part).replace(archive)


def document(ordered: Sequence[SavedComparison]) -> str:
    """The text of the document."""
    return render_results_document(ordered, title="Measured results", command=COMMAND, pictures=REPORTS)
