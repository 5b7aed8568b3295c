"""Every figure of the bench that a document quotes is the one in docs/bench-results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control_plane.bench.quotes import MARKER, refresh, text_of
from control_plane.bench.report import as_markdown

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(ROOT.glob("*.md"))


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "bench-results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_quoted_figures_are_the_measured_ones(page: Path, results: dict[str, Any]) -> None:
    text = page.read_text(encoding="utf-8")
    assert refresh(text, results) == text


def test_architecture_quotes_figures_with_their_origin(results: dict[str, Any]) -> None:
    names = {
        match["name"] for match in MARKER.finditer((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    }
    assert "measured" in names
    assert len(names) > 8
    for word in (results["revision"], results["machine"], "medians of"):
        assert word in text_of(results, "measured", None)


def test_results_page_is_made_of_the_results(results: dict[str, Any]) -> None:
    assert (ROOT / "docs" / "bench-results.md").read_text(encoding="utf-8") == as_markdown(results)


def test_a_wrong_figure_is_noticed(results: dict[str, Any]) -> None:
    page = "A reaches <!--bench a_http1_single-->9.99 ×<!--end-->."
    assert refresh(page, results) != page
