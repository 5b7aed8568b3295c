"""The page's looks over all widths and with all that can be opened: axe, sizes, shifts, words and text alternatives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from metrics_core.snapshot import BufferView
from tests.architecture.tree import ROOT
from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import battered, healthy
from tests.browser.fake_lab import FakeLab
from tests.browser.page_words import NAMES, PLAIN
from tests.browser.test_page import A, B, wait_live
from tests.browser.test_page_layouts import OVERFLOWS, violations

WIDTHS: Final = (360, 390, 480, 640, 761, 900, 1024, 1180, 1280, 1440, 1600, 1920)

BEYOND: Final = """() => {
  const scrolls = (element) => element && (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX)
    || scrolls(element.parentElement));
  const found = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (box.width < 2 || element.closest(".hidden, .skip") || scrolls(element.parentElement)) continue;
    if (box.right > innerWidth + 1 || box.left < -1) found.push(element.outerHTML.slice(0, 120));
  }
  return found;
}"""

SHIFTS: Final = """(for_ms) => new Promise((done) => {
  let score = 0;
  const moved = [];
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      score += value;
      for (const { node } of sources) moved.push((node?.outerHTML ?? node?.textContent ?? "").slice(0, 120));
    }
  }).observe({ type: "layout-shift" });
  const began = performance.now();
  const next = () =>
    performance.now() - began < for_ms ? requestAnimationFrame(next) : done([score, moved.slice(0, 9)]);
  requestAnimationFrame(next);
})"""

PICTURES: Final = """() => [...document.querySelectorAll("canvas:not([aria-hidden=true])")]
  .map((canvas) => canvas.getAttribute("aria-label") ?? "")"""

NAMED: Final = """() => [...document.querySelectorAll(
  "main :is(h2, h3, h4, th, dt, [role=columnheader], [role=rowheader]), .buffer > b, .knob-name, .ask > label," +
  " main option, .phase, .server-status",
)].map((element) => element.textContent)"""


def fill(lab: FakeLab) -> None:
    """Something to see in every panel."""
    lab.audit, engine = battered(), lab.faults
    assert engine is not None
    engine.begin("delay", "store", 60_000, 3600)
    engine.begin("pause", "redis", hidden=True)
    for maker in lab.makers.values():
        maker.alerts = ["backlog full: 1,000 jobs wait, the ingest answers 429"]


@pytest.fixture
def full_page(fake_lab: FakeLab, open_page: OpenPage) -> Iterator[Any]:
    """Opens a page on which every panel has something; snapshots come until the test ends."""
    fill(fake_lab)
    with fake_lab.play():

        def open_it(width: int, height: int = 800, **options: Any) -> Page:
            page = open_page(fake_lab.url, width=width, height=height, **options)
            wait_live(page)
            expect(page.locator(".server")).to_have_count(50)
            # A panel asks for its figures when it is in view first.
            page.locator("#controls").evaluate("each => each.scrollIntoView()")
            expect(page.locator(".knob").first).to_be_visible()
            page.locator("#faults").evaluate("each => each.scrollIntoView()")
            expect(page.locator("#faults-active li").first).to_be_visible()
            page.locator("#ledger").evaluate("each => each.scrollIntoView()")
            expect(page.locator("#ledger-shown")).to_contain_text("servers")
            page.evaluate("scrollTo(0, 0)")
            return page

        yield open_it


@pytest.mark.parametrize(
    "width, height, scheme, projector",
    [
        (1280, 800, "light", False),
        (1280, 800, "dark", False),
        (1280, 800, "dark", True),
        (390, 844, "light", False),
    ],
)
def test_axe_finds_nothing_with_all_that_can_be_opened_open(
    full_page: Any, width: int, height: int, scheme: str, projector: bool
) -> None:
    page = full_page(width, height, color_scheme=scheme)
    if projector:
        page.keyboard.press("p")
    else:
        for pane in (A, B):
            page.locator(f"{pane} summary").click()
    page.keyboard.press("b")
    page.keyboard.press("o")
    expect(page.locator("[data-chart=processed] canvas:visible")).to_have_count(2)
    page.keyboard.press("?")
    expect(page.locator("#key-sheet")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    if not projector:
        page.locator(".server-open").first.click()
        expect(page.locator("#server-dialog svg").first).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.locator("[data-chart=processed] table")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("#predict-sheet")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Cover the charts").click()
    assert violations(page) == []


def test_nothing_reaches_beyond_its_edges_at_any_width(full_page: Any) -> None:
    page = full_page(1280)
    for projector in (False, True):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(BEYOND) == [], width
            assert page.evaluate(OVERFLOWS) == [], width
        if not projector:
            page.keyboard.press("p")
            expect(page.locator("html")).to_have_attribute("data-projector", "true")


@pytest.mark.parametrize("width, height", [(1024, 768), (1280, 720), (1280, 800), (1920, 1080)])
def test_the_projector_shows_all_of_itself_on_one_screen(full_page: Any, width: int, height: int) -> None:
    page = full_page(width, height)
    page.keyboard.press("p")
    expect(page.get_by_label("Right chart")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    for chart in ("processed", "rate"):
        box = page.locator(f"[data-chart={chart}] canvas").bounding_box()
        assert box is not None
        assert box["height"] >= 120


@pytest.mark.parametrize("width, height", [(1280, 800), (390, 844)])
def test_nothing_moves_for_twenty_seconds(fake_lab: FakeLab, full_page: Any, width: int, height: int) -> None:
    """Figures that change their number of digits, fates that come: the sum of all shifts (CLS) is ≤ 0.01."""
    page = full_page(width, height)
    page.wait_for_function("() => scrollY === 0")  # the scrolling of `full_page` is over, and drawn
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    fake_lab.audit = healthy(50)
    for maker in fake_lab.makers.values():
        maker.slowness, maker.alerts = 300, []
    score, moved = page.evaluate(SHIFTS, 20_000)
    assert score <= 0.01, moved


def test_each_tile_and_chart_has_a_unit_and_a_definition(full_page: Any) -> None:
    page = full_page(1280)
    told = page.evaluate(
        """() => [...document.querySelectorAll(".tile, .chart")].map((each) =>
          [".unit", ":scope > .soft"].map((part) => each.querySelector(part)?.textContent.trim() ?? ""))"""
    )
    assert len(told) == 2 * (5 + 3) + 9
    assert [each for each in told if len(each[0]) < 1 or len(each[1]) < 10] == []


def test_words_of_the_page_are_plain_or_in_the_glossary(full_page: Any) -> None:
    """Headings, names of figures, knobs, buffers, steps, faults and states; what the viewer named is not among them."""
    page = full_page(1280)
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = " ".join(re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)).lower()
    known = {*re.findall(r"[a-z0-9]+", terms), *PLAIN, *NAMES}
    servers = set(
        page.evaluate("() => [...document.querySelectorAll('.server b')].map((e) => e.textContent)")
    )
    names = {name.strip() for name in page.evaluate(NAMED)} - servers
    assert len(names) > 80
    words = {word for name in names for word in re.findall(r"[a-z]{3,}", name.lower())}
    stems = {word: {word, word.removesuffix("s"), word.removesuffix("es")} for word in words}
    assert sorted(word for word in words if not stems[word] & known) == []


def test_each_picture_is_told_in_words_that_change_with_it(fake_lab: FakeLab, full_page: Any) -> None:
    """All canvases but that of memory, which stands still in a fake lab."""
    page = full_page(1280, 5_000)
    page.locator("#toolbar").evaluate("each => each.scrollIntoView()")
    expect(page.locator("[data-chart=processed] canvas")).to_have_attribute(
        "aria-label", re.compile(r"A now p50 \d")
    )
    before = page.evaluate(PICTURES)
    assert len(before) == 9 + 2
    assert min(len(each) for each in before) > 20
    fake_lab.audit = healthy(50)
    for maker in fake_lab.makers.values():
        maker.slowness, maker.buffers = 300, [BufferView("feed", 1, 7, "snapshots")]
    waiting = before
    for _ in range(150):
        waiting = [
            each for each in page.evaluate(PICTURES) if each in before and not each.startswith("Memory")
        ]
        if not waiting:
            break
        page.wait_for_timeout(200)
    assert waiting == []
