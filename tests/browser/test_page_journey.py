"""The twin waterfall and the buffers against a fake lab: what is drawn, which sample, whose clock, what waits where."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_journeys import buffers, trace, upstream
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import wait_live
from tests.browser.test_page_layouts import LAYOUTS, OVERFLOWS, OVERLAPS

TITLE: Final = "#journey-title-line"
LINE: Final = re.compile(r"Server web-01, sample [\d,]+, taken \d\d:\d\d:\d\d\.$")
CLOCK_AHEAD: Final = "{ const now = Date.now; Date.now = () => now() + 3600_000; }"


@pytest.fixture
def traced_lab(fake_lab: FakeLab) -> FakeLab:
    """A fake lab with traces and buffers."""
    fake_lab.traced = True
    fake_lab.buffers = lambda: upstream(now_us())
    for name, maker in fake_lab.makers.items():
        maker.buffers = buffers(name)
    return fake_lab


def to_journey(page: Page) -> None:
    """Bring the waterfall into view and wait for a sample that came down both ways."""
    page.locator("#journey").scroll_into_view_if_needed()
    expect(page.locator(TITLE)).to_have_text(LINE)


def to_buffers(page: Page) -> None:
    """Bring the buffers into view and wait until the outbox is known."""
    page.locator("#buffers-rows").scroll_into_view_if_needed()
    expect(page.locator("#buffers [data-field=level]").first).not_to_have_text("–")


def cells(page: Page, letter: str, selector: str) -> list[str]:
    """Texts in one pipeline's part."""
    return [text.strip() for text in page.locator(f"[data-pipeline={letter}] {selector}").all_inner_texts()]


def milliseconds(text: str) -> float:
    """A latency as the page writes it."""
    return float(text.removesuffix(" ms").replace(",", ""))


def bar_ends(page: Page, letter: str) -> list[tuple[float, float]]:
    """Left and right end of each bar that is drawn, in pixels."""
    boxes = [
        bar.bounding_box() for bar in page.locator(f".fall[data-pipeline={letter}] tbody .stage-bar").all()
    ]
    return [(box["x"], box["x"] + box["width"]) for box in boxes if box is not None]


def test_one_sample_is_drawn_both_ways_and_its_steps_add_up(traced_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(traced_lab.url)
    page.get_by_role("button", name="Until the screen").click()
    with traced_lab.play():
        to_journey(page)
    takes = {letter: cells(page, letter, "tbody td:last-child") for letter in "AB"}
    assert takes["A"][:6] == ["1.20 ms", "0.90 ms", "0.25 ms", "5.55 ms", "0.90 ms", "3.60 ms"]
    assert takes["B"][:4] == ["1.20 ms", "0.55 ms", "0.06 ms", "0.15 ms"]
    for letter, figures in takes.items():
        whole = milliseconds(cells(page, letter, "tfoot [data-field=whole]")[0])
        assert sum(map(milliseconds, figures)) == pytest.approx(whole, rel=0.02)
        ends = bar_ends(page, letter)
        assert len(ends) == len(figures)
        for (_, right), (left, _) in pairwise(ends):
            assert left == pytest.approx(right, abs=4)  # a bar is at least 3 pixels wide
    compared = page.locator("#journey-compared-processed")
    expect(compared).to_have_text("Processed: A after 12.4 ms, B after 1.96 ms, B 10.4 ms sooner (6.3 ×).")
    expect(page.locator("#journey-compared-screen")).to_contain_text("On this screen: A after")
    expect(page.locator("#journey-clock")).to_contain_text("agrees with the lab’s within")


def test_the_axis_can_end_where_both_have_processed_it(traced_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(traced_lab.url)
    with traced_lab.play():
        to_journey(page)
        page.get_by_role("button", name="Until the screen").click()
        expect(page.locator(".fall[data-pipeline=A] tbody .stage-at[hidden]")).to_have_count(0)
        assert len(bar_ends(page, "A")) == 10
        page.get_by_role("button", name="Until processed").click()
        ticks = page.locator(".fall[data-pipeline=A] .ticks span")
        expect(ticks.last).to_have_text("15 ms", use_inner_text=False)
        expect(page.get_by_role("button", name="Until the screen")).to_have_attribute("aria-pressed", "false")
        assert len(bar_ends(page, "A")) == 7  # the stream's bar begins on the axis, and is cut
        page.get_by_role("button", name="Until the screen").click()
        expect(page.locator(".fall[data-pipeline=A] tbody .stage-at[hidden]")).to_have_count(0)


def test_the_slowest_of_the_last_minute_is_shown_on_demand(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    page.locator("#journey").scroll_into_view_if_needed()
    shown = page.locator(TITLE)

    def pass_by(seq: int, late_us: int) -> None:
        for name, maker in fake_lab.makers.items():
            taken_us = now_us() - late_us
            maker.traces = [trace(name, seq, taken_us, published_after_us=late_us // 2)]
        fake_lab.tick()
        expect(shown).to_contain_text(f"sample {seq}" if seq < 3 else "sample")

    for feed in fake_lab.feeds.values():
        feed.wait_connected()
    fake_lab.tick()
    wait_live(page)
    expect(shown).to_have_text("No traced sample has come yet.")
    pass_by(1, 40_000)
    pass_by(2, 2_900_000)
    pass_by(3, 41_000)
    pass_by(4, 42_000)
    page.get_by_role("button", name="Slowest of the last minute").click()
    expect(shown).to_contain_text("sample 2,")
    assert milliseconds(cells(page, "A", "tfoot [data-field=whole]")[0]) > 2_900
    page.get_by_role("button", name="Near the middle").click()
    expect(shown).to_contain_text(re.compile("sample [134],"))


def test_a_sample_that_only_one_pipeline_has_brought_is_said_to_be_half(
    traced_lab: FakeLab, open_page: OpenPage
) -> None:
    traced_lab.feeds["http_redis"].stop()
    page = open_page(traced_lab.url)
    page.locator("#journey").scroll_into_view_if_needed()
    with traced_lab.play():
        expect(page.locator(TITLE)).to_contain_text("Not seen from A yet.")
        assert set(cells(page, "A", "tbody td:last-child")) == {"–"}
        assert "–" not in cells(page, "B", "tbody td:last-child")
        traced_lab.feeds["http_redis"].start()
        to_journey(page)


def test_a_browser_whose_clock_is_wrong_is_corrected(traced_lab: FakeLab, open_page: OpenPage) -> None:
    """An hour ahead: neither the waterfall's last steps nor the visible latency show it."""
    page = open_page(traced_lab.url, prepare=lambda page: page.add_init_script(CLOCK_AHEAD))
    with traced_lab.play():
        to_journey(page)
        expect(page.locator("#journey-clock")).to_contain_text(
            re.compile(r"clock is 3,\d\d\d s ahead of the lab’s")
        )
        page.locator("#journey-slowest").click()  # the first samples came before the lab had answered
        page.locator("#journey-median").click()
        for letter in "AB":
            assert milliseconds(cells(page, letter, "tfoot [data-field=whole]")[0]) < 3_000
        visible = page.locator(".pane").first.get_by_role("row", name="Visible").get_by_role("cell")
        expect(visible.first).to_contain_text(re.compile(r"^[\d.,]+ ms$"))
        expect(page.locator("#clock-notice")).to_contain_text("visible latency is corrected for it, to ±")


def test_every_buffer_is_shown_with_its_bound(traced_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(traced_lab.url)
    with traced_lab.play():
        to_buffers(page)
        for letter, names in (
            ("A", ["Outbox", "Socket", "Group commit", "Redis queue", "Workers", "Stream", "Feed"]),
            ("B", ["Outbox", "Socket", "Fold", "Ring", "Feed"]),
        ):
            assert cells(page, letter, ".buffer > b") == names
        expect(page.locator("[data-pipeline=A] .buffer [data-field=bound]").nth(3)).to_have_text(
            "of 1,000 jobs"
        )
        states = page.locator("[data-pipeline=A] .buffer")
        expect(states.nth(3)).to_have_attribute("data-state", "calm")
        expect(page.locator("[data-pipeline=B] .buffer").nth(1)).to_contain_text("not known here")
        traced_lab.makers["http_redis"].buffers = buffers("http_redis", full=True)
        traced_lab.buffers = lambda: upstream(now_us(), waiting=29_000)
        expect(states.nth(3)).to_contain_text("1,000 full")
        expect(states.nth(0)).to_contain_text("29,000 nearly full")
        traced_lab.makers["http_redis"].buffers = buffers("http_redis")
        expect(states.nth(3)).to_have_attribute("data-state", "calm")
        peak = states.nth(3).locator(".buffer-bar").evaluate("(bar) => bar.style.getPropertyValue('--peak')")
        assert float(peak) == 1


def test_what_cannot_be_asked_is_said_and_the_rest_goes_on(traced_lab: FakeLab, open_page: OpenPage) -> None:
    traced_lab.buffers = None
    page = open_page(traced_lab.url)
    page.locator("#buffers").scroll_into_view_if_needed()
    problem = page.locator("#buffers-problem")
    with traced_lab.play():
        expect(problem).to_contain_text("Outboxes and sockets are not known: /api/buffers: HTTP status 404")
        expect(page.locator("[data-pipeline=A] .buffer").nth(3)).to_contain_text("of 1,000 jobs")
        traced_lab.buffers = lambda: upstream(now_us()) | {"fleet": 5}
        expect(problem).to_contain_text("/api/buffers: $.fleet: expected an object, got 5")
        traced_lab.buffers = lambda: upstream(now_us())
        to_buffers(page)
        expect(problem).to_have_text("")


def test_littles_law_is_computed_and_its_residual_told(traced_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(traced_lab.url)
    verdict = page.locator("[data-pipeline=A] .little-verdict")
    page.locator("#buffers-rows").scroll_into_view_if_needed()
    with traced_lab.play():
        expect(verdict).to_have_text("Nothing waits between the promise and the aggregates.")
        traced_lab.makers["http_redis"].totals = {"accepted": 10**9}
        expect(verdict).to_contain_text("it is filling up")
    residual, product, inside = (
        float(cells(page, "A", f".little [data-field={name}]")[0].replace(",", "").replace("+", ""))
        for name in ("residual", "product", "l")
    )
    assert residual == pytest.approx(inside - product, rel=0.01)


def test_nobody_asks_while_nobody_looks(traced_lab: FakeLab, open_page: OpenPage) -> None:
    """One question at the beginning for the clocks; then one a second for as long as the buffers are in view."""
    page = open_page(traced_lab.url, height=500)
    page.locator("#servers").scroll_into_view_if_needed()
    with traced_lab.play():
        wait_live(page)
        before = traced_lab.asked["/api/buffers"]
        while traced_lab.asked["/api/events"] < 4:
            page.wait_for_timeout(50)
        assert traced_lab.asked["/api/buffers"] - before <= 1
        to_buffers(page)
        while traced_lab.asked["/api/buffers"] < before + 3:
            page.wait_for_timeout(50)


@pytest.mark.parametrize("width, height", LAYOUTS)
def test_waterfall_and_buffers_fit_every_layout(
    traced_lab: FakeLab, open_page: OpenPage, width: int, height: int
) -> None:
    traced_lab.makers["http_redis"].buffers = buffers("http_redis", full=True)
    traced_lab.buffers = lambda: upstream(now_us(), waiting=30_000)
    page = open_page(traced_lab.url, width=width, height=height)
    with traced_lab.play():
        to_journey(page)
        to_buffers(page)
        expect(page.locator("[data-pipeline=A] .buffer").first).to_contain_text("full")
    assert page.evaluate(OVERFLOWS) == []
    for part in ("#journey", "#buffers"):
        assert page.evaluate(OVERLAPS.replace("document.body", f"document.querySelector('{part}')")) == []
    assert violations_in(page, "#journey", "#buffers") == []
    if width == LAYOUTS[0][0]:  # colours are the same in every layout
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        # Buttons fade into the other theme.
        page.evaluate(
            "Promise.allSettled(document.getAnimations().map(({ finished }) => finished)).then(() => 0)"
        )
        assert violations_in(page, "#journey", "#buffers") == []


def violations_in(page: Page, *parts: str) -> list[tuple[str, Any]]:
    """What axe complains about in parts of the page: rule and the elements it means."""
    found = Axe().run(page, context={"include": [[part] for part in parts]}).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def test_nothing_moves_while_samples_come_and_buffers_fill(traced_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(traced_lab.url, height=1000)
    with traced_lab.play():
        to_buffers(page)
        to_journey(page)
        page.evaluate("""() => {
          window.moved = [];
          new PerformanceObserver((list) => {
            for (const { node } of list.getEntries().flatMap(({ sources }) => [...sources])) {
              const text = node?.nodeType === Node.TEXT_NODE;
              const element = text ? node.parentElement : node;
              // A figure with one digit more begins further left in its cell, which stays.
              if (text && element.matches("[data-field=time], [data-field=whole]")) continue;
              if (element?.closest("#journey, #buffers")) window.moved.push(element.outerHTML.slice(0, 99));
            }
          }).observe({ type: "layout-shift" });
        }""")
        traced_lab.makers["http_redis"].buffers = buffers("http_redis", full=True)
        first = page.locator(TITLE).inner_text()
        expect(page.locator(TITLE)).not_to_have_text(first)
        page.locator("#buffers-rows").scroll_into_view_if_needed()
        expect(page.locator("[data-pipeline=A] .buffer").nth(3)).to_contain_text("full")
    assert page.evaluate("window.moved") == []
