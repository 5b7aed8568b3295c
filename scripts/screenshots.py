"""Take the pictures of the page that the documents show: `python3 scripts/screenshots.py` writes docs/images/.

A real lab with 50 servers runs for about two minutes, its cable to pipeline B is cut for some seconds, and one page is
looked at in every layout, light and dark: the same page all the time, so that its charts have a history. Needs the
test requirements (`python3 lab.py test` installs them) and Chromium; nothing else should run meanwhile. Names given as
arguments take only the pictures that begin so.

A picture is at most `MOST_BYTES` long; one that would be longer gets 256 colours.
"""

from __future__ import annotations

import io
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

from tests.browser.conftest import FLAGS, find_chromium  # noqa: E402
from tests.lab_process import LabProcess  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
MOST_BYTES: Final = 250_000
QUIET_S: Final = 30
"""The charts' first half: nothing has happened yet."""
CUT_S: Final = 6
AFTER_S: Final = 15
"""From the end of the fault to the first picture: the charts show a minute, the fault in its middle."""
PARTS_HEIGHT: Final = 1600
"""Of the window while a part of the page is taken: all of it is in view, and so drawn."""
MARGIN_PX: Final = 18

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: a layout (the window as it is opened) or a part of the page (what holds the selector)."""

    name: str
    width: int
    height: int
    scheme: Scheme
    part: str = ""
    projector: bool = False


LAYOUTS: Final = (("phone", 390, 844), ("tablet", 1024, 768), ("laptop", 1280, 800), ("wide", 1920, 1080))
PARTS: Final = (
    ("charts", "#toolbar, .chart-band"),
    ("journey", "#journey"),
    ("buffers", "#buffers"),
    ("controls", "#controls"),
    ("faults", "#faults"),
    ("ledger", "#ledger"),
    ("processes", "[aria-labelledby=work-title]"),
    ("servers", "[aria-labelledby=servers]"),
    ("server", "#server-dialog"),
)
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
PICTURES: Final = (
    *(Picture(f"projector-{scheme}", 1280, 800, scheme, projector=True) for scheme in SCHEMES),
    *(Picture(f"part-{name}", 1280, PARTS_HEIGHT, "light", part) for name, part in PARTS),
    *(Picture(f"{name}-{scheme}", w, h, scheme) for name, w, h in LAYOUTS for scheme in SCHEMES),
)
"""In the order in which they are taken: the fault is on the charts for a minute."""


def shrink(png: bytes) -> bytes:
    """The same picture in fewer bytes: as it is where that is short enough, else with 256 colours.

    The colours are chosen by how far they lie apart, not by how often they occur: a small mark keeps its own.

    Raises:
        ValueError: it is longer than `MOST_BYTES` even so.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    length = 0
    for each in (picture, few):
        packed = io.BytesIO()
        each.save(packed, "PNG", optimize=True)
        length = packed.tell()
        if length <= MOST_BYTES:
            return packed.getvalue()
    raise ValueError(f"{length:,} bytes; at most {MOST_BYTES:,} are allowed")


def look_round(page: Page) -> None:
    """Show the page every part of itself, as most of them ask for their figures when they are in view first."""
    for _, part in PARTS[:-1]:
        page.locator(part).last.scroll_into_view_if_needed()
        page.wait_for_timeout(400)
    expect(page.locator(".knob").first).to_be_visible()
    expect(page.locator("#ledger-shown")).to_contain_text("servers")
    expect(page.locator("#faults-past li").first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


def take(page: Page, picture: Picture) -> bytes:
    """One picture as PNG."""
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    page.emulate_media(color_scheme=picture.scheme)
    dialog = picture.part == "#server-dialog"
    if picture.projector:
        page.keyboard.press("p")
    if dialog:
        page.locator(".server-open").first.click()
    elif picture.part:
        page.locator(picture.part).first.evaluate(f"each => scrollTo(0, each.offsetTop - {MARGIN_PX})")
    else:
        page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(
        3_000
    )  # drawn at its new size and in its new colours, with figures of what is in view
    if picture.part and not dialog:
        boxes = [box for each in page.locator(picture.part).all() if (box := each.bounding_box())]
        left, top = (min(box[side] for box in boxes) - MARGIN_PX for side in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes) + MARGIN_PX
        bottom = min(max(box["y"] + box["height"] for box in boxes) + MARGIN_PX, picture.height)
        clip = {"x": left, "y": max(0, top), "width": right - left, "height": bottom - max(0, top)}
        return page.screenshot(clip=clip)  # type: ignore[arg-type]
    png = page.locator(picture.part).screenshot() if dialog else page.screenshot()
    page.keyboard.press("p" if picture.projector else "Escape")
    return png


def main(arguments: Sequence[str]) -> int:
    """Take the pictures and write them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through `finally`, which ends the lab
    wanted = [each for each in PICTURES if not arguments or each.name.startswith(tuple(arguments))]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = LabProcess(Path(folder) / "state", LAB_SERVERS="50", LAB_RATE="1")
        try:
            lab.up()
            browser = playwright.chromium.launch(
                executable_path=find_chromium(playwright.chromium.executable_path), args=FLAGS
            )
            page = browser.new_page(viewport={"width": 1280, "height": PARTS_HEIGHT})
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{lab.port_base}/")
            page.wait_for_timeout(QUIET_S * 1_000)
            broken = lab.run("fault", "cut", "fleet-b", "--for", str(CUT_S))
            assert broken.returncode == 0, broken.stderr
            page.wait_for_timeout((CUT_S + AFTER_S) * 1_000)
            look_round(page)
            for picture in wanted:
                png = shrink(take(page, picture))
                (IMAGES / f"{picture.name}.png").write_bytes(png)
                print(f"{picture.name}.png: {len(png):,} bytes")
            browser.close()
        finally:
            lab.close()
    return 0


if __name__ == "__main__":
    began = time.monotonic()
    code = main(sys.argv[1:])
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
