"""All knobs together: reads them from the parts that hold them, and changes them there.

A change is checked whole before the first part is told. Parts are told one after the other; where one does not do it,
the answer says which knobs had changed before. What is not changed stays as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from control_plane.controls.doors import FleetDoor, PipelineDoor
from control_plane.controls.keeper import Keeper
from control_plane.controls.knobs import (
    FLEET,
    KEEPER,
    PIPELINE_B,
    PLACES,
    KnobChange,
    Knobs,
    KnobView,
    listed,
)
from control_plane.controls.refusals import NotAvailable, NotDone
from lab_runtime.one_at_a_time import OneAtATime
from metrics_core.errors import LabError, RemoteFault, SchemaViolation

KNOBS_OF_FLEET: Final = "/api/fleet"


class KnobBoard:
    """Looks at the knobs and turns them.

    Args:
        fleet: The way to the fleet.
        pipeline_b: The way to pipeline B.
        keeper: Gives the lab's keeper; raises `RemoteFault` where there is none.
    """

    def __init__(self, fleet: FleetDoor, pipeline_b: PipelineDoor, keeper: Callable[[], Keeper]) -> None:
        self._fleet, self._pipeline_b, self._keeper = fleet, pipeline_b, keeper
        self._changing = asyncio.Lock()
        self.look = OneAtATime(self._look)

    async def change(self, wished: KnobChange) -> tuple[Knobs, list[str]]:
        """Turn knobs.

        Returns:
            All knobs afterwards, and each that was turned in words: `workers 2 → 4`.

        Raises:
            SchemaViolation: None is named.
            NotAvailable: One of them cannot be turned here; none was.
            NotDone: A part did not do it; the text says which had been turned before.
        """
        values = wished.wished()
        if not values:
            raise SchemaViolation(f"$: expected at least one of {', '.join(PLACES)}")
        async with self._changing:
            before = {knob.name: knob for knob in (await self.look()).knobs}
            for name, value in values.items():
                if not before[name].available:
                    raise NotAvailable(f"{name}: {before[name].why_not}")
                _check_range(before[name], value)
            turned: list[str] = []
            for names, act in self._steps(values):
                try:
                    await act()
                except RemoteFault as fault:
                    if not turned:
                        raise
                    already = f"(changed already: {', '.join(turned)})"
                    raise NotDone(f"{', '.join(names)}: {fault.detail} {already}") from None
                turned += names
                await self._remember({name: values[name] for name in names})
            after = await self.look()
        shown = {knob.name: knob.value for knob in after.knobs}
        return after, [f"{name} {_word(before[name].value)} → {_word(shown[name])}" for name in values]

    async def _remember(self, values: dict[str, Any]) -> None:
        if all(PLACES[name] != KEEPER for name in values):
            with suppress(LabError):  # turned they are; a process that is started again will not know it
                await self._keeper().remember(values)

    def _steps(self, values: dict[str, Any]) -> list[tuple[list[str], Callable[[], Awaitable[object]]]]:
        """Who is told what, in order."""
        of = {
            place: {name: value for name, value in values.items() if PLACES[name] == place}
            for place in (KEEPER, PIPELINE_B, FLEET)
        }
        steps: list[tuple[list[str], Callable[[], Awaitable[object]]]] = [
            ([name], lambda name=name, value=value: self._keeper().keep(name, value))  # type: ignore[misc]
            for name, value in of[KEEPER].items()
        ]
        if of[PIPELINE_B]:
            steps.append((list(of[PIPELINE_B]), lambda: self._pipeline_b.ask(of[PIPELINE_B])))
        if of[FLEET]:
            steps.append((list(of[FLEET]), lambda: self._fleet.post(KNOBS_OF_FLEET, of[FLEET])))
        return steps

    async def _look(self) -> Knobs:
        asked = {FLEET: self._of_fleet(), PIPELINE_B: self._pipeline_b.ask({}), KEEPER: self._of_keeper()}
        found = await asyncio.gather(*(_or_reason(asking) for asking in asked.values()))
        seen: dict[str, Any] = {}
        why_not: dict[str, str] = {}
        ranges: dict[str, Any] = {}
        for place, answer in zip(asked, found, strict=True):
            if isinstance(answer, str):
                why_not |= {name: answer for name, where in PLACES.items() if where == place}
            else:
                why_not |= answer.pop("why_not", {})
                ranges |= answer.pop("ranges", {})
                seen |= answer
        return listed(seen, why_not, ranges)

    async def _of_fleet(self) -> dict[str, Any]:
        content = await self._fleet.get(KNOBS_OF_FLEET)
        return msgspec.json.decode(content, type=dict[str, Any])

    async def _of_keeper(self) -> dict[str, Any]:
        kept = await self._keeper().kept()
        return kept.values | {"why_not": kept.why_not}


async def _or_reason(asking: Awaitable[dict[str, Any]]) -> dict[str, Any] | str:
    try:
        return await asking
    except RemoteFault as fault:
        return fault.detail
    except (LabError, msgspec.DecodeError) as error:
        return str(error)


def _check_range(knob: KnobView, value: object) -> None:
    """Whether a whole number lies within what this lab allows (`ranges` of who does it), not only any lab."""
    if knob.low is None or knob.high is None or not isinstance(value, int):
        return
    if not knob.low <= value <= knob.high:
        raise SchemaViolation(f"$.{knob.name}: expected a whole number from {knob.low} to {knob.high}")


def _word(value: object) -> str:
    return "?" if value is None else str(value)
