"""One line of the bench's report, and a run that has none."""

from __future__ import annotations

import statistics

from msgspec import Struct

from metrics_core.errors import LabError


class Void(LabError):
    """A run that has no figure, and why."""


class Figure(Struct):
    """One line of the report.

    Attributes:
        name: Key in the results file and in documents.
        what: What is compared with what.
        ratios: The lab's value over the reference's, one per round (for absolute figures: the values).
        goal: The bound; `at_least` says on which side.
        at_least: True: higher is better.
        unit: `×` for ratios, else the unit of `ratios`.
        lab: Median of the lab's own values, as text with a unit.
        bare: Median of the reference's.
    """

    name: str
    what: str
    ratios: list[float]
    goal: float
    at_least: bool
    unit: str = "×"
    lab: str = ""
    bare: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the median is on the right side of the goal."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal
