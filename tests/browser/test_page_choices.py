"""What a viewer chose is there again after a reload; what was typed into an order, or ticked, is not."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_audit import battered, healthy
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import wait_live
from tests.browser.test_page_controls import open_controls


def pressed(page: Page, *ids: str) -> list[str | None]:
    """Whether these buttons are pressed."""
    return [page.locator(f"#{each}").get_attribute("aria-pressed") for each in ids]


def test_how_one_looks_is_there_again_after_a_reload(fake_lab: FakeLab, open_page: OpenPage) -> None:
    journey = ("journey-median", "journey-slowest", "journey-processed", "journey-whole")
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        assert pressed(page, *journey) == ["true", "false", "true", "false"]
        page.locator("#journey-slowest").click()
        page.locator("#journey-whole").click()
        page.locator("#server-filter").fill("web-0")
        page.locator("#server-troubled").click()
        page.locator(".pane").nth(1).get_by_text("More counters").click()
        page.get_by_label("Read the charts at").fill("-20")
        expect(page.locator("[data-field=cross-text]")).to_have_text("20 s before")
        page.reload()
        wait_live(page)
        assert pressed(page, *journey) == ["false", "true", "false", "true"]
        expect(page.locator("#server-filter")).to_have_value("web-0")
        assert pressed(page, "server-troubled") == ["true"]
        unfolded = page.locator("details.more").evaluate_all("(all) => all.map(({ open }) => open)")
        assert unfolded == [False, True]
        expect(page.locator("[data-field=cross-text]")).to_have_text("20 s before")
        page.get_by_label("Read the charts at").fill("0")
        page.reload()
        wait_live(page)
        expect(page.locator("[data-field=cross-text]")).to_have_text("the end")


def test_lists_of_choices_are_kept_and_nothing_half_made(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_controls(fake_lab, open_page)
    page.get_by_label("Arm", exact=True).select_option("websocket")
    page.get_by_label("Process", exact=True).select_option("worker-1")
    page.get_by_label("Action", exact=True).select_option("spike")
    page.get_by_role("form", name="Knobs").get_by_role("radio", name="× 10", exact=True).check(force=True)
    page.locator("#broadcast-text").fill("half a sentence")
    page.locator("#faults").scroll_into_view_if_needed()
    page.get_by_label("What", exact=True).select_option("delay")
    page.get_by_label("Where", exact=True).select_option("store")
    grade = page.get_by_label("How much", exact=True)
    started = grade.input_value()
    grade.fill("59999")
    page.get_by_label("Hidden").check()
    page.reload()
    page.locator("#controls").scroll_into_view_if_needed()
    expect(page.get_by_label("Arm", exact=True)).to_have_value("websocket")
    expect(page.get_by_label("Process", exact=True)).to_have_value("worker-1")
    expect(page.get_by_label("Action", exact=True)).to_have_value("spike")
    expect(page.get_by_role("form", name="Knobs").locator("[data-field=submit]")).to_be_disabled()
    expect(page.locator("#broadcast-text")).to_have_value("")
    page.locator("#faults").scroll_into_view_if_needed()
    expect(page.get_by_label("What", exact=True)).to_have_value("delay")
    expect(page.get_by_label("Where", exact=True)).to_have_value("store")
    expect(grade).to_have_value(started)
    expect(page.get_by_label("Hidden")).not_to_be_checked()
    assert fake_lab.controls.orders == []


def test_a_fault_is_hidden_once(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    page.locator("#faults").scroll_into_view_if_needed()
    hidden, form = page.get_by_role("checkbox", name="Hidden"), page.locator("#fault-form")
    hidden.check()
    page.get_by_label("What", exact=True).select_option("delay")
    page.get_by_label("How much", exact=True).fill("nothing")
    page.get_by_role("button", name="Break it").click()
    expect(form.get_by_role("alert")).to_contain_text("expected a number")
    expect(hidden).to_be_checked()  # nothing was broken yet
    page.get_by_label("How much", exact=True).fill("250")
    page.get_by_role("button", name="Break it").click()
    expect(form).to_contain_text("Begun: hidden fault 1.")
    expect(hidden).not_to_be_checked()


def test_a_load_test_is_followed_out_of_view_and_over_a_reload(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    page = open_controls(fake_lab, open_page)
    with fake_lab.play():
        wait_live(page)
        page.get_by_role("form", name="Load test").get_by_role("button", name="Start").click()
        effect = page.locator("#effect-list li")
        expect(effect).to_contain_text(
            re.compile(r"Load test: HTTP/1\.1, 1,000 samples/s.*until it is over", re.DOTALL)
        )
        expect(effect.locator(".effect-figures")).to_contain_text("rate")
        page.reload()
        wait_live(page)  # the controls are out of view
        expect(effect).to_contain_text("followed until it is over")
        page.evaluate("scrollTo(0, 0)")
        fake_lab.controls.load.state = "done"
        expect(effect).to_contain_text("over; what was furthest from before while it ran")


def test_what_a_load_test_leaves_behind_is_not_on_the_board(fake_lab: FakeLab, open_page: OpenPage) -> None:
    test = frozenset(f"load-http1-1-{number:04}" for number in range(50))
    maker = fake_lab.makers["http_redis"]
    maker.names = [*maker.names, *sorted(test)]
    maker.silent, maker.stopped_at_us = test, now_us() - 7_000_000
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        summary = page.locator("#server-summary")
        expect(summary).to_have_text("50 servers: 50 healthy. Load test, over: 50 producers.")
        expect(page.locator("#server-shown")).to_have_text("Showing 50 of 50")
        page.locator("#server-filter").fill("load-")
        expect(page.locator("#server-shown")).to_have_text("Showing none")
        page.locator("#server-filter").fill("")
        maker.silent = frozenset()
        expect(summary).to_have_text("100 servers: 100 healthy.")  # the next one has begun


def test_losses_of_a_crash_are_asked_for_at_once_and_called_what_they_are(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    fake_lab.audit = healthy(50)
    page = open_page(fake_lab.url)
    lost = page.locator(".pane[data-pipeline=B] .tile[data-tile=lost] .figure")
    with fake_lab.play():
        wait_live(page)
        expect(lost).to_have_text(re.compile(r"^0\s+of [\d,]+ made$"))
        fake_lab.audit = battered()
        fake_lab.add_event("crashed", "websocket", "process 7 was killed by SIGKILL")
        expect(lost).to_have_text(re.compile(r"^1,504\s+being sent again$"), timeout=4000)
        expect(lost).to_have_text(re.compile(r"^1,504\s+of [\d,]+ made$"), timeout=20_000)
