"""Waiting for a condition, with a deadline: the only way in which tests wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

WITHIN_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.01

T = TypeVar("T")


def until(look: Callable[[], T], what: str, within_s: float = WITHIN_S) -> T:
    """Look again and again until `look()` is true; give what it returned.

    Raises:
        AssertionError: It did not become true in time; the text names `what` and the last value seen.
    """
    deadline_s = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what} (last seen: {seen!r:.300})"
        time.sleep(_LOOK_EVERY_S)
    return seen


async def until_async(look: Callable[[], T], what: str, within_s: float = WITHIN_S) -> T:
    """`until` for tests that are coroutines."""
    deadline_s = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what} (last seen: {seen!r:.300})"
        await asyncio.sleep(_LOOK_EVERY_S)
    return seen
