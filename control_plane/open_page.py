"""Opens the dashboard in a browser, with the token kept out of the browser's command line.

A command line can be read by every user of the machine (`ps`). So where there is a token the browser is given a small
file of this user's own that leads to the page; it is removed with the lab. (Jupyter's idea.)
"""

from __future__ import annotations

import html
import os
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")


@contextmanager
def opener(url: str) -> Iterator[str]:
    """What to give to a browser instead of `url`, while the context lasts: the URL itself unless it has a fragment."""
    if "#" not in url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="lab-open-") as folder:  # of mode 700
        page = Path(folder) / "open.html"
        page.touch(mode=0o600)
        leads = html.escape(url, quote=True)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><title>The lab</title>'
            f'<meta http-equiv="refresh" content="0;url={leads}"><a href="{leads}">The lab</a>\n',
            encoding="utf-8",
        )
        yield page.as_uri()


def open_browser(place: str) -> bool:
    """Show a page, unless there is no screen to show it on (a text browser would take over the terminal)."""
    headless = os.name == "posix" and os.uname().sysname != "Darwin"
    headless = headless and not any(os.environ.get(name) for name in _SCREENS)
    return not headless and webbrowser.open(place)
