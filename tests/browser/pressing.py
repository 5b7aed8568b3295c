"""Presses controls of the page and keeps account of which: one that no test presses is found by `left`.

A control is whatever a viewer can work: links, buttons, fields, what unfolds, and canvases that take keys. Each has a
key made of where it stands and which one it is there (`#toolbar pause`, `#knob-list rate_factor 10`); controls that are
there once for every server or fault share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx2
import msgspec
from playwright.sync_api import Locator, Page, expect
from websockets.sync.client import connect

from tests.browser.conftest import OpenPage
from tests.lab_process import LabProcess, until
from tests.support.fault_lab import FaultLab

T = TypeVar("T")

WITHIN_S: Final = 60.0
"""Against hanging only."""

VIEW: Final = (
    ".skip, #top, #panes, #journey, #toolbar, .projector-tools, .chart-band, #key-sheet, #predict-sheet"
)
"""The part of the page whose controls change how it is looked at, and not the lab (CSS)."""

CONTROLS: Final = "a, button, input, select, textarea, summary, canvas[tabindex]"

_KEY: Final = """(e) => {
  const section = e.closest("dialog[id], form[id], section[id], #panes, [id]:not(input, select, button)");
  const own = e.closest("[data-action]")?.dataset.action ?? e.closest("[data-chart]")?.dataset.chart
    ?? e.closest("[data-knob]")?.dataset.knob ?? e.closest("[data-pipeline]")?.dataset.pipeline ?? "";
  const valued = e.matches("input[type=radio], button[value]:not([value=''])") ? e.value : "";
  const field = e.dataset.field ?? "";
  const named = valued || field || e.id || e.getAttribute("href") || e.textContent.trim();
  const nth = field === "amount" ? [...e.closest("form").querySelectorAll("input")].indexOf(e) : "";
  const place = e.closest(".fault") ? "faults" : (section?.id ?? "");
  return [`#${place}`, own, named, nth].filter((part) => part !== "").join(" ");
}"""


class Lab(FaultLab):
    """A lab that runs, as everybody but the page sees it."""

    def see(self, path: str, offset: int = 0) -> Any:
        """The JSON of a GET."""
        url = f"http://127.0.0.1:{self.process.port_base + offset}{path}"
        return httpx2.get(url, trust_env=False, timeout=30).json()

    def knobs(self) -> dict[str, Any]:
        """All knobs as the control API tells them."""
        return {knob["name"]: knob["value"] for knob in self.see("/api/knobs")["knobs"]}

    def server(self, name: str) -> Any:
        """A server as the fleet itself tells it."""
        return self.see(f"/api/servers/{name}", 4)

    def snapshot(self, offset: int) -> Any:
        """The newest message of a feed: 2 is pipeline A's, 3 pipeline B's."""
        with connect(f"ws://127.0.0.1:{self.process.port_base + offset}/v1/feed", proxy=None) as feed:
            return msgspec.json.decode(feed.recv(WITHIN_S))

    def trail(self) -> list[tuple[str, Any, int]]:
        """The audit log: path, what was asked and status, as far as the page asked for it."""
        path = self.run_dir / "audit.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        entries = [msgspec.json.decode(line) for line in lines]
        return [(e["path"], e["asked"], e["status"]) for e in entries if e["who"]["by"] == "page"]

    def told(self, kind: str, part: str) -> bool:
        """Whether the event log has an event of a kind with that text in it."""
        return any(part in event.text for event in self.events(kind))

    @classmethod
    def started(cls, process: LabProcess) -> Lab:
        """Start a lab."""
        process.up()
        return cls(process)


class Pressing:
    """A page, and what was pressed on it.

    Args:
        page: Open, and live.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: set[str] = set()

    def press(self, control: Locator, effect: Callable[[], object]) -> None:
        """Click a control, and wait until its effect is there."""
        self._note(control)
        control.click()
        until(effect, WITHIN_S)

    def key(self, control: Locator, key: str, effect: Callable[[], object]) -> None:
        """Press a key on a control, and wait until its effect is there."""
        self._note(control)
        control.focus()
        control.press(key)
        until(effect, WITHIN_S)

    def fill(self, control: Locator, text: str) -> None:
        """Write into a field; its effect is that of the button that sends it."""
        self._note(control)
        control.fill(text)

    def choose(self, control: Locator, value: str) -> None:
        """Choose from a list; its effect is that of the button that sends it."""
        self._note(control)
        control.select_option(value)

    def pick(self, control: Locator) -> None:
        """Pick a radio button or a tick box, by its label as a viewer does."""
        self._note(control)
        control.locator("xpath=ancestor::label[1]").click()

    def _note(self, control: Locator) -> None:
        self.pressed.add(control.evaluate(_KEY))

    def left(self, roots: str) -> set[str]:
        """Controls below `roots` (CSS) that were not pressed."""
        script = f"""([roots, controls]) => [...document.querySelectorAll(roots)].flatMap((root) =>
          [...(root.matches(controls) ? [root] : []), ...root.querySelectorAll(controls)]).map({_KEY})"""
        return set(self.page.evaluate(script, [roots, CONTROLS])) - self.pressed

    def outside(self, roots: str) -> list[str]:
        """Controls that are below none of `roots`."""
        script = f"""([roots, controls]) => [...document.querySelectorAll(controls)]
          .filter((e) => !e.closest(roots)).map({_KEY})"""
        found: list[str] = self.page.evaluate(script, [roots, CONTROLS])
        return found


def of(value: T, test: Callable[[T], object]) -> Callable[[], object]:
    """A condition on this value, whatever its name means later (a loop's variable)."""
    return lambda: test(value)


def live_page(open_page: OpenPage, address: str) -> Page:
    """The page of a lab, when both feeds move."""
    page = open_page(address, accept_downloads=True)
    page.set_default_timeout(1000 * WITHIN_S)
    for pane in "AB":
        shown(page.locator(f".pane[data-pipeline={pane}] .badge"), "Live")
    return page


def shown(locator: Locator, text: str) -> None:
    """Wait until the page says it."""
    expect(locator).to_contain_text(text, timeout=1000 * WITHIN_S)
