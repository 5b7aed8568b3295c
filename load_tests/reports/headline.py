"""The first table of a report: each headline figure, every arm's median, how it compares with the baseline, in words.

A verdict is a shape and words, never a colour. Verdicts come from the comparison; none is formed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from load_tests.reports.numbers import interval, sentence, times, with_unit
from load_tests.reports.view import Report, figure_of
from load_tests.runs.figures import BY_KEY, HEADLINE, Figure
from load_tests.runs.schema import FigureVerdict, Verdict

MARKS: Final[dict[Verdict, tuple[str, str]]] = {
    "better": ("▲", "better"),
    "worse": ("▼", "worse"),
    "tie": ("=", "tie inside the noise"),
    "too noisy": ("~", "this machine is too noisy to say"),
    "not measured": ("?", "not measured"),
}
"""Shape and words of each verdict."""

MEANINGS: Final[dict[Verdict, str]] = {
    "better": "the whole interval lies on the good side of 1 ×, and the ratio is beyond the noise floor.",
    "worse": "the same on the bad side.",
    "tie": "the whole interval lies close to 1 ×: whatever difference there is decides nothing.",
    "too noisy": "neither: more blocks, or a quieter machine, would be needed to tell.",
    "not measured": "one of the two arms has no such figure.",
}
"""What each verdict says, for students."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm's part of a row.

    Attributes:
        value: The median with its unit.
        ratio, interval: Against the baseline; empty for the baseline itself and where there is none.
        mark, words: The verdict; empty for the baseline.
        note: The verdict in a sentence.
    """

    value: str
    ratio: str = ""
    interval: str = ""
    mark: str = ""
    words: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table. `floor` is the noise floor as text, empty where none was measured."""

    figure: Figure
    floor: str
    cells: list[Cell]


def headline(report: Report) -> list[Row]:
    """The table, one row per headline figure, one cell per arm in the order of the arms."""
    return [_row(report, BY_KEY[key]) for key in HEADLINE]


def notes(report: Report) -> list[tuple[str, str, str]]:
    """Every verdict in a sentence: arm, title of the figure, sentence."""
    return [
        (pair.arm, figure.title, sentence(verdict.note))
        for pair in report.pairs
        for verdict in pair.figures
        if verdict.note and (figure := figure_of(verdict.figure))
    ]


def verdict_of(verdict: Verdict) -> str:
    """A verdict as text: `▲ better`."""
    return " ".join(MARKS[verdict])


def _row(report: Report, figure: Figure) -> Row:
    against = {pair.arm: _of(pair.figures, figure.key) for pair in report.pairs}
    floors = [verdict.floor for verdict in against.values() if verdict and verdict.floor is not None]
    cells = []
    for arm in report.arms:
        value = with_unit(report.median_of(arm, figure), figure.unit)
        verdict = against.get(arm.name)
        cells.append(_compared(value, verdict) if verdict else Cell(value))
    return Row(figure, times(max(floors)) if floors else "", cells)


def _compared(value: str, verdict: FigureVerdict) -> Cell:
    mark, words = MARKS[verdict.verdict]
    if verdict.ratio is None:
        return Cell(value, mark=mark, words=words, note=verdict.note)
    return Cell(value, times(verdict.ratio.estimate), interval(verdict.ratio), mark, words, verdict.note)


def _of(verdicts: list[FigureVerdict], key: str) -> FigureVerdict | None:
    return next((verdict for verdict in verdicts if verdict.figure == key), None)
