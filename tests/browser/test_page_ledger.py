"""The ledger view against a fake lab: what is drawn, counted, said of a sample, and when the lab is asked."""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import REASON, audit, battered, healthy
from tests.browser.fake_lab import FakeLab
from tests.browser.fake_snapshots import EPOCH_US

COLOURS_AT: Final = """async ([side, samples]) => {
  const { readFatePalette } = await import("/static/js/ledger_canvas.js");
  const { FATES } = await import("/static/js/fates.js");
  const { ledgerLayout, placeOf } = await import("/static/js/ledger_layout.js");
  const { colours } = readFatePalette();
  const canvas = document.querySelectorAll(".ledger canvas")[side];
  const layout = ledgerLayout(canvas.clientWidth, devicePixelRatio, 1);
  const context = canvas.getContext("2d");
  return samples.map((ordinal) => {
    const { x, y } = placeOf(layout, 600, ordinal);
    const seen = new Set();
    const { data } = context.getImageData(layout.left + x, y, layout.cell, layout.cell);
    for (let i = 0; i < data.length; i += 4) {
      seen.add("#" + [...data.slice(i, i + 3)].map((part) => part.toString(16).padStart(2, "0")).join(""));
    }
    return FATES.filter((_, i) => seen.has(colours[i])).map(({ id }) => id).join(" ");
  });
}"""


def to_ledger(page: Page) -> None:
    """Bring the ledger into view and wait until it is drawn."""
    page.locator("#ledger").scroll_into_view_if_needed()
    expect(page.locator("#ledger-shown")).to_contain_text("the newest at the right")


def one_server() -> dict[str, Any]:
    """600 samples of one server, a fate each hundred."""
    a = [
        (0, 299, "processed"),
        (300, 300, "lost_store"),
        (301, 598, "processed"),
        (599, 599, "waiting_queue"),
    ]
    b = [(0, 99, "overwritten"), (100, 299, "processed"), (300, 300, "rejected"), (301, 599, "processed")]
    return audit({"web-01": {str(EPOCH_US): a}}, {"web-01": {str(EPOCH_US): b}})


def test_every_sample_is_drawn_in_the_colour_of_its_fate(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit = one_server()
    page = open_page(fake_lab.url)
    to_ledger(page)
    samples = [0, 99, 299, 300, 301, 598, 599]
    for side, wanted in enumerate(
        (
            ["processed", "processed", "processed", "lost_store", "processed", "processed", "waiting_queue"],
            ["overwritten", "overwritten", "processed", "rejected", "processed", "processed", "processed"],
        )
    ):
        page.wait_for_function(
            f"async (value) => (await ({COLOURS_AT})(value))[0] !== ''", arg=[side, samples]
        )
        assert page.evaluate(COLOURS_AT, [side, samples]) == wanted


def test_counts_and_equations_follow_the_audit(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit = healthy(50)
    page = open_page(fake_lab.url)
    to_ledger(page)
    panes = page.locator(".ledger")
    expect(panes.nth(0).locator(".badge")).to_have_text("✓ the ledger holds")
    expect(panes.nth(1)).to_contain_text("created = sum of all fates: 30,000 = 30,000")
    table = page.get_by_role("table", name="What became of all samples")
    expect(table.get_by_role("row", name=re.compile("^Processed 30,000 30,000 In the"))).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(12)
    assert table.get_by_role("columnheader").count() == 4
    fake_lab.audit = battered()
    expect(panes.nth(0).locator(".badge")).to_have_text("≠ the ledger does not hold")
    expect(table.get_by_role("row", name=re.compile("^Lost: store 150 0 A only"))).to_be_visible()
    expect(panes.nth(1).locator("[data-holds=false]")).to_contain_text("does not hold:")
    picture = page.get_by_role(
        "application", name=re.compile("^Samples of pipeline A from 50 servers: Processed 30,")
    )
    expect(picture).to_be_visible()
    fake_lab.audit["pipelines"]["websocket"] |= {"ok": False, "error": "pipeline B does not answer"}
    expect(panes.nth(1).locator(".badge")).to_have_text("! not audited now")
    expect(panes.nth(1)).to_contain_text("These are the fates of an earlier look: pipeline B does not answer")


def test_the_viewer_reads_a_sample_by_pointer_and_by_keys(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit = one_server()
    page = open_page(fake_lab.url)
    to_ledger(page)
    canvas = page.locator(".ledger canvas").nth(0)
    readouts = page.locator(".ledger-readout")
    expect(readouts.nth(0)).to_contain_text("Point at a sample")
    canvas.focus()
    page.keyboard.press("End")
    expect(readouts.nth(0)).to_contain_text(re.compile("^web-01, sample 599 of the epoch .*: waiting: queue"))
    expect(readouts.nth(1)).to_contain_text("processed. In the aggregates, once.")
    for _ in range(299):
        page.keyboard.press("ArrowLeft")
    expect(readouts.nth(0)).to_contain_text(re.compile("^web-01, sample 300 of the .*: lost: store. A only"))
    expect(readouts.nth(1)).to_contain_text(f"rejected. Reason: {REASON}")
    page.keyboard.press("Escape")
    expect(readouts.nth(1)).to_contain_text("Point at a sample")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 3)
    expect(readouts.nth(0)).to_contain_text(re.compile("^web-01, sample 59[0-9] of the epoch"))
    page.mouse.move(box["x"] + 5, box["y"] + 3)  # on the name
    expect(readouts.nth(0)).to_contain_text("Point at a sample")


def test_the_lab_is_asked_only_while_the_ledger_is_seen(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.audit = healthy(5)
    page = open_page(fake_lab.url)
    page.wait_for_function("document.querySelector('#events')")
    with page.expect_response("**/api/processes"):
        pass
    assert fake_lab.asked["/api/audit"] == 0
    to_ledger(page)
    for _ in range(2):  # and goes on being asked
        with page.expect_response("**/api/audit"):
            pass
    page.locator("#top").scroll_into_view_if_needed()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    with page.expect_response("**/api/events?*"):
        pass
    before = fake_lab.asked["/api/audit"]
    for _ in range(3):
        with page.expect_response("**/api/events?*"):
            pass
    assert fake_lab.asked["/api/audit"] == before


def test_an_audit_that_does_not_come_or_is_wrong_is_said(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    problem = page.locator("#ledger-problem")
    page.locator("#ledger").scroll_into_view_if_needed()
    expect(problem).to_have_text("No new audit: /api/audit: HTTP status 404.")
    fake_lab.audit = healthy(2)
    expect(problem).to_have_text("")
    to_ledger(page)
    fake_lab.audit = audit({"web-01": {"7": [(0, 1, "eaten")]}}, {})
    expect(problem).to_have_text(re.compile(r"^No new audit: /api/audit: .*unknown fate \"eaten\"\.$"))
    expect(page.locator(".ledger .badge").nth(0)).to_have_text("✓ the ledger holds")  # the last one stays


def test_two_thousand_servers_are_cut_to_two_hundred_with_a_note(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    fake_lab.audit = healthy(2000)
    page = open_page(fake_lab.url)
    page.locator("#ledger").scroll_into_view_if_needed()
    expect(page.locator("#ledger-shown")).to_have_text(
        "Shown are the 200 of 2,000 servers that started last, and the newest 600 samples of each, the newest at the "
        "right. The counts are of all."
    )
    page.wait_for_function("document.querySelector('.ledger canvas').clientHeight > 2000")
    first, second = (page.locator(".ledger-scroll").nth(side) for side in range(2))
    page.locator(".ledger canvas").nth(0).focus()
    for _ in range(25):
        page.keyboard.press("PageDown")
    assert first.evaluate("element => element.scrollTop") > 1000
    scrolled = "([a, b]) => a.scrollTop === b.scrollTop"
    page.wait_for_function(scrolled, arg=[first.element_handle(), second.element_handle()])
