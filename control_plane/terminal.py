"""What the commands say on the terminal; a terminal that went away costs the words, not the lab."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from rich.console import Console, RenderableType
from rich.markup import escape

from control_plane.events import Event

_WIDTH_IN_A_FILE: Final = 120
_STYLES: Final = {
    "crashed": "bold red",
    "restarted": "green",
    "warning": "yellow",
    "fault": "bold magenta",
    "recovered": "green",
}
_QUIET: Final = ("ready", "stopped")


class Terminal:
    """Standard output, as tables and lines."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(highlight=False, width=_WIDTH_IN_A_FILE)

    def say(self, text: str, style: str = "") -> None:
        """One line of plain text (no markup in it is read)."""
        self.show(f"[{style}]{escape(text)}[/]" if style else escape(text))

    def show(self, what: RenderableType) -> None:
        """A table, or text with markup."""
        with suppress(OSError):
            self._console.print(what, soft_wrap=isinstance(what, str))

    def event(self, event: Event) -> None:
        """An event of the supervisor, unless it is only of interest in the event file."""
        if event.kind not in _QUIET:
            self.say(event.text, _STYLES.get(event.kind, "dim"))
