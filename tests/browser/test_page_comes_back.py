"""The page in a real browser while the real lab behind it loses one process after another, the control API and the
network cable: it says so, goes on with the rest, and comes back by itself, without a reload."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from control_plane.state import read_record
from tests.browser.conftest import OpenPage
from tests.lab_process import LabProcess, until

A, B = ".pane[data-pipeline=A]", ".pane[data-pipeline=B]"
SLOW_MS = 60_000
"""Against hanging only."""

LOST_CONNECTION = re.compile(
    r"net::ERR_|WebSocket connection to|Failed to load resource: the server responded with a status of 50[234]"
)
"""What a browser writes by itself where nobody answers, or the control API cannot reach who is to answer."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path_factory.mktemp("back") / "state")
    process.up()
    yield process
    process.close()


@pytest.fixture
def said() -> list[str]:
    """Errors on the page's console other than failed connections."""
    return []


@pytest.fixture
def page(lab: LabProcess, open_page: OpenPage, said: list[str]) -> Iterator[Page]:
    """The page, marked so that a reload would be seen."""

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not LOST_CONNECTION.search(message.text):
            said.append(message.text)

    def prepare(page: Page) -> None:
        page.set_default_timeout(SLOW_MS)
        page.on("console", hear)

    page = open_page(f"http://127.0.0.1:{lab.port_base}/", prepare=prepare)
    well(page)
    page.evaluate("window.loaded = 'once'")
    yield page
    assert page.evaluate("window.loaded") == "once"
    assert said == []


def well(page: Page) -> None:
    """Both feeds are live, the control API answers, and the figures move."""
    for pane in (A, B):
        expect(page.locator(f"{pane} .badge")).to_contain_text("Live", timeout=SLOW_MS)
    expect(page.locator("#top [data-field=link-lab]")).to_have_text("answers", timeout=SLOW_MS)
    for pane in (A, B):
        moving(page, pane)


def moving(page: Page, pane: str) -> None:
    """More samples are processed than at first sight."""
    processed = page.locator(f"{pane} [data-field=counters] .figure").first
    page.wait_for_function(
        "([figure, before]) => figure.innerText !== before && /[1-9]/.test(figure.innerText)",
        arg=[processed.element_handle(), processed.inner_text()],
        timeout=SLOW_MS,
    )


def restarts(lab: LabProcess, name: str) -> int:
    """How often a process was started again; -1 while it is not ready."""
    record = read_record(lab.state_dir)
    assert record
    (found,) = [process for process in record.processes if process.name == name]
    return found.restarts if found.state == "ready" else -1


def kill(lab: LabProcess, name: str) -> None:
    """Kill a process, and wait until it was started again."""
    before = restarts(lab, name)
    lab.kill(name)
    until(lambda: restarts(lab, name) > before)


def test_every_process_may_be_killed_one_after_another(page: Page, lab: LabProcess) -> None:
    """The one that serves page and control API first: the page hears of all that follow nevertheless."""
    record = read_record(lab.state_dir)
    assert record
    names = sorted((process.name for process in record.processes), key=lambda name: name != "dashboard")
    assert {"dashboard", "fanout", "fleet", "ingest", "redis", "websocket", "worker-1"} <= set(names)
    events = page.locator("#events")
    for name in names:
        kill(lab, name)
        expect(events).to_contain_text(re.compile(rf"crashed\s*{name}"), timeout=SLOW_MS)
        well(page)


def test_five_seconds_without_the_cable(page: Page) -> None:
    """Offline, nothing comes through the feeds and nothing closes them; requests fail at once."""
    page.context.set_offline(True)
    for pane in (A, B):
        expect(page.locator(f"{pane} .badge")).to_have_text(re.compile(r"^Stale · ([3-9]|\d\d) s old$"))
        expect(page.locator(pane)).to_have_attribute("data-liveness", "stale")
    expect(page.locator("#events")).to_contain_text("does not answer")
    page.get_by_label("Name contains").fill("web")  # the page works meanwhile
    expect(page.locator("#server-shown")).to_have_text(re.compile("^Showing [1-9] of 10$"))
    page.get_by_label("Name contains").fill("")
    expect(page.locator(f"{B} .badge")).to_have_text(re.compile(r"^Stale · ([5-9]|\d\d) s old$"))
    page.context.set_offline(False)
    well(page)
    expect(page.locator("#events")).to_contain_text("answers again", timeout=SLOW_MS)
