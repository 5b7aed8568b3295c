from __future__ import annotations

from control_plane.page import chart_js_path, needs_token


def test_the_page_needs_no_token_and_what_it_asks_does() -> None:
    assert [needs_token(path) for path in ("/", "/static/app.js", "/api/lab")] == [False, False, True]


def test_chart_js_is_the_installed_one() -> None:
    path = chart_js_path()
    assert path is not None
    assert b"Chart.js v4" in path.read_bytes()[:200]
