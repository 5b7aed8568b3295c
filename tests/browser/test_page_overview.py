"""The overview on the page: head, tiles, difference strip, charts by process and buffer, servers' cards and dialog."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from metrics_core.alerts import AlertRules, Threshold
from metrics_core.snapshot import BufferView
from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import battered, healthy
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import A, B, tile, wait_live
from tests.browser.test_page_layouts import OVERFLOWS, OVERLAPS, violations


def test_the_head_tells_phase_and_connections(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    head = page.locator("#top")
    expect(head.locator(".phase")).to_have_text("Waiting for the feeds")
    with fake_lab.play():
        expect(head.locator(".phase")).to_have_text("Steady")
        expect(head.locator(".links")).to_have_text(re.compile(r"A live\s+B live\s+Control API answers"))
        expect(head).to_contain_text("run run-fake · 50 servers")
        fake_lab.add_event("fault", "redis", "pause on redis: for 10 s")
        expect(head.locator(".phase")).to_have_text("Fault: pause on redis")
        fake_lab.add_event("fault_over", "redis", "pause on redis: for 10 s is over")
        expect(head.locator(".phase")).to_have_text("Recovering from pause on redis")
        fake_lab.add_event("recovered", "redis", "well again 2 s after pause on redis: for 10 s")
        expect(head.locator(".phase")).to_have_text("Steady")
        fake_lab.feeds["websocket"].stop()
        expect(head.locator(".links")).to_contain_text("B lost")
        expect(head.locator(".phase")).to_have_text("One feed only")


def test_big_tiles_show_latency_and_what_was_lost(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        assert tile(page, A, "Lost") == "– not audited yet"
        assert re.fullmatch(r"[\d.]+ ms", tile(page, A, "p50, processed"))
        assert re.fullmatch(r"[\d.]+ ms", tile(page, B, "p99, processed"))
    fake_lab.audit = battered()
    page = open_page(fake_lab.url)
    with fake_lab.play():
        lost = page.locator(f"{A} .tile[data-tile=lost] .figure")
        expect(lost).to_have_text(re.compile(r"^254\s+of [\d,]+ made$"))
        expect(page.locator(f"{B} .tile[data-tile=lost] .figure")).to_have_text(re.compile(r"^1,504\s"))
        chart = page.locator("[data-chart=lost] canvas").first
        said = r"A now lost 254, duplicates 0; B now lost 1,504, duplicates 0"
        expect(chart).to_have_attribute("aria-label", re.compile(said))


def test_the_strip_tells_the_difference(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit = healthy(50)
    page = open_page(fake_lab.url)
    strip = page.locator(".strip")
    with fake_lab.play(hz=10):
        p99 = strip.locator("[data-difference=p99]")
        expect(p99).to_have_text(re.compile(r"B: processed p99 [\d.]+× lower\s*A [\d.]+ ms, B [\d.]+ ms"))
        expect(p99.locator(".mark-b")).to_have_count(1)
        expect(strip.locator("[data-difference=cpu]")).to_contain_text(
            re.compile(r"B: CPU per sample [\d.]+× lower")
        )
        expect(strip.locator("[data-difference=lost]")).to_contain_text("no sample lost")
        expect(strip.locator("[data-difference=restart]")).to_contain_text("A: keeps data through a restart")
        panes = [page.locator(pane).bounding_box() for pane in (A, B)]
        box = strip.bounding_box()
        assert box
        assert panes[0]
        assert panes[1]
        assert box["x"] == panes[0]["x"]
        assert box["x"] + box["width"] == pytest.approx(panes[1]["x"] + panes[1]["width"])
        fake_lab.feeds["http_redis"].stop()
        expect(strip).to_contain_text("Not comparable now: A: old figures.")
        expect(p99).to_contain_text("processed p99: not compared")


def test_cpu_memory_and_buffers_have_a_line_of_each(fake_lab: FakeLab, open_page: OpenPage) -> None:
    a = [BufferView("group commit", 3, 100, "batches"), BufferView("Redis queue", 250, 1000, "jobs")]
    fake_lab.makers["http_redis"].buffers = a
    fake_lab.makers["websocket"].buffers = [BufferView("ring", 100, 400, "samples")]
    page = open_page(fake_lab.url)
    texts = {
        "buffers": r"A now group commit 3.0 %, Redis queue 25.0 %; B now ring 25.0 %",
        "cpu": r"A now [\d.]+ %, ingest [\d.]+ %, worker-1 .*, redis [\d.]+ %; B now [\d.]+ %$",
        "memory": r"A now 208 MB, ingest 61 MB, worker-1 47 MB, .*; B now 44 MB$",
    }
    with fake_lab.play():
        for chart, text in texts.items():
            canvas = page.locator(f"[data-chart={chart}] canvas").first
            expect(canvas).to_have_attribute("aria-label", re.compile(text))


def test_the_latency_axis_is_linear_where_the_viewer_wants_it(fake_lab: FakeLab, open_page: OpenPage) -> None:
    scale = """() => {
      const canvas = document.querySelector("[data-chart=accepted] canvas");
      return window.Chart.getChart(canvas)?.scales.y.type;
    }"""
    page = open_page(fake_lab.url)
    button = page.get_by_role("button", name="Linear axis")
    with fake_lab.play():
        wait_live(page)
        page.wait_for_function(f"() => ({scale})() === 'logarithmic'")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.wait_for_function(f"() => ({scale})() === 'linear'")
        page.reload()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.wait_for_function(f"() => ({scale})() === 'linear'")
        button.click()
        page.wait_for_function(f"() => ({scale})() === 'logarithmic'")


SIZES = """() => {
  const shown = (element) => element.getClientRects().length > 0;
  const px = (element) => parseFloat(getComputedStyle(element).fontSize);
  const charts = [...document.querySelectorAll("[data-chart]")].filter(shown);
  const axes = charts.flatMap((each) => {
    const scales = window.Chart.getChart(each.querySelector("canvas"))?.scales ?? {};
    return Object.values(scales).map((axis) => axis.options.ticks.font.size);
  });
  const tiles = [...document.querySelectorAll(".tiles-main [data-field=value]")].map(px);
  const bands = [...document.querySelectorAll("main > section:not(.chart-band)")].filter(shown);
  return [charts.map((each) => each.dataset.chart), Math.min(...axes), Math.min(...tiles), bands.length];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1920, 1080), (1280, 800), (1024, 768), (390, 844)])
def test_projector_mode_is_large_and_shows_two_charts(
    fake_lab: FakeLab, open_page: OpenPage, width: int, height: int, scheme: str
) -> None:
    fake_lab.audit = battered()
    page = open_page(fake_lab.url, width=width, height=height, color_scheme=scheme)
    root = page.locator("html")
    with fake_lab.play():
        wait_live(page)
        page.keyboard.press("p")
        expect(root).to_have_attribute("data-projector", "true")
        page.wait_for_function(f"() => ({SIZES})()[1] >= 18")
        charts, _, tile_px, sections = page.evaluate(SIZES)
        assert charts == ["processed", "rate"]
        assert tile_px >= 48
        assert sections == 2
        page.get_by_label("Right chart").select_option("lost")
        expect(page.locator("[data-chart=lost]")).to_be_visible()
        expect(page.locator("[data-chart=rate]")).to_be_hidden()
        assert page.evaluate(OVERFLOWS) == []
        assert page.evaluate(OVERLAPS) == []
        assert violations(page) == []
    if (width, scheme) == (1280, "light"):
        page.reload()
        expect(page.locator("[data-chart=lost]")).to_be_visible()
        page.get_by_role("button", name="Projector").click()
        expect(root).to_have_attribute("data-projector", "false")
        expect(page.locator("#servers")).to_be_attached()
        page.wait_for_function(f"() => ({SIZES})()[1] === 12")


def strict(fake_lab: FakeLab) -> None:
    """Let every server with more than 40 % memory warn, with more than 60 % be critical."""
    for maker in fake_lab.makers.values():
        calm = Threshold(100, 100)
        maker.rules = AlertRules(
            {"cpu_percent": calm, "memory_percent": Threshold(40, 60), "disk_percent": calm}
        )


def test_a_card_shows_its_alerts_by_colour_and_shape(fake_lab: FakeLab, open_page: OpenPage) -> None:
    strict(fake_lab)
    page = open_page(fake_lab.url)
    with fake_lab.play():
        expect(page.locator("#server-summary")).to_contain_text("degraded")
        card = page.locator(".server[data-alert=critical]").first
        expect(card.locator("[data-field=status]")).to_have_text("Degraded")
        row = card.locator("dl > [data-alert=critical]")
        expect(row).to_contain_text(re.compile(r"Mem\s*critical\s*[67]\d\.\d %"))
        expect(row.locator(".sign")).to_be_visible()
        expect(card.locator(".server-status .sign")).to_be_visible()
        healthy_card = page.locator(".server[data-status=healthy]").first
        expect(healthy_card.locator(".sign").first).to_be_hidden()
        expect(card.locator("path")).to_have_attribute("d", re.compile(r"^M.*L"))
        assert violations(page) == []


@pytest.mark.parametrize("width, scheme", [(1280, "dark"), (390, "light")])
def test_a_click_on_a_card_opens_its_history_and_controls(
    fake_lab: FakeLab, open_page: OpenPage, width: int, scheme: str
) -> None:
    strict(fake_lab)
    page = open_page(fake_lab.url, width=width, color_scheme=scheme)
    ordered: list[Any] = []

    def keep(request: Request) -> None:
        if request.url.endswith("/spike"):
            ordered.append(request.post_data_json)

    page.on("request", keep)
    with fake_lab.play():
        wait_live(page)
        page.get_by_role("button", name="web-01", exact=True).click()
        dialog = page.get_by_role("dialog", name="web-01")
        for letter in "AB":
            said = re.compile(rf"{letter}: (Healthy|Degraded).*; sample [\d,]+, < 2 s old")
            expect(dialog.locator("li", has_text=f"{letter}:")).to_have_text(said)
        chart = dialog.get_by_role(
            "img", name=re.compile(r"^CPU, last 2 min: A now [\d.]+ %, B now [\d.]+ %$")
        )
        for line in ("of-a", "of-b"):
            expect(chart.locator(f".{line}")).to_have_attribute("d", re.compile(r"^M.*L"))
        assert page.evaluate(OVERFLOWS) == []
        assert violations(page) == []
        dialog.get_by_role("button", name=re.compile("^Spike")).click()
        expect(dialog.get_by_role("status")).to_have_text("Spike: ordered for web-01.")
        dialog.get_by_role("textbox", name=re.compile("Spike: How high")).fill("30")
        dialog.get_by_role("textbox", name=re.compile("Spike: How long")).fill("601")
        dialog.get_by_role("button", name="Spike").click()
        expect(dialog.get_by_role("alert")).to_have_text("How long: expected a number from 4 to 600.")
        dialog.get_by_role("textbox", name=re.compile("Spike: How long")).fill("20")
        dialog.get_by_role("textbox", name=re.compile("Spike: How long")).press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text("")
        expect(dialog.get_by_role("status")).to_have_text("Spike: ordered for web-01.")
        assert ordered == [{"height": 45, "for_s": 10}, {"height": 30, "for_s": 20}]
        fake_lab.note = "look here"
        expect(dialog.get_by_text("look here")).to_be_visible()
        health = dialog.get_by_role("link", name="/health")
        assert health.get_attribute("href") == "http://127.0.0.1:9004/servers/web-01/health"
        fake_lab.api_down = True
        dialog.get_by_role("button", name="Restart").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Restart: ")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        focused = "document.activeElement.closest('.server')?.dataset.producer"
        assert page.evaluate(focused) == "web-01"


def test_a_card_keeps_the_focus_while_others_come_and_go(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        page.locator(".server[data-producer=web-05] .server-open").focus()
        for maker in fake_lab.makers.values():
            maker.silent, maker.stopped_at_us = frozenset({"web-05", "db-01"}), now_us() - 7_000_000
        expect(page.locator("#server-summary")).to_contain_text("2 silent")
        page.locator("#server-troubled").evaluate("(button) => button.click()")
        expect(page.locator(".server")).to_have_count(2)
        focused = "document.activeElement.closest('.server')?.dataset.producer"
        assert page.evaluate(focused) == "web-05"
        page.locator("#server-troubled").evaluate("(button) => button.click()")
        expect(page.locator(".server")).to_have_count(50)
        assert page.evaluate(focused) == "web-05"
        names: list[str] = page.locator(".server b").all_inner_texts()
        assert names == sorted(names)


def test_the_counts_are_not_asked_for_while_the_page_is_hidden(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    hide = "Object.defineProperty(document, 'hidden', { get: () => true })"

    def hidden(page: Page) -> None:
        page.add_init_script(hide)

    page = open_page(fake_lab.url, prepare=hidden)
    with page.expect_response("**/api/processes"):
        pass
    with page.expect_response("**/api/processes"):
        pass
    assert fake_lab.asked["/api/audit/counts"] == 0


def test_a_stopped_server_is_told_from_a_silent_one(fake_lab: FakeLab, open_page: OpenPage) -> None:
    for maker in fake_lab.makers.values():
        maker.silent, maker.stopped_at_us = frozenset({"web-01", "web-02"}), now_us() - 7_000_000
    fake_lab.stopped = {"web-01"}
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        page.locator("#server-window").scroll_into_view_if_needed()
        expect(page.locator("#server-summary")).to_contain_text("48 healthy, 1 stopped, 1 silent")
        expect(page.locator(".server[data-producer=web-01] [data-field=status]")).to_have_text("Stopped")
