"""The browser is given the page without a token on its command line."""

from __future__ import annotations

import stat
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from control_plane.open_page import open_browser, opener


def test_a_page_without_a_token_is_opened_as_it_is() -> None:
    with opener("http://127.0.0.1:8765/") as place:
        assert place == "http://127.0.0.1:8765/"


def test_one_with_a_token_by_a_file_of_this_users_own_that_goes_away() -> None:
    with opener("http://127.0.0.1:8765/#token=a'b\"c%20") as place:
        assert "token" not in place
        page = Path(unquote(urlsplit(place).path))
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
        assert 'content="0;url=http://127.0.0.1:8765/#token=a&#x27;b&quot;c%20"' in page.read_text()
    assert not page.parent.exists()


def test_without_a_screen_no_browser_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda place: not opened.append(place))  # type: ignore[func-returns-value]
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert open_browser("x") is (opened == ["x"])
    monkeypatch.setenv("DISPLAY", ":0")
    opened.clear()
    assert open_browser("y")
    assert opened == ["y"]
