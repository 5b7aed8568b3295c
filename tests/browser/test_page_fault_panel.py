"""The fault panel against a fake engine: every control is pressed; and the marks that faults leave on the charts."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_faults import FakeFaults
from tests.browser.fake_lab import FakeLab
from tests.browser.test_page import wait_live


def engine_of(lab: FakeLab) -> FakeFaults:
    """The fake engine, which is there."""
    assert lab.faults is not None
    return lab.faults


def open_panel(lab: FakeLab, open_page: OpenPage) -> Page:
    """The page with the fault panel in view and filled."""
    page = open_page(lab.url)
    page.locator("#faults").scroll_into_view_if_needed()
    expect(page.get_by_label("What", exact=True)).to_have_value("kill")
    return page


def test_a_fault_is_chosen_caused_and_undone(fake_lab: FakeLab, open_page: OpenPage) -> None:
    engine = engine_of(fake_lab)
    page = open_panel(fake_lab, open_page)
    form = page.get_by_role("form", name="Cause a fault")
    active, past = page.locator("#faults-active li"), page.locator("#faults-past li")
    expect(page.locator("#faults-none")).to_have_text("Nothing is broken on purpose.")
    expect(form.get_by_label("How much")).to_be_disabled()
    expect(form.get_by_label("How long")).to_be_disabled()
    page.get_by_label("What", exact=True).select_option("delay")
    page.get_by_label("Where", exact=True).select_option("store")
    expect(form).to_contain_text("Hold every byte back, each way.")
    expect(form).to_contain_text("ms each way, 1 to 60,000")
    assert form.get_by_label("How long").input_value() == "20"
    form.get_by_label("How much").fill("250")
    form.get_by_label("How long").fill("")
    page.get_by_role("button", name="Break it").click()
    expect(form).to_contain_text("Begun: delay on store: 250 ms each way, until it is undone.")
    expect(active).to_contain_text(re.compile(r"delay on store, 250 ms each way for \d s"))
    order = {"path": "/api/faults", "kind": "delay", "target": "store", "grade": 250, "for_s": 0}
    assert engine.orders == [order]
    page.get_by_role("button", name="Break it").click()  # once more: refused in words
    expect(page.locator("#fault-form .problem")).to_have_text("delay acts on store already; undo it first")
    page.get_by_role("button", name="Undo delay on store").click()
    expect(past.first).to_contain_text(
        re.compile(r"delay on store, 250 ms each way lasted .* recovered in 0.40 s")
    )
    expect(active).to_have_count(0)
    expect(page.get_by_role("button", name="Undo all")).to_be_disabled()


def test_what_was_typed_wrong_is_said_and_nothing_is_sent(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_panel(fake_lab, open_page)
    problem = page.locator("#fault-form .problem")
    page.get_by_label("What", exact=True).select_option("swallow-replies")
    page.get_by_label("How much").fill("7")
    page.get_by_label("How much").press("Enter")
    expect(problem).to_have_text("How much: expected a number (share of replies, 0 to 1).")
    expect(page.get_by_label("How much")).to_be_focused()
    page.get_by_label("How much").fill("0.5")
    expect(problem).to_have_text("")
    page.get_by_label("How long", exact=True).fill("a while")
    page.get_by_role("button", name="Break it").click()
    expect(problem).to_have_text("For: expected seconds, or nothing: until it is undone.")
    assert engine_of(fake_lab).orders == []
    page.get_by_label("How long", exact=True).fill("99999")  # the engine knows its own bounds
    page.get_by_role("button", name="Break it").click()
    expect(problem).to_contain_text("for_s: expected seconds up to 3600")


def test_a_kind_that_is_not_available_says_why(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_panel(fake_lab, open_page)
    page.get_by_label("What", exact=True).select_option(label="disk-full (not here)")
    expect(page.locator("#fault-form")).to_contain_text(
        "Not available here: a limit on a running process needs Linux"
    )
    expect(page.get_by_role("button", name="Break it")).to_be_disabled()


def test_a_hidden_fault_stays_secret_until_it_is_revealed(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_panel(fake_lab, open_page)
    page.get_by_label("What", exact=True).select_option("cut")
    page.get_by_label("Where", exact=True).select_option("fleet-b")
    page.get_by_label("Hidden, until it is revealed").check()
    page.get_by_role("button", name="Break it").click()
    active = page.locator("#faults-active li")
    expect(active).to_contain_text("hidden fault 1")
    expect(page.locator("#fault-list")).not_to_contain_text("cut")
    reveal = page.get_by_role("button", name="Reveal hidden fault 1")
    reveal.focus()
    page.keyboard.press("Enter")
    expect(active).to_contain_text("cut on fleet-b")
    expect(reveal).to_be_hidden()


def test_all_are_undone_at_once_and_the_keyboard_keeps_its_place(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    engine = engine_of(fake_lab)
    engine.begin("pause", "redis", for_s=10)
    engine.begin("skew-clock", "*", -60)
    engine.fail(engine.begin("disk-full", "redis", 0), "not permitted")
    for _ in range(40):
        engine.end(engine.begin("kill", "worker-1"), 1.2)
    page = open_panel(fake_lab, open_page)
    expect(page.locator("#faults-active li")).to_have_count(2)
    expect(page.locator("#faults-past li")).to_have_count(30)
    expect(page.locator("#faults-count")).to_have_text("41 over; the newest 30 are listed")
    expect(page.locator("#faults-active")).to_contain_text(re.compile(r"pause on redis for \d+ s of 10 s"))
    expect(page.locator("#faults-active")).to_contain_text("skew-clock on * (all), -60 seconds")
    page.get_by_role("button", name="Undo skew-clock").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#faults-active li")).to_have_count(1)
    expect(page.locator("#fault-list")).to_be_focused()
    page.get_by_role("button", name="Undo all").click()
    expect(page.locator("#faults-none")).to_be_visible()
    assert [order["path"] for order in engine.orders] == ["/api/faults/2/undo", "/api/faults/undo"]


def test_without_an_engine_the_panel_is_one_line(fake_lab: FakeLab, open_page: OpenPage) -> None:
    engine, fake_lab.faults = fake_lab.faults, None
    page = open_page(fake_lab.url)
    page.locator("#faults").scroll_into_view_if_needed()
    problem = page.locator("#faults-problem")
    expect(problem).to_have_text("No fault engine answers here (HTTP status 404).")
    expect(page.locator("#faults-body")).to_be_hidden()
    fake_lab.faults = engine
    expect(page.locator("#faults-body")).to_be_visible()
    expect(problem).to_have_text("")
    fake_lab.faults = None
    expect(problem).to_have_text("No fault engine answers here (HTTP status 404).")
    page.get_by_role("button", name="Break it").click()
    expect(page.locator("#fault-form .problem")).to_have_text("/api/faults: HTTP status 502")


def test_faults_and_what_follows_are_marked_on_every_chart(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url, color_scheme="light")
    marked = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] === 168 && data[i + 1] === 23 && data[i + 2] === 36) found += 1;
      }
      return found;
    }"""
    with fake_lab.play(hz=10):
        wait_live(page)
        canvases = page.locator(".chart canvas")
        assert canvases.count() == 9
        assert [canvases.nth(i).evaluate(marked) for i in range(7)] == [0] * 7
        fake_lab.add_event("fault", "redis", "pause on redis: for 10 s")
        fake_lab.add_event("crashed", "worker-1", "killed by signal 9")
        fake_lab.add_event("recovered", "redis", "well again 0.4 s after pause on redis: for 10 s")
        for i in range(7):
            canvases.nth(i).scroll_into_view_if_needed()  # others are not drawn
            page.wait_for_function(f"canvas => ({marked})(canvas) > 60", arg=canvases.nth(i).element_handle())
        label = re.compile(
            r"marked: recovered redis \d s ago, crashed worker-1 \d s ago, pause redis \d s ago$"
        )
        expect(page.locator("[data-chart=rate] canvas")).to_have_attribute("aria-label", label)
        events = page.locator("#events li")
        expect(events.filter(has_text="pause on redis: for 10 s")).to_have_count(2)
        expect(events.filter(has_text="crashed worker-1 killed by signal 9")).to_have_count(1)
