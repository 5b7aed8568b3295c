"""The page when something behind it breaks: it says so, keeps what it knows, and comes back by itself."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fake_lab import FakeLab, now_us
from tests.browser.test_page import A, B, wait_live


def test_malformed_messages_are_named_and_break_nothing(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    feed = fake_lab.feeds["websocket"]
    with fake_lab.play():
        wait_live(page)
        broken = json.loads(fake_lab.makers["websocket"].encode(now_us()))
        broken["producers"][3]["last"]["cpu_percent"] = "hot"
        for message in ('{"type": "mystery"}', "{oops", json.dumps(broken)):
            feed.send(message)
        feed.send(b"\x00\x01", text=False)
        events = page.locator("#events")
        for complaint in (
            'B feed unknown message type "mystery"',
            'B feed not JSON: "{oops"',
            'B feed $.producers[3].last.cpu_percent: expected a number >= 0, got "hot"',
            "B feed expected a text message, got a binary one",
        ):
            expect(events).to_contain_text(complaint)
        for _ in range(30):
            feed.send("{")
        expect(events).to_contain_text("unreadable × 30")
        fake_lab.makers["websocket"].totals = {"processed": 987_654}
        expect(page.locator(B)).to_contain_text("987,654")
        wait_live(page)
    assert feed.connections == 1


def broken(snapshot: bytes, **changes: object) -> str:
    """A snapshot with other values under some keys; None: without the key."""
    message = json.loads(snapshot) | changes
    return json.dumps({key: value for key, value in message.items() if value is not None})


def test_every_kind_of_nonsense_is_named_and_the_next_snapshot_is_shown(
    fake_lab: FakeLab, open_page: OpenPage
) -> None:
    """Wrong types, missing keys, numbers beyond all bounds, another version, another pipeline's; and a time to come."""
    page = open_page(fake_lab.url)
    feed, maker = fake_lab.feeds["websocket"], fake_lab.makers["websocket"]
    with fake_lab.play():
        wait_live(page)
        good = maker.encode(now_us())
        nonsense = {
            broken(good, schema=2): "$.schema: expected 1, got 2",
            broken(good, totals=None): "$.totals: expected an object, got nothing",
            broken(good, producers={"web-01": 1}): "$.producers: expected an array",
            broken(
                good, rate_per_s=1e300
            ): "$.rate_per_s: expected a number >= 0, got 1e+300, which is too large",
            broken(good, at_us=-1): "$.at_us: expected a number >= 0, got -1",
            broken(good, alerts=[7]): "$.alerts",
            broken(good, pipeline="http_redis"): "http_redis on the feed of websocket",
            "[]": "expected",
            '"snapshot"': "expected",
            "null": "expected",
        }
        events = page.locator("#events")
        for message, complaint in nonsense.items():
            feed.send(message)
            expect(events.locator("li[data-kind=unreadable]").first).to_contain_text(complaint)
            wait_live(page)
        feed.send(broken(good, at_us=now_us() + 10**15, producers=[]))  # readable, and from the year 2058
        maker.totals = {"processed": 987_654}
        expect(page.locator(B)).to_contain_text("987,654")
        wait_live(page)
        expect(page.locator(".server[data-status=healthy]")).to_have_count(50)
    assert feed.connections == 1


def test_a_lost_feed_is_marked_and_found_again(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        fake_lab.feeds["http_redis"].stop()
        expect(page.locator(A)).to_have_attribute("data-liveness", "lost")
        expect(page.locator(f"{A} .badge")).to_contain_text("Reconnecting")
        expect(page.locator("#events")).to_contain_text("lost A feed closed with code 1001; trying again")
        expect(page.locator(f"{B} .badge")).to_contain_text("Live")
        expect(page.locator(".server .mark-a.mark-hollow").first).to_be_visible()
        assert page.locator(".server[data-status=healthy]").count() == 50
        fake_lab.feeds["http_redis"].start()
        wait_live(page)
        expect(page.locator(".mark-a.mark-hollow")).to_have_count(1)  # the one in the key
    assert fake_lab.feeds["http_redis"].connections == 2
    assert fake_lab.feeds["websocket"].connections == 1


def test_an_old_snapshot_is_marked_stale(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    with fake_lab.play():
        wait_live(page)
        expect(page.locator("[data-chart=rate] .chart-now")).to_contain_text("/s")
    expect(page.locator(f"{B} .badge")).to_have_text(re.compile(r"Stale · \d s old"))
    expect(page.locator(A)).to_have_attribute("data-liveness", "stale")
    expect(page.locator("[data-chart=rate] .chart-now")).not_to_contain_text("/s")
    expect(page.locator("#server-summary")).to_have_text(
        "50 servers: 0 healthy, 50 not seen, as no feed is live."
    )
    fake_lab.tick()
    expect(page.locator(f"{B} .badge")).to_contain_text("Live")


def test_the_page_survives_the_control_api(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    events = page.locator("#events")
    with fake_lab.play():
        wait_live(page)
        fake_lab.api_down = True
        expect(events).to_contain_text("unanswered control API /api/events: HTTP status 404")
        wait_live(page)
        fake_lab.api_down = False
        expect(events).to_contain_text("back control API /api/events answers again")


def test_the_page_can_be_opened_before_the_pipelines(fake_lab: FakeLab, open_page: OpenPage) -> None:
    for feed in fake_lab.feeds.values():
        feed.stop()
    page = open_page(fake_lab.url)
    expect(page.locator(f"{A} .badge")).to_contain_text("Reconnecting")
    expect(page.locator("#server-shown")).to_have_text("Showing none")
    for feed in fake_lab.feeds.values():
        feed.start()
    with fake_lab.play():
        wait_live(page)
        expect(page.locator(".server")).to_have_count(50)


def test_without_chart_js_everything_else_works(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(
        fake_lab.url, prepare=lambda page: page.route("**/vendor/chart.js", lambda route: route.abort())
    )
    with fake_lab.play():
        wait_live(page)
        expect(page.locator("#events")).to_contain_text("charts cannot be drawn: Chart.js did not load")
        expect(page.locator("[data-chart=rate] .chart-now")).to_contain_text("/s")


def test_a_wrong_clock_is_said_rather_than_compared(fake_lab: FakeLab, open_page: OpenPage) -> None:
    page = open_page(fake_lab.url)
    for name, feed in fake_lab.feeds.items():
        feed.wait_connected()
        feed.send(fake_lab.makers[name].encode(now_us() + 60_000_000))
    notice = page.locator("#clock-notice")
    expect(notice).to_contain_text(re.compile(r"clock is about (60|59)\.\d s behind the lab’s"))
    expect(notice).to_contain_text("visible latency is not comparable")
    expect(page.locator(f"{B} .badge")).to_contain_text("Live")
