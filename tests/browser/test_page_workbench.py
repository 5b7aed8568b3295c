"""Working the page against a fake lab: pause, spans, layouts, crosshair, baseline, tables, files, keys, predictions."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import A, B, wait_live
from tests.browser.test_page_layouts import violations

PROCESSED = "[data-chart=processed]"


def values(page: Page, chart: str = PROCESSED) -> Locator:
    """The figures of a chart's legend: A p50, A p99, B p50, B p99."""
    return page.locator(f"{chart} .chart-now b")


def test_a_pause_stops_every_figure_and_keeps_what_comes(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        wait_live(page)
        page.keyboard.press("k")
        button = page.get_by_role("button", name="Go on")
        expect(button).to_have_attribute("aria-pressed", "true")
        shown = (
            "() => [...document.querySelectorAll('.panes, .chart-now, #server-grid')].map((e) => e.innerText)"
        )
        before = page.evaluate(shown)
        for maker in fake_lab.makers.values():
            maker.slowness = 100.0
        state = page.locator("#toolbar [data-field=state]")
        expect(state).to_have_text(re.compile(r"Paused at .*, [2-9]\d snapshots wait"))
        assert page.evaluate(shown) == before
        button.click()
        expect(values(page).first).to_have_text(re.compile(r"^(9\d\d|\d,\d\d\d) ms$"))
        expect(state).to_have_text("")
        # What waited while the page was paused was the viewer's doing: it is not counted as visible latency.
        visible = values(page, "[data-chart=visible]").nth(1)
        expect(visible).to_have_text(re.compile(r"ms$"))
        assert float(visible.inner_text().removesuffix(" ms").replace(",", "")) < 1500


def test_spans_and_layouts_are_kept_over_a_reload(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        wait_live(page)
        page.get_by_role("button", name="5 min", exact=True).click()
        page.keyboard.press("o")
        chart = page.locator(PROCESSED)
        expect(chart.locator("canvas:visible")).to_have_count(2)
        expect(chart.locator("canvas").first).to_have_attribute(
            "aria-label", re.compile("Processed, last 5 min")
        )
        page.locator(f"{PROCESSED} [data-field=table]").click()
        expect(page.locator("[data-chart=rate] canvas:visible")).to_have_count(2)
        expect(values(page).first).to_have_text(re.compile("ms$"))
        marked = values(page).first.inner_text()
        page.evaluate("window.old = true")
        page.get_by_role("button", name="Freeze baseline").click()
        against = chart.locator(".against").first
        expect(against).to_have_text(re.compile(r"^was [\d.]+ ms"))
        was = against.inner_text().split("(")[0]
        page.reload()
        expect(page.get_by_role("button", name="5 min", exact=True)).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
        expect(chart.locator(".chart-table")).to_be_visible()
        expect(against).to_contain_text(was)
        # The rows from before the reload are there: the table's newest steps are not its only ones.
        filled = chart.locator("tbody tr td:nth-child(2)", has_text="ms")
        expect(filled.first).to_be_visible()
        assert marked.endswith("ms")
        page.keyboard.press("o")
        page.keyboard.press("1")
        page.keyboard.press("b")
        expect(against).to_have_text("")
        expect(page.locator("[data-chart=rate] canvas:visible")).to_have_count(1)


def test_a_new_run_throws_the_rows_of_the_old_one_away(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        wait_live(page)
    for maker in fake_lab.makers.values():
        maker.run = "run-later"
    page.reload()
    fake_lab.feeds["websocket"].wait_connected()
    with fake_lab.play(hz=4):
        wait_live(page)
        expect(page.locator("#events")).to_contain_text("a new run began: run-later")


def test_one_crosshair_reads_all_charts(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url, height=1400)
    slow = fake_lab.makers["http_redis"]
    with fake_lab.play(hz=10):
        wait_live(page)
        page.wait_for_function(
            "(since) => performance.now() > since + 4000", arg=page.evaluate("performance.now()")
        )
        slow.slowness = 50.0
        expect(values(page).first).to_have_text(re.compile(r"^[345]\d\d ms$"))
    page.keyboard.press("k")
    slider = page.get_by_label("Read the charts at")
    slider.focus()
    for seconds in range(1, 60):
        slider.press("ArrowLeft")
        expect(page.locator("#toolbar output")).to_have_text(f"{seconds} s before")
        if re.fullmatch(r"(\d|1\d)\.\d+ ms", values(page).first.inner_text()):
            break
    else:
        pytest.fail("the slow seconds have no beginning")
    expect(values(page, "[data-chart=rate]").first).to_have_text(re.compile(r"^(49|50)\.\d /s$"))
    canvas = page.locator("[data-chart=rate] canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 9, box["y"] + box["height"] / 2)
    expect(values(page).first).to_have_text(re.compile(r"^[345]\d\d ms$"))
    page.mouse.move(2, 2)
    expect(page.locator("#toolbar output")).to_have_text("the end")


def test_every_chart_is_a_table_a_file_and_a_picture(
    fake_lab: FakeLab, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        wait_live(page)
        charts = page.locator(".chart")
        page.keyboard.press("t")
        expect(page.locator(".chart-table")).to_have_count(charts.count())
        expect(page.locator(f"{PROCESSED} thead")).to_have_text(
            re.compile(r"Before\s*A p50\s*A p99\s*B p50\s*B p99")
        )
        expect(page.locator(f"{PROCESSED} tbody tr").first.locator("td").nth(1)).to_have_text(
            re.compile("ms$")
        )
        with page.expect_download() as begun:  # the lines are there behind the table
            page.locator(f"{PROCESSED} [data-field=png]").click()
        assert Path(begun.value.path()).stat().st_size > 2000
        page.keyboard.press("t")
        expect(page.locator(".chart-table")).to_have_count(0)
        for number in range(charts.count()):
            chart = charts.nth(number)
            name = chart.get_attribute("data-chart")
            with page.expect_download() as begun:
                chart.get_by_role("button", name="picture").click()
            picture = tmp_path / begun.value.suggested_filename
            begun.value.save_as(picture)
            assert re.fullmatch(rf"lab-{name}-run-fake-\d{{8}}T\d{{6}}Z\.png", picture.name)
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert picture.stat().st_size > 2000
        with page.expect_download() as begun:
            page.locator(f"{PROCESSED} [data-field=csv]").click()
        begun.value.save_as(tmp_path / "processed.csv")
        rows = list(csv.DictReader((tmp_path / "processed.csv").read_text(encoding="utf-8-sig").splitlines()))
        assert {row["pipeline"] for row in rows} == {"A", "B"}
        assert all(3 < float(row["p50 (ms)"]) < 20 for row in rows if row["pipeline"] == "A")
        with page.expect_download() as begun:
            page.keyboard.press("e")
        begun.value.save_as(tmp_path / "all.csv")
        text = (tmp_path / "all.csv").read_text(encoding="utf-8-sig")
        assert all(title in text for title in ("Accepted\n", "Visible\n", "Memory\n", "(bytes)"))


def test_a_marker_stands_on_all_charts_and_in_the_event_list(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        page.keyboard.press("m")
        page.keyboard.type("batch of 100 from here")  # letters are no shortcuts while one types
        page.keyboard.press("Enter")
        expect(page.locator("#events")).to_contain_text("batch of 100 from here")
        for chart in ("accepted", "rate"):
            label = page.locator(f"[data-chart={chart}] canvas").first
            expect(label).to_have_attribute("aria-label", re.compile("marked: batch of 100 from here"))
        expect(page.get_by_role("button", name="Pause", exact=True).first).to_be_visible()
        fake_lab.controls.refuse = "the event log cannot be reached"
        page.get_by_label("Text of a marker").fill("again")
        page.get_by_role("button", name="Mark", exact=True).click()
        expect(page.locator("#toolbar [role=alert]")).to_have_text("Marker: the event log cannot be reached")


def test_unlike_loads_are_not_comparable(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    badge = page.locator("#toolbar .comparable")
    starts = {name: now_us() - 60_000_000 for name in fake_lab.makers}
    for name, maker in fake_lab.makers.items():
        maker.started_us = starts[name]
    for second in range(60):
        fake_lab.makers["http_redis"].totals = {"accepted": 3000 + 40 * second}
        fake_lab.makers["websocket"].totals = {"accepted": 3000 + 50 * second}
        fake_lab.tick(starts["websocket"] + 60_000_000 + second * 1_000_000)
        page.evaluate("() => new Promise(requestAnimationFrame)")  # a look is taken with each frame
        if badge.inner_text():
            break
    expect(badge).to_have_text("Not comparable: A is offered 20 % fewer samples than B")
    fake_lab.feeds["http_redis"].stop()
    expect(badge).to_have_text("Not comparable: A: old figures")


def test_keys_are_listed_and_can_be_switched_off(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("Freeze the baseline, or drop it")
    assert violations(page) == []
    page.keyboard.press("k")  # a dialog is open
    sheet.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("k")
    page.reload()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Go on")).to_have_count(0)
    page.get_by_role("button", name="Keys and shortcuts").click()
    sheet.get_by_label("Single keys are shortcuts").check()
    sheet.get_by_role("button", name="Close").click()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def test_a_prediction_covers_the_figures_until_it_is_revealed(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        wait_live(page)
        page.keyboard.press("r")
        sheet = page.get_by_role("dialog", name="Predict, then reveal")
        assert violations(page) == []
        sheet.get_by_label("Figure").select_option(label="processed p99")
        sheet.get_by_label("A will").select_option("up")
        sheet.get_by_label("B will").select_option("down")
        sheet.get_by_role("button", name="Cover the charts").click()
        told = page.locator("#prediction")
        expect(told).to_contain_text("Predicted, processed p99: A will go up, B will go down.")
        for covered in (A, B, PROCESSED):
            expect(page.locator(covered)).not_to_be_visible()
        page.reload()
        expect(told).to_contain_text("A will go up, B will go down")
        expect(page.locator(A)).not_to_be_visible()
        fake_lab.makers["http_redis"].slowness = 20.0
        expect(values(page).nth(1)).to_have_text(re.compile(r"^\d\d\d ms$"))  # covered, and alive
        told.get_by_role("button", name="Reveal").click()
        expect(told).to_contain_text(
            re.compile(r"A: You said it would go up\. It went up: .* ✓ as predicted")
        )
        expect(told).to_contain_text(
            re.compile(r"B: You said it would go down\. It \w+( up)?: .* ✗ otherwise")
        )
        expect(page.locator(A)).to_be_visible()
        told.get_by_role("button", name="Done").click()
        expect(told).to_be_hidden()
