"""Every control that changes how the page looks pressed in a real Chromium, and its effect seen.

On the page, in what it remembers, and in the files that it saves; on a fake lab, as none of them changes a lab.
Controls that do are in `test_every_control.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import FakeLab
from tests.browser.pressing import VIEW, WITHIN_S, Pressing, live_page, of
from tests.lab_process import until

KEPT: Final = "JSON.parse(localStorage.getItem('lab-view'))"
CHARTS: Final = ("#latency-charts", "#load-charts")


@pytest.fixture
def page(fake_lab: FakeLab, open_page: OpenPage) -> Iterator[Page]:
    with fake_lab.play():
        yield live_page(open_page, fake_lab.url)


def kept(page: Page, name: str) -> Any:
    """What the page remembers of how it is looked at."""
    return (page.evaluate(KEPT) or {}).get(name)


def saved(on: Pressing, button: Locator, beginning: bytes) -> None:
    """Press a button that saves a file; the file begins so."""
    with on.page.expect_download() as found:
        on.press(button, lambda: True)
    assert Path(found.value.path()).read_bytes().startswith(beginning)


def test_every_control_of_the_view(page: Page, fake_lab: FakeLab) -> None:
    on = Pressing(page)
    look_at_head(on, page)
    look_at_toolbar(on, page, fake_lab)
    predict(on, page)
    for row in CHARTS:
        look_at_charts(on, page.locator(row))
    html = page.locator("html")
    projector = page.locator("[data-field=projector]")
    on.press(projector, lambda: html.get_attribute("data-projector") == "true")
    for place, chart_id in enumerate(("visible", "cpu")):
        on.choose(page.locator(f"#projector-{place}"), chart_id)
        until(page.locator(f"[data-chart={chart_id}][data-projected='{place}']").is_visible, WITHIN_S)
    assert on.left(VIEW) == set()


def look_at_head(on: Pressing, page: Page) -> None:
    """Links, theme, panes, the journey of a sample."""
    for link in page.locator(".skip").all():
        target = link.get_attribute("href")
        on.key(link, "Enter", of(target, lambda target: page.evaluate("location.hash") == target))
    theme, html = page.locator("[data-field=theme]"), page.locator("html")
    before = theme.inner_text()
    on.press(theme, lambda: theme.inner_text() != before and html.get_attribute("data-theme"))
    for pane in page.locator(".pane").all():
        more = pane.locator("details")
        on.press(more.locator("summary"), of(more, lambda more: more.get_attribute("open") is not None))
    for name in ("slowest", "median", "processed", "whole"):
        button = page.locator(f"#journey-{name}")
        on.press(button, of(button, lambda button: button.get_attribute("aria-pressed") == "true"))


def look_at_toolbar(on: Pressing, page: Page, fake_lab: FakeLab) -> None:
    """Pause, spans, layouts, crosshair, baseline, tables, CSV, keys, a marker."""
    bar = page.locator("#toolbar")
    for name, text in (("pause", "Paused at"), ("baseline", "Dotted: baseline")):
        on.press(bar.locator(f"[data-field={name}]"), of(text, lambda text: text in bar.inner_text()))
    bar.locator("[data-field=pause]").click()
    for text, window_s in (("5 min", 300), ("15 min", 900), ("1 min", 60)):
        button = bar.get_by_role("button", name=text, exact=True)
        on.press(button, of(window_s, lambda window_s: kept(page, "window_s") == window_s))
    for text, layout in (("Side by side", "side"), ("Overlay", "overlay")):
        button = bar.get_by_role("button", name=text)
        on.press(button, of(layout, lambda layout: kept(page, "layout") == layout))
    on.key(bar.locator("[data-field=cross]"), "ArrowLeft", lambda: "1 s before" in bar.inner_text())
    shown = page.locator(".chart table:visible")
    on.press(
        bar.locator("[data-field=tables]"), lambda: shown.count() == page.locator("[data-chart]").count()
    )
    bar.locator("[data-field=tables]").click()
    scale = page.locator("#latency-scale")
    on.press(scale, lambda: scale.get_attribute("aria-pressed") == "true")
    saved(on, bar.locator("[data-field=csv]"), "\ufeffAccepted\r\n".encode())
    on.fill(page.locator("#marker-text"), "watch this")
    marked = ("/api/events", {"text": "watch this"})
    on.press(page.locator("#marker-form button"), lambda: fake_lab.controls.orders[-1:] == [marked])
    sheet = page.locator("#key-sheet")
    on.press(bar.locator("[data-field=keys]"), sheet.is_visible)
    on.pick(sheet.locator("[data-field=on]"))
    until(lambda: kept(page, "keys") is False, WITHIN_S)
    on.press(sheet.get_by_role("button", name="Close"), sheet.is_hidden)


def predict(on: Pressing, page: Page) -> None:
    """Predict, cover, reveal, forget."""
    sheet, panel = page.locator("#predict-sheet"), page.locator("#prediction")
    ask = page.locator("#toolbar [data-field=predict]")
    on.press(ask, sheet.is_visible)
    on.press(sheet.locator("[data-field=cancel]"), sheet.is_hidden)
    ask.click()
    on.choose(page.locator("#predict-figure"), "rate")
    on.choose(page.locator("#predict-0"), "same")
    on.choose(page.locator("#predict-1"), "same")
    on.press(sheet.get_by_role("button", name="Cover the charts"), panel.is_visible)
    on.press(panel.locator("[data-field=reveal]"), lambda: panel.locator("li").count() == 2)
    on.press(panel.locator("[data-field=forget]"), panel.is_hidden)


def look_at_charts(on: Pressing, row: Locator) -> None:
    """Every chart as a table, and saved as CSV and as a picture."""
    for chart in row.locator("[data-chart]").all():
        table = chart.locator("[data-field=table]")
        on.press(table, of(chart, lambda chart: chart.locator("table").is_visible()))
        table.click()
        saved(on, chart.locator("[data-field=csv]"), "\ufefftime".encode())
        saved(on, chart.locator("[data-field=png]"), b"\x89PNG")
