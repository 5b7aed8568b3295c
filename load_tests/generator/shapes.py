"""How the offered rate moves over the measured part. Pure.

A shape is a list of pieces; in each the level (a factor on the rate) goes in a straight line from a value to another::

    steady ─────────   burst ┐ ┌┐ ┌   spike     ┌┐       ramp     ╱   step    ┌─   soak: steady, for
                             └─┘└─┘          ───┘└───           ╱          ┌──┘          half an hour

So the expected number of sends up to any moment has a closed form, and so has its inverse: the moment of the n-th send.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple


class Piece(NamedTuple):
    """A stretch of a shape: `start` and `end` as fractions of the duration, the level at both ends."""

    start: float
    end: float
    level_start: float
    level_end: float


def _flat(*levels: float) -> tuple[Piece, ...]:
    n = len(levels)
    return tuple(Piece(i / n, (i + 1) / n, level, level) for i, level in enumerate(levels))


SHAPES: Final[dict[str, tuple[Piece, ...]]] = {
    "steady": _flat(1.0),
    "burst": _flat(*(3.0, 0.5, 0.5, 0.5, 0.5) * 4),
    "spike": (Piece(0, 0.45, 1, 1), Piece(0.45, 0.55, 5, 5), Piece(0.55, 1, 1, 1)),
    "ramp": (Piece(0, 1, 0.0, 1.0),),
    "step": _flat(0.25, 0.5, 0.75, 1.0),
    "soak": _flat(1.0),
}
"""`burst`: four times, a fifth at three times the rate, the rest at half of it. `spike`: a tenth at five times."""

SOAK_S: Final = 1800.0
"""Length of a soak that is not told how long to be."""


class Shape:
    """A shape stretched over a duration.

    Args:
        pieces: In order, without gaps, from 0 to 1.
        duration_s: Length of the whole.
    """

    def __init__(self, pieces: Sequence[Piece], duration_s: float) -> None:
        self.duration_s = duration_s
        self._pieces = [
            (p.start * duration_s, p.end * duration_s, p.level_start, p.level_end) for p in pieces
        ]
        self._masses = [0.0]
        for start, end, low, high in self._pieces:
            self._masses.append(self._masses[-1] + (end - start) * (low + high) / 2)

    @property
    def mass_s(self) -> float:
        """The whole integral of the level, in seconds: how long a steady run with as many sends would be."""
        return self._masses[-1]

    def level(self, at_s: float) -> float:
        """The factor on the rate at a moment."""
        for start, end, low, high in self._pieces:
            if at_s < end:
                return low + (high - low) * max(0.0, at_s - start) / (end - start)
        return 0.0

    def moment(self, mass_s: float) -> float:
        """The moment up to which the level's integral is `mass_s`; infinity beyond the end."""
        for number, (start, end, low, high) in enumerate(self._pieces):
            if mass_s < self._masses[number + 1]:
                rest, length = mass_s - self._masses[number], end - start
                slope = (high - low) / length
                if abs(slope) < 1e-12:
                    return start + rest / low
                # low·x + slope·x²/2 = rest
                return start + (math.sqrt(low * low + 2 * slope * rest) - low) / slope
        return math.inf
