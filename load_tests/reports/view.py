"""A run or a comparison as every report sees it: arms with their blocks, in one order, each with a place in the key.

A single run is an arm with one block and no verdicts, so that no report needs two ways. Figures of an arm are medians
over its blocks: those of the comparison where it has them (they belong to its verdicts), else over the blocks whose
figures stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from load_tests.runs.figures import BY_KEY, Figure
from load_tests.runs.folder import SavedComparison, SavedRun
from load_tests.runs.schema import Comparison, Pair, Run

PLACES = 6
"""Colours and shapes in the key; a seventh arm shares with the first free one and is told apart by its name."""

_FIRST_PLACES = {("http1", "redis"): 0, ("websocket", "memory"): 1}
"""Pipeline A is blue and round, pipeline B orange and triangular, as on the dashboard."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What was measured under one name.

    Attributes:
        name: As in the plan.
        place: Its colour and shape in the key, 0 … `PLACES` - 1.
        blocks: Its runs in the order in which they ran.
    """

    name: str
    place: int
    blocks: Sequence[SavedRun]

    @property
    def runs(self) -> list[Run]:
        """`run.json` of each block."""
        return [block.run for block in self.blocks]

    @property
    def has_processes(self) -> bool:
        """Whether the processor time of its processes over time is known."""
        return any(block.series.cpu_percent for block in self.blocks)

    @property
    def first(self) -> Run | None:
        """Its first block, which says how all were set up; None where nothing was kept."""
        return self.blocks[0].run if self.blocks else None


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report is made from.

    Attributes:
        id: Of the run or comparison.
        arms: In the order given; of a comparison, the first is the baseline.
        noise: The A/A blocks.
        comparison: None for a single run.
    """

    id: str
    arms: Sequence[Arm]
    noise: Sequence[SavedRun]
    comparison: Comparison | None

    @property
    def runs(self) -> list[SavedRun]:
        """Every block, A/A included, in the order in which they ran."""
        blocks = [*self.noise, *(block for arm in self.arms for block in arm.blocks)]
        return sorted(blocks, key=lambda saved: saved.run.started_at_us)

    @property
    def pairs(self) -> list[Pair]:
        """Each arm against the baseline; empty for a single run."""
        return self.comparison.pairs if self.comparison else []

    def arm(self, name: str) -> Arm | None:
        """The arm of that name."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def median_of(self, arm: Arm, figure: Figure) -> float | None:
        """An arm's figure in the figure's unit; None where it was not measured."""
        for pair in self.pairs:
            verdict = next((each for each in pair.figures if each.figure == figure.key), None)
            if verdict is not None and arm.name in (pair.baseline, pair.arm):
                return verdict.baseline if arm.name == pair.baseline else verdict.arm
        values = [value for run in standing(arm.runs) if (value := figure.of(run)) is not None]
        return median(values) if values else None


def standing(runs: Sequence[Run]) -> list[Run]:
    """The runs whose figures stand; where none does, those that were interrupted."""
    complete = [run for run in runs if run.status == "complete"]
    return complete or [run for run in runs if run.status == "partial"]


def title_of(report: Report) -> str:
    """What a report is called: `Comparison: http1, http2, websocket`."""
    names = ", ".join(arm.name for arm in report.arms)
    return f"Comparison: {names}" if report.comparison else f"Load run: {names}"


def figure_of(key: str) -> Figure | None:
    """The figure of that key; None for one that this version does not know."""
    return BY_KEY.get(key)


def report_of(saved: SavedComparison | SavedRun) -> Report:
    """What is on disk, as the reports see it."""
    if isinstance(saved, SavedRun):
        return Report(saved.run.id, _placed({saved.run.plan.arm: [saved]}), [], None)
    comparison = saved.comparison
    blocks = {name: saved.blocks.get(name, []) for name in comparison.arms}
    return Report(comparison.id, _placed(blocks), saved.noise, comparison)


def _placed(blocks: dict[str, list[SavedRun]]) -> list[Arm]:
    """Arms with their places: the two pipelines have theirs, the others take what is free."""
    places: dict[str, int] = {}
    for name, runs in blocks.items():
        plan = runs[0].run.plan if runs else None
        place = _FIRST_PLACES.get((plan.protocol, plan.store)) if plan else None
        if place is not None and place not in places.values():
            places[name] = place
    free = [place for place in (*range(2, PLACES), 0, 1) if place not in places.values()]
    others = [name for name in blocks if name not in places]
    for index, name in enumerate(others):
        places[name] = free[index % len(free)] if free else index % PLACES
    return [Arm(name, places[name], runs) for name, runs in blocks.items()]
