"""How long something has lasted, told from one look to the next. Pure: time comes in, nothing is measured here.

Who looks may have stood still itself (a stopped process, a long computation). What lasted meanwhile is nobody else's
fault, so after a gap between two looks the count begins anew.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

STOOD_STILL_S: Final = 3.0
"""A longer gap between two looks means that the one who looks stood still; looks come every second or two."""


class Lasting:
    """For how long the same thing has been going on."""

    __slots__ = ("_seen_s", "_since_s", "_what")

    def __init__(self) -> None:
        self._what: Hashable = None
        self._since_s = self._seen_s = 0.0

    def lasts_s(self, what: Hashable, now_s: float) -> float:
        """Seconds since `what` was first seen, without another between; None: nothing goes on."""
        if what is None or what != self._what or now_s - self._seen_s > STOOD_STILL_S:
            self._what, self._since_s = what, now_s
        self._seen_s = now_s
        return now_s - self._since_s


class Taking:
    """For how long a peer has left lying what waits for it.

    The last byte that waits is marked. When it is taken, or `enough` bytes were taken since, the count begins anew: a
    busy connection always has something waiting, and a large answer may take its time.
    """

    __slots__ = ("_enough", "_mark", "_seen_s", "_since_s", "_taken_then")

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._mark: int | None = None
        self._taken_then = 0
        self._since_s = self._seen_s = 0.0

    def lasts_s(self, written: int, waiting: int, now_s: float) -> float:
        """Seconds that the marked byte has waited.

        Args:
            written: Bytes ever written.
            waiting: Bytes of them that wait.
            now_s: The present.
        """
        stood_still, self._seen_s = now_s - self._seen_s > STOOD_STILL_S, now_s
        if not waiting:
            self._mark = None
            return 0.0
        taken = written - waiting
        passed = self._mark is None or taken >= self._mark or taken - self._taken_then >= self._enough
        if passed or stood_still:
            self._mark, self._taken_then, self._since_s = written, taken, now_s
        return now_s - self._since_s
