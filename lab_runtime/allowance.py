"""What one connection may cost beyond its purpose: an allowance that is spent by odd frames and grows back with time.

A ping, a settings frame or a cancelled request is legal; ten thousand a second are an attack (CVE-2023-44487 and its
kin). No honest client comes near the bounds, so the answer to running out is the end of the connection. Time comes in
as an argument: no clock here.
"""

from __future__ import annotations


class Allowance:
    """A token bucket.

    Args:
        most: Full, and what it begins with.
        per_s: Grows back per second.
        now_s: The present, on any clock that only goes forward.
    """

    __slots__ = ("_left", "_most", "_per_s", "_seen_s")

    def __init__(self, most: float, per_s: float, now_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._seen_s = most, now_s

    def spend(self, cost: float, now_s: float) -> bool:
        """Take `cost` (below 0: give back, up to full); whether there was enough."""
        grown = self._left + (now_s - self._seen_s) * self._per_s
        self._seen_s = now_s
        self._left = min(self._most, min(self._most, grown) - cost)
        return self._left >= 0
