"""The settings of now: knobs over what the lab was started with, without waiting for a part that hangs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from control_plane.controls.knobs import Knobs, listed
from control_plane.controls.present import PresentSettings

START: dict[str, Any] = {"servers": 50, "rate": 2.0, "workers": 2, "seed": 1}


async def test_turned_knobs_are_told_and_the_rest_is_as_at_the_start() -> None:
    async def look() -> Knobs:
        return listed({"servers": 7, "rate_factor": 10, "batch": 5, "workers": None}, {})

    present = PresentSettings(START, look)
    assert await present.now() == START | {"servers": 7, "rate": 20.0}
    await present.aclose()


async def test_a_part_that_hangs_costs_a_moment_and_is_told_when_it_has_answered() -> None:
    answered = asyncio.Event()
    looks = 0

    async def look() -> Knobs:
        nonlocal looks
        looks += 1
        await answered.wait()
        return listed({"workers": 4}, {})

    present = PresentSettings(START, look, within_s=0)
    assert await present.now() == START
    assert await present.now() == START
    assert looks == 1, "one look at a time"
    answered.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await present.now())["workers"] == 4
    await present.aclose()


async def test_a_slip_of_ours_is_not_swallowed() -> None:
    async def look() -> Knobs:
        raise RuntimeError("inner")

    with pytest.raises(RuntimeError, match="inner"):
        await PresentSettings(START, look).now()
