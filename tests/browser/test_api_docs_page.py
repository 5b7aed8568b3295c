"""The page of the control API's description, in a real browser: readable, nothing cut off, axe finds nothing."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from control_plane.openapi.document import make_document
from control_plane.openapi.operations import OPERATIONS, TAGS
from control_plane.openapi.page import make_page
from control_plane.page import DASHBOARD, SECURITY_HEADERS
from tests.browser.conftest import OpenPage

ADDRESS = "http://docs.invalid/api/docs"


def serve(page: Page) -> None:
    """Answer as the control API does, its security headers included."""

    def answer(route: Route) -> None:
        if route.request.url == ADDRESS:
            body = make_page(make_document())
            route.fulfill(body=body, content_type="text/html; charset=utf-8", headers=SECURITY_HEADERS)
            return
        path = DASHBOARD / route.request.url.partition("/static/")[2]
        route.fulfill(path=path, headers=SECURITY_HEADERS)

    page.route("**/*", answer)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_read_everywhere(open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(ADDRESS, width=width, color_scheme=scheme, prepare=serve)
    expect(page.locator("article")).to_have_count(len(OPERATIONS))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over"
    found = Axe().run(page)
    violations = {
        each["id"]: [node["target"] for node in each["nodes"]] for each in found.response["violations"]
    }
    assert violations == {}
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_its_groups_are_reached_by_links(open_page: OpenPage) -> None:
    page = open_page(ADDRESS, prepare=serve)
    for tag in TAGS:
        page.get_by_role("link", name=tag, exact=True).click()
        expect(page.locator(f"h2#{tag}")).to_be_in_viewport()
    page.locator("summary").first.press("Enter")
    expect(page.get_by_text("The token is missing or wrong").first).to_be_visible()
