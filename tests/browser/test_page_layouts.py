"""The page's looks, as far as a test can see: contrast and names (axe), overflow, overlap, theme, shifts."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import battered, healthy
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import A, wait_live

LAYOUTS = [(1280, 800), (1024, 768), (390, 844)]

OVERLAPS = """() => {
  const HIDDEN = "template, noscript, .hidden, .skip, .event-list, .fault-scroll, .chart-table, .effect-list," +
    " details:not([open]) > dl";
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || node.parentElement.closest(HIDDEN)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1) boxes.push([box, node.data.trim()]);
  }
  const found = [];
  boxes.sort(([a], [b]) => a.top - b.top);
  for (let i = 0; i < boxes.length; i += 1) {
    for (let k = i + 1; k < boxes.length && boxes[k][0].top < boxes[i][0].bottom; k += 1) {
      const [[a, first], [b, second]] = [boxes[i], boxes[k]];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > Math.min(a.height, b.height) * 0.4) found.push(`${first} | ${second}`);
    }
  }
  return found;
}"""

OVERFLOWS = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  const boxes = ".card, .pane, .tile, .server, .latency-row, .top, .fault, .fate, .equations";
  for (const element of document.querySelectorAll(boxes)) {
    if (element.scrollWidth > element.clientWidth + 1) wide.push(`${element.className}: ${element.textContent.trim()}`);
  }
  return wide;
}"""


def violations(page: Page) -> list[tuple[str, Any]]:
    """What axe complains about: rule and the elements it means."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", LAYOUTS)
def test_layout(fake_lab: FakeLab, open_page: OpenPage, width: int, height: int, scheme: str) -> None:
    """Live, with a silent server, large figures, faults and all fates; then with a lost feed."""
    for maker in fake_lab.makers.values():
        maker.silent, maker.stopped_at_us = frozenset({"web-01"}), now_us() - 7_000_000
        maker.totals = {"processed": 123_456_789, "duplicates": 1_234_567, "rejected": 12_345}
        maker.slowness = 300
        maker.alerts = ["backlog full: 1,000 jobs wait, the ingest answers 429", "12 samples set aside"]
    fake_lab.add_event("crashed", "worker-1", "killed by signal 9 after 41.2 s")
    fake_lab.audit, engine = battered(), fake_lab.faults
    assert engine is not None
    engine.begin("delay", "store", 60_000, 3600)
    engine.begin("pause", "redis", hidden=True)
    engine.fail(engine.begin("disk-full", "redis", 1e12), "the limit could not be set: not permitted")
    page = open_page(fake_lab.url, width=width, height=height, color_scheme=scheme)
    with fake_lab.play():
        wait_live(page)
        expect(page.locator(".server")).to_have_count(50)
        page.locator(f"{A} summary").click()
        page.locator("#faults").scroll_into_view_if_needed()
        page.get_by_label("What", exact=True).select_option("out-of-memory")
        page.get_by_label("How much").fill("-1")
        page.get_by_role("button", name="Break it").click()
        expect(page.locator("#fault-form .problem")).to_contain_text("How much: expected a number")
        page.locator(".ledger canvas").nth(1).focus()
        page.keyboard.press("End")
        expect(page.locator(".ledger-readout").nth(1)).to_contain_text("processed")
        assert page.evaluate(OVERFLOWS) == []
        assert page.evaluate(OVERLAPS) == []
        assert violations(page) == []
        fake_lab.feeds["http_redis"].stop()
        expect(page.locator(A)).to_have_attribute("data-liveness", "lost")
        assert page.evaluate(OVERFLOWS) == []
        assert page.evaluate(OVERLAPS) == []
        assert violations(page) == []


def test_nothing_moves_while_figures_change(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=20):
        wait_live(page)
        expect(page.locator(".server")).to_have_count(50)
        observe = """() => new Promise((done) => {
          let score = 0;
          const observer = new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) score += entry.value;
          });
          observer.observe({ type: "layout-shift" });
          let frames = 0;
          const next = () => { frames += 1; frames < 180 ? requestAnimationFrame(next) : done(score); };
          requestAnimationFrame(next);
        })"""
        assert page.evaluate(observe) < 0.001


def test_nothing_moves_while_faults_come_and_fates_change(fake_lab: FakeLab, open_page: OpenPage) -> None:
    """Both in view; a row that is added moves those below it in its own list, and nothing else."""
    fake_lab.audit, engine = healthy(50), fake_lab.faults
    assert engine is not None
    page = open_page(fake_lab.url, height=1000)
    page.locator("#ledger").scroll_into_view_if_needed()
    expect(page.locator("#ledger-shown")).to_contain_text("50 servers")
    page.evaluate("document.querySelector('#faults').scrollIntoView()")
    expect(page.get_by_label("What", exact=True)).to_have_value("kill")
    observe = """() => {
      window.moved = [];
      new PerformanceObserver((list) => {
        for (const { node } of list.getEntries().flatMap(({ sources }) => [...sources])) {
          const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
          if (element && !element.closest(".fault-scroll")) window.moved.push(element.outerHTML.slice(0, 99));
        }
      }).observe({ type: "layout-shift" });
    }"""
    page.evaluate(observe)
    processed = page.locator(".fate[data-fate=processed] [data-field=count-0]")
    for samples, kind in ((700, "pause"), (800, "cut"), (900, "delay")):
        fake_lab.audit = healthy(50, samples)
        engine.begin(kind, "redis" if kind == "pause" else "store", 200 if kind == "delay" else None)
        expect(processed).to_have_text(f"{samples * 50:,}")
        expect(page.locator("#faults-active li").last).to_contain_text(kind)
        page.get_by_label("What", exact=True).select_option(kind)
    assert page.evaluate("window.moved") == []


def test_theme_follows_the_system_until_the_viewer_chooses(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url, color_scheme="dark")
    root = page.locator("html")
    button = page.get_by_role("button", name="Theme")
    expect(root).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "light")
    expect(button).to_have_text("Theme: auto")
    button.click()
    expect(button).to_have_text("Theme: light")
    button.click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(button).to_have_text("Theme: dark")
    expect(root).to_have_attribute("data-theme", "dark")
    button.click()
    expect(button).to_have_text("Theme: auto")
    expect(root).to_have_attribute("data-theme", "light")


def test_nothing_is_animated_for_who_wants_less_motion(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url, reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      return style.transitionDuration !== "0s" || style.animationName !== "none";
    }).length"""
    assert page.evaluate(moving) == 0


def test_the_page_can_be_worked_by_keyboard(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit, engine = battered(), fake_lab.faults
    assert engine is not None
    engine.begin("pause", "redis", hidden=True)
    page = open_page(fake_lab.url)
    page.locator("#faults").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()
    page.locator("#top").scroll_into_view_if_needed()
    reached: list[str] = []
    while "server-troubled" not in reached and len(reached) < 200:
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => {
              const { ariaLabel, id, textContent, tagName } = document.activeElement;
              return id || ariaLabel || (tagName === "INPUT" ? "" : textContent.trim());
            }""")
        )
    assert reached[:3] == ["Skip to the servers", "Skip to the faults", "Skip to the controls"]
    tools = ["Pause", "5 min", "Side by side", "Freeze baseline", "Predict", "marker-text", "Mark"]
    assert [name for name in reached if name in tools][: len(tools)] == tools
    controls = ["server-target", "server-action", "broadcast-text", "load-arm", "load-rate", "Start"]
    assert [name for name in reached if name in controls] == controls
    form = ["fault-kind", "fault-target", "fault-hidden", "Break it"]
    assert [name for name in reached if name in form] == form
    at = reached.index("faults-undo")
    assert reached[at + 1] == "List of faults"
    assert [" ".join(name.split()[:4]) for name in reached[at + 2 : at + 4]] == [
        "Reveal hidden fault 1",
        "Undo hidden fault 1",
    ]
    assert sum(name.startswith("Samples of pipeline") for name in reached) == 2
    assert {"server-filter", "server-troubled"} <= {*reached}
