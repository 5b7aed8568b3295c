"""The report in a real browser, opened from disk: looks, choices, themes, paper, and no request at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from load_tests.reports.html_page import render_html
from load_tests.runs.folder import SavedComparison, SavedRun
from tests.browser.conftest import OpenPage
from tests.browser.test_page_layouts import OVERLAPS, violations
from tests.support.saved_runs import EPOCH, make_comparison, make_run

EVIL = "<img src=x onerror=alert(1)>"
LOST = {"load-00": {EPOCH: [[12, 17]]}, EVIL: {EPOCH: [[3, 3]]}}
STOPPED = [(2.0, f"worker-1 stopped {EVIL}"), (4.0, "worker-1 goes on")]

CLOSED = "details:not([open]) > :not(summary), select, script, style"
OVERLAPPING = OVERLAPS.replace("details:not([open]) > dl", CLOSED)
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  for (const element of document.querySelectorAll(".card, .tools, .facts, .method, .pairs, .squares, .charts")) {
    if (element.scrollWidth > element.clientWidth + 1) wide.push(element.className);
  }
  return wide;
}"""
BLANK = """() => [...document.querySelectorAll(".canvas canvas")].filter((canvas) => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return !pixels.some((value) => value !== 0);
}).map((canvas) => canvas.id)"""
SCRIPT = "document.getElementById('{}').toDataURL()"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of reports on disk."""
    folder = tmp_path_factory.mktemp("reports")
    saved: dict[str, SavedComparison | SavedRun] = {
        "lossy": make_comparison(
            (f"http1:{EVIL}", "websocket"), missing=LOST, events=STOPPED, findings=[EVIL]
        ),
        "crossed": make_comparison(crossed=True, rounds=1),
        "run": make_run("websocket"),
    }
    addresses = {}
    for name, each in saved.items():
        path = folder / f"{name}.html"
        path.write_text(render_html(each), encoding="utf-8")
        addresses[name] = path.as_uri()
    return addresses


class Watch:
    """What a page says and asks for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []

    def __call__(self, page: Page) -> None:
        page.on("request", self._ask)
        page.on("console", self._say)
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    def _ask(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.asked.append(request.url)

    def _say(self, message: ConsoleMessage) -> None:
        self.said.append(f"{message.type}: {message.text}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails a test whose page asked for more than itself, or wrote to the console."""
    one = Watch()
    yield one
    assert len(set(one.asked)) <= 1, one.asked
    assert one.said == []


def drawn(page: Page) -> Page:
    """The page, once its scripts have drawn it."""
    expect(page.locator("html[data-drawn=true]")).to_have_count(1)
    return page


@pytest.mark.parametrize(
    "name, width, height, scheme",
    [
        ("lossy", 1280, 800, "light"),
        ("crossed", 1024, 768, "dark"),
        ("lossy", 390, 844, "dark"),
        ("run", 1280, 800, "dark"),
    ],
)
def test_layout(
    pages: dict[str, str], open_page: OpenPage, watch: Watch, name: str, width: int, height: int, scheme: str
) -> None:
    page = drawn(open_page(pages[name], width=width, height=height, color_scheme=scheme, prepare=watch))
    assert CLOSED in OVERLAPPING
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(BLANK) == []
    assert page.evaluate(OVERLAPPING) == []
    assert violations(page) == []


def test_the_loss_is_the_first_thing_on_the_page_and_foreign_text_is_text(
    pages: dict[str, str], open_page: OpenPage, watch: Watch
) -> None:
    page = drawn(open_page(pages["lossy"], prepare=watch))
    first = page.locator("body").inner_text().lstrip("! \n")
    assert first.startswith(
        f"7 samples were acknowledged and then lost: load-00, epoch {EPOCH}, seq 12 to 17 (6)"
    )
    assert page.locator("img").count() == 0
    expect(page.locator("#findings")).to_contain_text(EVIL)
    expect(page.locator("#events li").first).to_have_text(f"http1:{EVIL}, 2.00 s: worker-1 stopped {EVIL}")
    expect(page.locator("#ledger .identities")).to_contain_text(EVIL)


def test_choices_redraw_their_charts(pages: dict[str, str], open_page: OpenPage, watch: Watch) -> None:
    page = drawn(open_page(pages["crossed"], prepare=watch))
    for picker, choice, chart in (
        ("#clock", "visible", "latency-chart"),
        ("#series-clock", "accepted", "p99-chart"),
        ('[data-arm="http1"]', "10-http1", "rate-chart"),
        ("#spread-figure", "6", "spread-chart"),
        ("#spread-as", "value", "spread-chart"),
    ):
        before = page.evaluate(SCRIPT.format(chart))
        page.locator(picker).select_option(choice)
        assert page.evaluate(SCRIPT.format(chart)) != before, picker


def test_theme_follows_the_system_until_the_reader_chooses(
    pages: dict[str, str], open_page: OpenPage, watch: Watch
) -> None:
    page = drawn(open_page(pages["run"], color_scheme="dark", prepare=watch))
    button, ink = page.get_by_role("button", name="Theme"), "getComputedStyle(document.body).color"
    dark, chart = page.evaluate(ink), page.evaluate(SCRIPT.format("latency-chart"))
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ink)
    assert light != dark
    redrawn = f"before => {SCRIPT.format('latency-chart')} !== before"
    page.wait_for_function(redrawn, arg=chart)  # in a frame to come
    button.click()
    expect(button).to_have_text("Theme: light")
    button.click()
    expect(button).to_have_text("Theme: dark")
    assert page.evaluate(ink) == dark
    button.click()
    expect(button).to_have_text("Theme: auto")
    assert page.evaluate(ink) == light


def test_paper_is_light_and_has_no_controls(pages: dict[str, str], open_page: OpenPage, watch: Watch) -> None:
    page = drawn(open_page(pages["lossy"], width=718, height=1000, color_scheme="dark", prepare=watch))
    dark = page.evaluate(SCRIPT.format("latency-chart"))
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("button", name="Theme")).to_be_hidden()
    expect(page.locator(".contents")).to_be_hidden()
    expect(page.locator("table.headline thead")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.wait_for_function(f"before => {SCRIPT.format('latency-chart')} !== before", arg=dark)
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(OVERLAPPING) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen")
    expect(page.locator("html")).not_to_have_attribute("data-theme", "light")


def test_without_scripts_every_figure_is_there(pages: dict[str, str], open_page: OpenPage) -> None:
    page = open_page(pages["crossed"], java_script_enabled=False)
    expect(page.get_by_text("Charts need JavaScript")).to_be_visible()
    expect(page.locator(".headline tbody tr")).to_have_count(9)
    page.locator("#latency summary").click()
    expect(page.locator("#latency tbody tr").first).to_be_visible()


def test_a_section_can_be_reached_by_keyboard(
    pages: dict[str, str], open_page: OpenPage, watch: Watch
) -> None:
    page = drawn(open_page(pages["run"], prepare=watch))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Theme")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#findings$"))


def test_a_page_of_a_run_says_what_it_is(pages: dict[str, str], open_page: OpenPage, watch: Watch) -> None:
    page = drawn(open_page(pages["run"], prepare=watch))
    expect(page.get_by_role("heading", level=1)).to_have_text("Load run: websocket")
    expect(page.locator("#fairness h2")).to_have_text("What was measured")
    expect(page.locator("#factorial")).to_have_count(0)
    expect(page.locator("#method code")).to_contain_text("python3 lab.py load websocket")
