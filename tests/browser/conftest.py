"""Fixtures of the browser tests: a real Chromium, pages that report every error, and a fake lab to look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.browser.fake_lab import FakeLab
from tests.browser.js_runner import JsRunner

FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-precise-memory-info",
]
DEADLINE_MS: Final = 15_000
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

OpenPage = Callable[..., Page]


def find_chromium(bundled: str) -> str:
    """Path of the system's Chromium, else of Playwright's own; a clear failure where there is neither."""
    for name in NAMES:
        if (found := shutil.which(name)) is not None:
            return found
    if Path(bundled).exists():
        return bundled
    pytest.fail(
        "the browser tests need Chromium and none was found: install it with `apt-get install chromium` "
        "(or your system's way), or with `python -m playwright install chromium`",
        pytrace=False,
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the session."""
    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own: `open_page(url, width=…, height=…, color_scheme=…, prepare=…)`.

    `prepare` is called with the page before it goes to its address. An exception, a breach of the content security
    policy, or a file of the page that did not load, on any of the pages, fails the test.
    """
    contexts = []
    problems: list[str] = []

    def open_one(
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        prepare: Callable[[Page], object] | None = None,
        **options: Any,
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(DEADLINE_MS)
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("console", lambda message: _keep_breach(message.text, problems))
        page.on("requestfailed", lambda request: _keep_failure(request, problems))
        if prepare is not None:
            prepare(page)
        page.goto(url, wait_until="load")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def _keep_breach(text: str, problems: list[str]) -> None:
    if "Content Security Policy" in text:
        problems.append(text)


def _keep_failure(request: Request, problems: list[str]) -> None:
    if "/static/" in request.url and request.failure != "net::ERR_ABORTED":  # aborted: the page was left
        problems.append(f"{request.url} did not load: {request.failure}")


@pytest.fixture
def fake_lab() -> Iterator[FakeLab]:
    """A fake lab with 50 servers; nothing is sent before the test says so."""
    lab = FakeLab()
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def js(browser: Browser) -> Iterator[JsRunner]:
    """Runs the page's modules in an empty page."""
    lab = FakeLab()
    lab.start()
    page = browser.new_page()
    page.goto(f"{lab.url}blank")
    yield JsRunner(page)
    page.close()
    lab.stop()
