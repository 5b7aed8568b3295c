"""The lab's settings as they are now: what it was started with, and over it the knobs that were turned since.

Parts that do not answer keep their last known value, and nobody waits long for them: the page asks this first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from control_plane.controls.knobs import Knobs

WITHIN_S: Final = 1.0
_SAME: Final = ("servers", "transport", "replay", "workers", "fsync")
"""Settings that are knobs of the same name."""


class PresentSettings:
    """Tells them.

    Args:
        at_start: The settings that the lab was started with.
        look: Reads all knobs.
        within_s: How long an answer waits for it.
    """

    def __init__(
        self, at_start: dict[str, Any], look: Callable[[], Awaitable[Knobs]], within_s: float = WITHIN_S
    ) -> None:
        self._at_start, self._look, self._within_s = at_start, look, within_s
        self._now = dict(at_start)
        self._looking: asyncio.Task[None] | None = None

    async def now(self) -> dict[str, Any]:
        """The settings; those of a moment ago where a part takes longer than `within_s` to tell its own."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._refresh())
        await asyncio.wait([self._looking], timeout=self._within_s)
        if self._looking.done():
            self._looking.result()
        return dict(self._now)

    async def aclose(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _refresh(self) -> None:
        known = {knob.name: knob.value for knob in (await self._look()).knobs if knob.value is not None}
        self._now |= {name: known[name] for name in _SAME if name in known}
        if "rate_factor" in known:
            self._now["rate"] = self._at_start["rate"] * known["rate_factor"]
