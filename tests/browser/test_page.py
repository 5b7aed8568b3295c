"""The page against a fake lab: what it shows of two healthy pipelines."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import FakeLab, now_us

A, B = ".pane[data-pipeline=A]", ".pane[data-pipeline=B]"


def tile(page: Page, pane: str, name: str) -> str:
    """The figure and unit of a tile, as the viewer reads them."""
    found = page.locator(f"{pane} .tile", has=page.get_by_role("heading", name=name, exact=True))
    return " ".join(found.locator(".figure").inner_text().split())


def wait_live(page: Page) -> None:
    """Wait until both panes are live."""
    for pane in (A, B):
        expect(page.locator(f"{pane} .badge")).to_have_text("Live · < 1 s old")


def test_both_pipelines_are_shown_with_units(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.makers["http_redis"].totals = {"duplicates": 12, "rejected": 3, "late": 4}
    fake_lab.makers["http_redis"].alerts = ["7 samples set aside (dead letters)"]
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        expect(page.locator(f"{A} h2")).to_have_text("A · HTTP + Redis + RQ")
        expect(page.locator(f"{B} h2")).to_have_text("B · WebSocket + memory")
        assert re.fullmatch(r"(49|50)\.\d samples/s", tile(page, A, "Rate"))
        assert re.fullmatch(r"\d of 1,000 jobs", tile(page, A, "Backlog"))
        assert re.fullmatch(r"\d+ of 25,600 samples", tile(page, B, "Backlog"))
        expect(page.locator(f"{A} .alerts")).to_have_text("7 samples set aside (dead letters)")
        expect(page.locator(f"{B} .alerts")).to_have_text("No alerts.")
        assert tile(page, A, "Duplicates") == "12 samples"
        assert tile(page, B, "Duplicates") == "0 samples"
        assert tile(page, A, "Rejected") == "3 batches"
        assert re.fullmatch(r"\d,\d\d\d samples", tile(page, B, "Processed"))
        page.locator(f"{A} summary").click()
        expect(page.locator(f"{A} .more")).to_contain_text("Late: 4 samples")


def test_three_clocks_have_p50_p99_and_n(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play(hz=10):
        for pane in (A, B):
            rows = page.locator(f"{pane} .latency-row")
            expect(rows).to_have_count(4)
            for number, clock in enumerate(("Accepted", "Processed", "Visible"), start=1):
                cells = rows.nth(number).locator("> *")
                expect(cells.nth(0)).to_have_text(clock)
                expect(cells.nth(1)).to_have_text(re.compile(r"^[\d,.]+ ms$"))
                expect(cells.nth(2)).to_have_text(re.compile(r"^[\d,.]+ ms$"))
                expect(cells.nth(3)).to_have_text(re.compile(r"^[1-9]\d*$"))


def test_visible_latency_runs_from_the_reading_to_the_drawn_frame(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    """Readings that are about 400 ms old when their snapshot is sent are visible after at least that."""
    page = open_page(fake_lab.url)
    visible = page.locator(f"{B} .latency-row").nth(3).locator("> *")
    maker = fake_lab.makers["websocket"]
    maker.names = maker.names[:1]
    fake_lab.feeds["websocket"].wait_connected()

    def samples_counted(wanted: int) -> None:
        expect(visible.nth(3)).to_have_text(str(wanted))

    second = now_us() // 1_000_000 * 1_000_000
    fake_lab.feeds["websocket"].send(maker.encode(second))
    expect(page.locator(f"{B} .badge")).to_have_text(re.compile("Live|Stale"))
    samples_counted(0)  # it was there when the page began to look
    for step in range(1, 4):
        sample_second = second + step * 1_000_000
        page.wait_for_function("wanted => Date.now() >= wanted", arg=sample_second // 1000 + 400)
        fake_lab.feeds["websocket"].send(maker.encode(sample_second))
        samples_counted(step)
    median_ms = float(visible.nth(1).inner_text().removesuffix(" ms").replace(",", ""))
    assert 395 <= median_ms < 1000


def test_processes_are_listed_with_their_restarts(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.processes = [
        {"name": "worker-1", "pid": 1, "cpu_percent": 1.0, "rss_bytes": 1, "state": "running", "restarts": 2},
        {
            "name": "fleet",
            "pid": 2,
            "cpu_percent": 8.1,
            "rss_bytes": 52_000_000,
            "state": "running",
            "restarts": 0,
        },
        {"name": "redis", "pid": 4, "cpu_percent": 3.0, "rss_bytes": 1, "state": "ready", "restarts": 1},
        {"name": "ended", "pid": 3, "cpu_percent": None, "rss_bytes": None, "state": "exited", "restarts": 0},
    ]
    page = open_page(fake_lab.url)
    with fake_lab.play():
        tables = page.locator(".processes")
        expect(tables.nth(0).locator("tbody tr")).to_have_count(5)
        expect(tables.nth(0)).to_contain_text("worker-1 restarted 2 ×")
        expect(tables.nth(0)).to_contain_text("redis restarted 1 ×")
        expect(tables.nth(2)).not_to_contain_text("redis")
        expect(tables.nth(1).locator("tbody tr")).to_have_count(1)
        expect(tables.nth(2).get_by_role("row", name="fleet 8.1 % 52 MB")).to_be_visible()
        expect(tables.nth(2)).not_to_contain_text("ended")
        expect(
            tables.nth(0).get_by_role("row", name=re.compile(r"^Together [\d.]+ % 208 MB$"))
        ).to_be_visible()


def test_servers_show_their_values_and_which_pipeline_holds_them(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    fake_lab.makers["http_redis"].silent = frozenset({"web-03"})
    fake_lab.makers["http_redis"].stopped_at_us = now_us() - 7_000_000
    for maker in fake_lab.makers.values():
        maker.silent |= {"db-02"}
        maker.stopped_at_us = now_us() - 7_000_000
    fake_lab.makers["websocket"].silent = frozenset({"db-02"})
    page = open_page(fake_lab.url)
    with fake_lab.play():
        expect(page.locator(".server")).to_have_count(50)
        expect(page.locator("#server-summary")).to_have_text(
            "50 servers: 49 healthy, 1 silent for 3 s or more."
        )
        silent = page.locator(".server[data-producer=db-02]")
        expect(silent).to_contain_text("Silent")
        expect(silent.locator(".mark-hollow")).to_have_count(2)
        behind = page.locator(".server[data-producer=web-03]")
        expect(behind).to_contain_text("Healthy")
        expect(behind.locator(".mark-a.mark-hollow")).to_have_count(1)
        expect(behind.locator(".mark-b.mark-hollow")).to_have_count(0)
        healthy = page.locator(".server[data-producer=web-01]")
        expect(healthy.locator(".mark-hollow")).to_have_count(0)
        expect(healthy).to_contain_text(
            re.compile(r"CPU\s*[\d.]+ %\s*Mem\s*[\d.]+ %\s*Disk\s*[\d.]+ %\s*Net\s*[\d.]+ [kM]B/s")
        )
        page.get_by_role("button", name="Not healthy only").click()
        expect(page.locator(".server")).to_have_count(1)
        page.get_by_role("button", name="Not healthy only").click()
        page.get_by_label("Name contains").fill("WEB-0")
        expect(page.locator(".server")).to_have_count(9)
        expect(page.locator("#server-shown")).to_have_text("Showing 9 of 50")


def test_events_are_listed_newest_first(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.add_event("crashed", "worker-1", "killed by signal 9")
    page = open_page(fake_lab.url)
    expect(page.locator("#events li").first).to_contain_text("crashed worker-1 killed by signal 9")
    fake_lab.add_event("ready", "worker-1", "worker-1 is ready")
    expect(page.locator("#events li").first).to_contain_text(re.compile(r"ready\s+worker-1 is ready"))
    fake_lab.add_event("restarted", "worker-1", "<img src=x onerror=alert(1)> took over after 0.2 s")
    expect(page.locator("#events li").first).to_contain_text(
        "<img src=x onerror=alert(1)> took over after 0.2 s"
    )
    assert page.locator("#events img").count() == 0


def test_canvases_have_a_live_text_alternative(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    expect(page.get_by_role("img", name="Processed: no figures yet")).to_have_count(0)
    with fake_lab.play():
        expect(page.locator("canvas[role=img]")).to_have_count(9)
        latency = (
            r"Processed, last 60 s: A now p50 [\d.]+ ms, p99 [\d.]+ ms; B now p50 [\d.]+ ms, p99 [\d.]+ ms"
        )
        expect(page.locator("[data-chart=processed] canvas")).to_have_attribute(
            "aria-label", re.compile(latency)
        )
        rate = r"Throughput, last 60 s: A now [\d.]+ /s; B now [\d.]+ /s"
        expect(page.locator("[data-chart=rate] canvas")).to_have_attribute("aria-label", re.compile(rate))


def test_charts_draw_both_pipelines_in_their_colours(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url, color_scheme="light")
    colours = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const found = { blue: 0, orange: 0 };
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] === 0 && data[i + 1] === 114 && data[i + 2] === 178) found.blue += 1;
        if (data[i] === 213 && data[i + 1] === 94 && data[i + 2] === 0) found.orange += 1;
      }
      return found.blue > 20 && found.orange > 20;
    }"""
    with fake_lab.play(hz=10):
        for chart in ("accepted", "processed", "cpu", "memory"):
            canvas = page.locator(f"[data-chart={chart}] canvas")
            canvas.scroll_into_view_if_needed()  # others are not drawn
            page.wait_for_function(colours, arg=canvas.element_handle())


def test_many_messages_share_one_frame(fake_lab: FakeLab, open_page: OpenPage) -> None:
    count = """window.asked = 0;
      const original = window.requestAnimationFrame;
      window.requestAnimationFrame = (callback) => { window.asked += 1; return original(callback); };"""
    page = open_page(fake_lab.url, prepare=lambda page: page.add_init_script(count))
    with fake_lab.play(hz=20):
        wait_live(page)
    text = fake_lab.makers["websocket"].encode(now_us())
    body = """async (text) => {
      const { Store } = await import("/static/js/store.js");
      const { Frame } = await import("/static/js/frame.js");
      const store = new Store();
      let drawn = 0;
      const frame = new Frame(() => { drawn += 1; });
      store.addEventListener("change", () => frame.ask());
      const before = window.asked;
      for (let i = 0; i < 500; i += 1) store.receive("websocket", JSON.parse(text), i * 1000);
      const asked = window.asked - before;
      await new Promise((done) => { frame.afterwards(done); });
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return [asked, drawn];
    }"""
    assert page.evaluate(body, text.decode()) == [1, 1]
