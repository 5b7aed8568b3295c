"""The keeper as the control API's process sees it: asked over the fault engine's socket (`faults/socket.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from control_plane.controls.keeper import Kept
from control_plane.faults.socket import Ask, FarEngine, engine_of


def keeper_of(state_dir: Path, run: str) -> FarKeeper:
    """The keeper of a run.

    Raises:
        EngineAway: That run is not under `up` in this state folder.
    """
    return FarKeeper(engine_of(state_dir, run))


class FarKeeper:
    """Asks the keeper; each call is a connection of its own.

    Args:
        line: The way to the supervisor's process.

    Raises (from every method):
        RemoteFault: What the keeper refused, or that nobody answers.
    """

    def __init__(self, line: FarEngine) -> None:
        self._line = line

    async def kept(self) -> Kept:
        """What is, and what can be changed."""
        return msgspec.convert(await self._line.call(Ask("kept")), Kept)

    async def keep(self, knob: str, value: int | str) -> Kept:
        """Change one of its knobs."""
        return msgspec.convert(await self._line.call(Ask("keep", knob=knob, value=value)), Kept)

    async def remember(self, values: Mapping[str, int | str]) -> Kept:
        """Let it remember knobs of the fleet or of pipeline B that were turned."""
        return msgspec.convert(await self._line.call(Ask("remember", values=dict(values))), Kept)

    async def tell(self, kind: str, process: str, text: str) -> dict[str, Any]:
        """Put an event into the run's log."""
        return await self._line.call(Ask("tell", kind=kind, process=process, text=text))
