"""The page's bounds: its own origin, its memory, thousands of servers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import battered
from tests.browser.fake_journeys import buffers, upstream
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.fake_snapshots import producer_names
from tests.browser.test_page import B, wait_live

pytestmark = pytest.mark.alone


def test_nothing_is_asked_of_another_host(fake_lab: FakeLab, open_page: OpenPage) -> None:
    asked: list[str] = []

    def listen(page: Page) -> None:
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))

    page = open_page(fake_lab.url, prepare=listen)
    with fake_lab.play():
        wait_live(page)
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith("data:")}
    assert hosts == {"127.0.0.1"}
    origin = urlsplit(fake_lab.url).netloc
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {origin}
    assert len([url for url in asked if url.startswith("ws://")]) == 2


INTO_VIEW = "(part) => document.querySelector(part).scrollIntoView()"
PARTS = (
    "#top",
    "#latency-charts",
    "#load-charts",
    "#journey",
    "#buffers",
    "#ledger",
    "#faults",
    "#server-grid",
)
A_PROCESS = {"name": "fleet", "pid": 2, "cpu_percent": 8.1, "rss_bytes": 5, "state": "ready", "restarts": 0}


def used_heap(page: Page) -> int:
    """Bytes of the page's heap after a collection; the least of a few looks, as the browser's own tools add to it."""
    session = page.context.new_cdp_session(page)
    looks = []
    for _ in range(5):
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        session.send("HeapProfiler.collectGarbage")
        looks.append(int(session.send("Runtime.getHeapUsage")["usedSize"]))
    session.detach()
    return min(looks)


def test_memory_stays_flat_over_ten_simulated_minutes(fake_lab: FakeLab, open_page: OpenPage) -> None:
    """2,400 snapshots of each pipeline after the histories are full, at last with ever new names of servers.

    Every part of the page is in view now and then, as what is not is not drawn; the ledger's picture, traced samples,
    buffers, faults and processes are there too.
    """
    fake_lab.traced, fake_lab.audit = True, battered()
    fake_lab.buffers = lambda: upstream(now_us())
    fake_lab.processes = [A_PROCESS]
    for name, maker in fake_lab.makers.items():
        maker.names = maker.names[:10]
        maker.buffers = buffers(name)
    page = open_page(fake_lab.url)
    for feed in fake_lab.feeds.values():
        feed.wait_connected()

    def send(ticks: range, *, fresh_names: bool = False) -> tuple[int, int]:
        for tick in ticks:
            for maker in fake_lab.makers.values():
                if fresh_names:
                    maker.names = [f"s{tick}-{i}" for i in range(10)]
                maker.totals = {"processed": tick}
            fake_lab.tick()
            if tick % 50 == 0:
                page.evaluate(INTO_VIEW, PARTS[tick // 50 % len(PARTS)])
        page.evaluate(INTO_VIEW, PARTS[0])
        expect(page.locator(f"{B} [data-field=counters] .figure").first).to_have_text(
            f"{ticks[-1]:,} samples"
        )
        return used_heap(page), int(page.evaluate("document.querySelectorAll('*').length"))

    heap_early, nodes_early = send(range(3700))
    heap_late, nodes_late = send(range(3700, 5300))
    heap_new, nodes_new = send(range(5300, 6100), fresh_names=True)
    assert abs(nodes_late - nodes_early) <= 10
    assert abs(nodes_new - nodes_early) <= 10
    assert heap_late - heap_early < 1_000_000
    assert heap_new - heap_early < 1_000_000


def test_the_event_list_is_bounded(fake_lab: FakeLab, open_page: OpenPage) -> None:
    for number in range(1000):
        fake_lab.add_event("ready", f"process-{number}", f"line {number}")
    page = open_page(fake_lab.url)
    expect(page.locator("#events li").first).to_contain_text("line 999")
    expect(page.locator("#events li")).to_have_count(200)
    expect(page.locator("#event-count")).to_have_text("200 events, 800 older ones dropped")


@pytest.fixture
def big_lab() -> Iterator[FakeLab]:
    """A fake lab with 2,000 servers."""
    lab = FakeLab(servers=2000)
    lab.start()
    yield lab
    lab.stop()


def test_two_thousand_servers_stay_usable(big_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(big_lab.url)
    name = sorted(producer_names(2000))[0]
    with big_lab.play():
        wait_live(page)
        expect(page.locator("#server-summary")).to_contain_text("2,000 servers: 2,000 healthy")
        expect(page.locator("#server-shown")).to_have_text("Showing 2,000 of 2,000")
        expect(page.locator(".server").first).to_be_attached()
        assert page.locator(".server").count() <= 120
        page.locator("#server-window").evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
        expect(page.locator(".server[data-producer=web-400]")).to_be_visible()
        assert page.locator(".server").count() <= 120
        page.get_by_label("Name contains").fill("db-37")
        expect(page.locator("#server-shown")).to_have_text("Showing 11 of 2,000")
        page.get_by_label("Name contains").fill("no such server")
        expect(page.locator("#server-shown")).to_have_text("Showing none")
        page.get_by_label("Name contains").fill(name)
        expect(page.locator(".server b").first).to_have_text(name)
        frames = """() => new Promise((done) => {
          const start = performance.now();
          let frames = 0;
          const next = () => {
            frames += 1;
            if (performance.now() - start < 3000) requestAnimationFrame(next);
            else done(frames / 3);
          };
          requestAnimationFrame(next);
        })"""
        assert page.evaluate(frames) > 20
