"""`docs/performance-results.md` is what its measurements say: made again from them, it comes out the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from load_tests.publish import DOCUMENT, REPORTS, document, in_order
from load_tests.reports.pictures import PICTURES
from load_tests.runs.archive import import_archive
from load_tests.runs.folder import SavedComparison, read_comparison
from tests.architecture.tree import ROOT

DOCS: Final = ROOT / "docs"
PUBLISH: Final = "`python3 lab.py compare COMPARISON… --publish docs` writes it"


@pytest.fixture(scope="module")
def text() -> str:
    """The document."""
    path = DOCS / DOCUMENT
    assert path.is_file(), f"docs/{DOCUMENT} is not there: {PUBLISH}, out of comparisons that were measured"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> list[SavedComparison]:
    """The published comparisons, out of their archives, checked as any import is."""
    archives = sorted((DOCS / REPORTS).glob("*.labrun"))
    assert archives, f"there is no measurement in docs/{REPORTS}: {PUBLISH}"
    results = tmp_path_factory.mktemp("results")
    return in_order(read_comparison(import_archive(each, results).path) for each in archives)


def test_the_document_is_made_of_the_measurements_and_nothing_else(
    text: str, saved: list[SavedComparison]
) -> None:
    again = document(saved)
    names = ", ".join(each.comparison.id for each in saved)
    assert text == again, f"docs/{DOCUMENT} is not what {names} say; {PUBLISH} again, with all of them"


def test_every_comparison_has_its_report_and_no_report_is_left_over(
    text: str, saved: list[SavedComparison]
) -> None:
    names = {each.comparison.id for each in saved}
    assert all((DOCS / REPORTS / name / picture).is_file() for name in names for picture in PICTURES)
    assert not list((DOCS / REPORTS).rglob("*.html")), "a report as HTML holds a copy of Chart.js"
    assert {path.name for path in (DOCS / REPORTS).iterdir() if path.is_dir()} == names


def test_every_file_that_the_document_shows_is_there(text: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    missing = [link for link in links if not Path(DOCS / link).is_file()]
    assert not missing, f"docs/{DOCUMENT} names files that are not there: {', '.join(missing)}"


def test_nothing_that_was_lost_is_hidden(text: str, saved: list[SavedComparison]) -> None:
    """A loss in any block stands at the head of the document, before the first comparison."""
    losing = [
        each.comparison.id
        for each in saved
        if any(run.run.counts.lost for blocks in (each.noise, *each.blocks.values()) for run in blocks)
    ]
    head = text.partition("## ")[0].lower()
    assert not losing or "lost" in head, f"the head of docs/{DOCUMENT} does not say what {losing} lost"
