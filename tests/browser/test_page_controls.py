"""The controls panel against a lab that turns nothing: every control is pressed, and what it did is told."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import FakeLab
from tests.browser.test_page import wait_live
from tests.browser.test_page_layouts import OVERFLOWS, OVERLAPS, violations

PROCESSES = ("fleet", "redis", "worker-1", "websocket", "dashboard")


def open_controls(lab: FakeLab, open_page: OpenPage, **options: int) -> Page:
    """The page with its controls in view and filled."""
    lab.processes = [
        {"name": name, "pid": i, "cpu_percent": 3.0, "rss_bytes": 5e7} for i, name in enumerate(PROCESSES)
    ]
    page = open_page(lab.url, **options)
    page.locator("#controls").scroll_into_view_if_needed()
    expect(page.locator(".knob")).to_have_count(9)
    return page


def test_knobs_are_chosen_together_and_set_by_one_order(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    form = page.get_by_role("form", name="Knobs")
    submit = form.locator("[data-field=submit]")
    expect(submit).to_be_disabled()
    form.get_by_role("radio", name="× 10", exact=True).check(force=True)
    workers = form.get_by_role("textbox", name="Workers")
    workers.fill("9")
    expect(submit).to_have_text("Set 2 knobs")
    submit.click()
    expect(form.get_by_role("alert")).to_have_text("Workers: expected a whole number from 0 to 8.")
    expect(workers).to_be_focused()
    assert fake_lab.controls.orders == []
    workers.fill("4")
    with fake_lab.play():
        wait_live(page)
        submit.click()
        expect(form.get_by_role("status")).to_have_text("Set: Rate × 10, Workers 4.")
        moved = page.locator("#effect-list li").first
        expect(moved.locator("b")).to_have_text("Rate × 10, Workers 4")
        for maker in fake_lab.makers.values():
            maker.rate = 10.0
        expect(moved).to_contain_text(re.compile(r"A (49|50)\.\d → (49\d|50\d)\.\d samples/s"))
        expect(moved).to_contain_text(re.compile(r"B (49|50)\.\d → (49\d|50\d)\.\d samples/s"))
    assert fake_lab.controls.orders == [("/api/knobs", {"rate_factor": 10, "workers": 4})]
    expect(submit).to_be_disabled()
    expect(workers).to_have_value("4")
    expect(page.locator("#events")).to_contain_text("rate_factor → 10")
    expect(page.locator("[data-chart=rate] canvas").first).to_have_attribute(
        "aria-label", re.compile("marked: rate_factor → 10")
    )


def test_a_knob_follows_the_lab_until_the_viewer_turns_it(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    form = page.get_by_role("form", name="Knobs")
    batch = form.get_by_role("textbox", name="Batch size")
    fake_lab.controls.knobs |= {"batch": 25, "fsync": "everysec"}
    expect(batch).to_have_value("25")
    expect(form.get_by_role("radio", name="every second")).to_be_checked()
    batch.fill("40")
    fake_lab.controls.knobs |= {"batch": 50, "fsync": "no"}
    expect(form.get_by_role("radio", name="never")).to_be_checked()
    expect(batch).to_have_value("40")
    form.get_by_role("button", name="Back to what is set").click()
    expect(batch).to_have_value("50")
    fake_lab.controls.why_not = {"workers": "in containers workers are compose's"}
    expect(form).to_contain_text("Not here: in containers workers are compose’s.")
    expect(form.get_by_role("textbox", name="Workers")).to_be_disabled()


def test_servers_are_acted_on_alone_and_together(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    form = page.get_by_role("form", name="Servers")
    status = form.get_by_role("status")
    for action in ("stop", "start", "restart"):
        form.get_by_label("Action").select_option(action)
        form.get_by_role("button", name="Do it").click()
        expect(status).to_have_text(f"{action.capitalize()}: 50 servers.")
    form.get_by_label("Server", exact=True).fill("web-01")
    with fake_lab.play():
        for action, done in (
            ("spike", "Spike"),
            ("load", "Simulate load"),
            ("latency", "Add latency"),
            ("invalid", "Inject invalid samples"),
        ):
            form.get_by_label("Action").select_option(action)
            form.get_by_role("button", name="Do it").click()
            expect(status).to_have_text(f"{done}: 1 server.")
        report = page.locator("#effect-list li").first.locator("[data-field=report]")
        expect(report).to_have_text(re.compile(r"web-01 is healthy: CPU [\d.]+ %, memory [\d.]+ %"))
    form.get_by_label("How many").fill("0")
    form.get_by_role("button", name="Do it").click()
    expect(form.get_by_role("alert")).to_have_text("How many: expected a whole number from 1 to 100.")
    told = page.get_by_role("form", name="Broadcast")
    told.get_by_role("textbox").fill("maintenance at ten")
    told.get_by_role("textbox").press("Enter")
    expect(told.get_by_role("status")).to_have_text("Told 50 servers.")
    assert fake_lab.controls.orders == [
        ("/api/servers/*/stop", {}),
        ("/api/servers/*/start", {}),
        ("/api/servers/*/restart", {}),
        ("/api/servers/web-01/spike", {"height": 45, "for_s": 10}),
        ("/api/servers/web-01/load", {"cpu_percent": 90, "for_s": 30}),
        ("/api/servers/web-01/latency", {"ms": 200, "for_s": 30}),
        ("/api/servers/web-01/invalid", {"n": 5}),
        ("/api/broadcast", {"text": "maintenance at ten"}),
    ]
    expect(page.locator("#effect-list li")).to_have_count(6)  # the newest


def test_a_process_is_killed_and_its_recovery_told(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    form = page.get_by_role("form", name="Processes")
    process = form.get_by_label("Process")
    expect(process.locator("option")).to_have_text(["fleet", "redis", "worker-1", "websocket"])
    process.select_option("worker-1")
    for action in ("Pause", "Resume", "Kill"):
        form.get_by_role("button", name=action).click()
        expect(form.get_by_role("status")).to_have_text(re.compile(f"{action}: worker-1"))
    fake_lab.add_event("recovered", "worker-1", "worker-1: back 1.2 s after the kill")
    report = page.locator("#effect-list li").first.locator("[data-field=report]")
    expect(report).to_contain_text("worker-1: back 1.2 s after the kill")
    assert [path for path, _ in fake_lab.controls.orders] == [
        "/api/processes/worker-1/pause",
        "/api/processes/worker-1/resume",
        "/api/processes/worker-1/kill",
    ]


def test_a_load_test_is_started_watched_and_stopped(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    form = page.get_by_role("form", name="Load test")
    start, stop = form.get_by_role("button", name="Start"), form.get_by_role("button", name="Stop")
    expect(stop).to_be_disabled()
    form.get_by_label("Arm").select_option("websocket")
    form.get_by_label("Rate, samples/s").fill("none")
    start.click()
    expect(form.get_by_role("alert")).to_have_text("Rate: expected a number from 0.1 to 1,000,000.")
    form.get_by_label("Rate, samples/s").fill("2,500")
    form.get_by_label("Duration, s").fill("8")
    start.click()
    expect(form.get_by_role("status")).to_have_text("Started.")
    expect(start).to_be_disabled()
    load = fake_lab.controls.load
    load.elapsed_s, load.sent, load.acked, load.p50_ms, load.p99_ms = 2.0, 5012, 4990, 0.61, 2.2
    expect(form.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(form).to_contain_text("WebSocket, 2,500 samples/s: 2 s of 8 s")
    expect(form.locator("dl")).to_have_text(
        re.compile(r"5,012\s*Acked\s*4,990.*0\.61 ms.*2\.20 ms", re.DOTALL)
    )
    stop.click()
    expect(form).to_contain_text("WebSocket, 2,500 samples/s: done")
    expect(start).to_be_enabled()
    assert fake_lab.controls.orders == [
        ("/api/load", {"arm": "websocket", "rate": 2500, "duration_s": 8}),
        ("/api/load/stop", {}),
    ]


def test_what_the_lab_refuses_is_said_where_it_was_ordered(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    fake_lab.controls.refuse = "the fleet does not answer (changed already: workers)"
    form = page.get_by_role("form", name="Knobs")
    form.get_by_role("textbox", name="Servers").fill("60")
    form.locator("[data-field=submit]").click()
    expect(form.get_by_role("alert")).to_have_text(fake_lab.controls.refuse)
    expect(form.get_by_role("textbox", name="Servers")).to_have_value("60")  # it may be sent again
    expect(page.locator("#effects-none")).to_be_visible()
    fake_lab.api_down = True
    expect(page.locator("#controls-problem")).to_have_text(re.compile(r"/api/knobs"))
    fake_lab.api_down = False
    expect(page.locator("#controls-problem")).to_have_text("")


def test_the_controls_fit_on_a_phone_and_can_be_read(fake_lab: FakeLab, open_page: OpenPage) -> None:
    fake_lab.controls.why_not = {"fsync": "the store is your own (LAB_REDIS_URL)"}
    page = open_controls(fake_lab, open_page, width=390, height=844)
    with fake_lab.play():
        wait_live(page)
        form = page.get_by_role("form", name="Servers")
        form.get_by_role("button", name="Do it").click()
        expect(page.locator("#effect-list li")).to_have_count(1)
        page.get_by_role("button", name="Freeze baseline").click()
        page.get_by_role("button", name="Side by side").click()
        page.get_by_role("button", name="Tables").click()
        expect(page.locator(".chart-table").first).to_be_visible()
        assert page.evaluate(OVERFLOWS) == []
        assert page.evaluate(OVERLAPS) == []
        assert violations(page) == []
