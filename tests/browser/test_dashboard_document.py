"""`docs/dashboard.md` against the page: it names everything that the page shows, and nothing that is not there.

What the document has in **bold** is written on the page exactly so.
"""

from __future__ import annotations

import re
from typing import Final

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import DASHBOARD, FakeLab
from tests.browser.test_js_rules import code_of
from tests.browser.test_page import wait_live

DOCUMENT: Final = DASHBOARD.parent / "docs" / "dashboard.md"
BOLD: Final = re.compile(r"\*\*([^*\n]+)\*\*")
KEY_ROW: Final = re.compile(r"^\| `(.)` \| (.+) \|$", re.MULTILINE)

ON_THE_PAGE: Final = """() => {
  const own = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("select, input, output, .soft, .hidden, .mark, .unit").forEach((each) => each.remove());
    return copy.textContent.replaceAll(/\\s+/g, " ").trim();
  };
  const all = (selector) => [...document.querySelectorAll(selector)].map(own).filter((text) => text !== "");
  return {
    headings: all("h1, h2, h3, h4"),
    buttons: all("button:not(.server-open)"),
    labels: all("label:not(.hidden, .pills label)"),
    choices: all("#server-action option, #predict-form option, .pills span"),
    knobs: all(".knob-name"),
    figures: all(".load-figures dt, .little dt, .server dt, .latency-row b, .latency-row [role=columnheader]"),
    counters: all(".more dt").map((text) => text.replace(/:.*/, "")),
    steps: all(".fall thead th:not(:nth-child(3)), .fall tbody th, .fall tfoot th"),
    places: all(".buffer > b"),
    fates: all(".fate-name"),
    tables: all(".processes thead th:first-child, .processes tfoot th"),
    more: all("summary, .skip, a[href='/api/docs']"),
  };
}"""
KEYS: Final = """() => [...document.querySelectorAll("#key-sheet dt")]
  .map((key) => [key.textContent, key.nextElementSibling.textContent])"""
LOOSE: Final = ("choices", "tables")
NOT_NAMED: Final = {"Two pipelines, one stream of samples", "–", "* means all"}
"""The title of the page, and what stands where nothing is asked."""


def not_told(found: dict[str, list[str]], document: str) -> dict[str, set[str]]:
    """By kind, what is on the page and not in the document."""
    told = {name.lower() for name in BOLD.findall(document)}
    plain = re.sub(r"[`*]", "", document)
    missing: dict[str, set[str]] = {}
    for kind, names in found.items():
        for name in set(names) - NOT_NAMED:
            # `Theme: auto` is told as `Theme`; values to choose from need not be bold.
            if {name.lower(), name.partition(":")[0].lower()} & told or (kind in LOOSE and name in plain):
                continue
            missing.setdefault(kind, set()).add(name)
    return missing


def not_there(found: dict[str, list[str]], document: str) -> set[str]:
    """What the document says is written on the page, and neither the page nor its sources have it."""
    written = {name.lower() for names in found.values() for name in names}
    html = (DASHBOARD / "index.html").read_text(encoding="utf-8")
    modules = [code_of(path.read_text(encoding="utf-8")) for path in (DASHBOARD / "js").glob("*.js")]
    texts = re.sub(r"\s+", " ", " ".join([html, *modules])).lower()
    return {
        name
        for name in set(BOLD.findall(document)) - {"A", "B"}
        if name.lower() not in written
        and not re.search(rf"[>\"`}} ]{re.escape(name.lower())}[<\"`$ :,|.]", texts)
    }


def test_the_document_names_all_that_is_on_the_page_and_nothing_else(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    fake_lab.processes = [{"name": "redis", "pid": 1, "cpu_percent": 3.0, "rss_bytes": 5e7}]
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        expect(page.locator(".more dt")).not_to_have_count(0)
        for section, filled in (("#controls", ".knob"), ("#ledger", ".fate"), ("#buffers", ".buffer")):
            page.locator(section).scroll_into_view_if_needed()
            expect(page.locator(filled)).not_to_have_count(0)
        found = page.evaluate(ON_THE_PAGE)
        keys = page.evaluate(KEYS)
    assert all(found.values()), "a kind of element was not found at all"
    document = DOCUMENT.read_text(encoding="utf-8")
    assert not_told(found, document) == {}
    assert not_there(found, document) == set()
    assert KEY_ROW.findall(document) == [tuple(key) for key in keys]
