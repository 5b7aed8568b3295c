"""The page against the real lab: all processes, both feeds, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.lab_process import LabProcess, until

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path_factory.mktemp("page") / "state")
    process.up()
    yield process
    process.close()


@pytest.fixture
def page(lab: LabProcess, open_page: OpenPage) -> Page:
    return open_page(f"http://127.0.0.1:{lab.port_base}/")


SLOW_MS = 60_000
"""Against hanging only."""

A, B = ".pane[data-pipeline=A]", ".pane[data-pipeline=B]"


def figure(page: Page, pane: str, name: str) -> int:
    """A tile's number."""
    tile = page.locator(f"{pane} .tile", has=page.get_by_role("heading", name=name, exact=True))
    text = tile.locator("[data-field=value]").inner_text()
    return int(float(text.replace(",", ""))) if text != "–" else -1


def wait_for_latencies(page: Page) -> None:
    """Until all three clocks of both pipelines show p50 and p99."""
    for pane in (A, B):
        for row in range(1, 4):
            for name in ("p50", "p99"):
                cell = page.locator(f"{pane} .latency-row").nth(row).locator(f"[data-field={name}]")
                expect(cell).to_have_text(re.compile(r"^[\d,.]+ (µs|ms|s)$"))


def test_both_feeds_move_and_agree(page: Page) -> None:
    for pane in (A, B):
        expect(page.locator(f"{pane} .badge")).to_contain_text("Live")
    wait_for_latencies(page)
    until(lambda: min(figure(page, pane, "Processed") for pane in (A, B)) > 100)
    for pane in (A, B):
        assert figure(page, pane, "Duplicates") >= 0
        assert figure(page, pane, "Rejected") == 0
    expect(page.locator(".server")).to_have_count(10)
    well = re.compile("Healthy|Degraded")  # a reading over its threshold is no fault of the lab
    assert page.locator(".server", has_text=well).count() == 10


def test_a_killed_pipeline_is_seen_and_comes_back(page: Page, lab: LabProcess) -> None:
    expect(page.locator(f"{B} .badge")).to_contain_text("Live")
    lab.kill("websocket")
    expect(page.locator("body")).to_contain_text(
        re.compile("websocket.*(killed|ended|crashed)", re.IGNORECASE)
    )
    expect(page.locator(f"{B} .badge")).to_contain_text("Live")
    expect(page.locator(f"{A} .badge")).to_contain_text("Live")


def test_a_fault_of_the_page_is_marked_recovers_and_is_in_the_ledger(page: Page) -> None:
    expect(page.locator(f"{A} .badge")).to_contain_text("Live")
    page.locator("#faults").scroll_into_view_if_needed()
    page.get_by_label("What", exact=True).select_option("kill")
    page.get_by_label("Where", exact=True).select_option("worker-1")
    page.get_by_role("button", name="Break it").click()
    expect(page.locator("#fault-form")).to_contain_text("Begun: kill on worker-1.")
    recovered = re.compile(r"kill on worker-1 .*recovered in [\d.]+ s")
    expect(page.locator("#faults-past li").first).to_contain_text(recovered, timeout=SLOW_MS)
    marks = re.compile(r"marked: .*kill worker-1")
    expect(page.locator("[data-chart=rate] canvas")).to_have_attribute("aria-label", marks, timeout=SLOW_MS)
    page.locator("#ledger").scroll_into_view_if_needed()
    for side in range(2):
        expect(page.locator(".ledger .badge").nth(side)).to_have_text("✓ the ledger holds", timeout=SLOW_MS)
    processed = page.locator(".fate[data-fate=processed] [data-field=count-0]")
    expect(processed).to_have_text(re.compile(r"^[1-9][\d,]*$"))
    expect(page.locator("#ledger-problem")).to_have_text("")


def test_a_guarded_lab_opens_with_the_token_of_its_address(
    tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage
) -> None:
    lab = LabProcess(tmp_path_factory.mktemp("guarded") / "state", LAB_TOKEN="open sesame")
    lab.up()
    try:
        address = f"http://127.0.0.1:{lab.port_base}/"
        stranger = open_page(address)
        expect(stranger.locator("body")).to_contain_text("HTTP status 401")
        guest = open_page(f"{address}#token=open%20sesame")
        for pane in (A, B):
            expect(guest.locator(f"{pane} .badge")).to_contain_text("Live")
        assert guest.url == address
        guest.reload()
        expect(guest.locator(f"{B} .badge")).to_contain_text("Live")
    finally:
        lab.close()
