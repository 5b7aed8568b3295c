"""The 2 × 2: both transports with both stores, so that what each of the two does can be told apart.

The effects and their intervals come from the comparison; here they are put beside the four medians they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from load_tests.reports.headline import verdict_of
from load_tests.reports.numbers import interval, sentence, times, with_unit
from load_tests.reports.view import Arm, Report, figure_of
from load_tests.runs.figures import Figure
from load_tests.runs.schema import Effect

FACTORS: Final = (
    ("transport", "WebSocket instead of HTTP", "Both stores together: what the way in alone does."),
    ("store", "memory instead of Redis", "Both transports together: what the store alone does."),
    (
        "interaction", "interaction",
        "How much more WebSocket changes over memory than over Redis. 1 ×: the two effects simply multiply.",
    ),
)  # fmt: skip
"""Factor, what is exchanged, how to read it."""

TRANSPORTS: Final = (("HTTP", ("http1", "http2")), ("WebSocket", ("websocket",)))
STORES: Final = (("Redis", "redis"), ("memory", "memory"))

_SAYS: Final = {factor: (title, meaning) for factor, title, meaning in FACTORS}


@dataclass(frozen=True, slots=True)
class EffectLine:
    """One effect as text."""

    title: str
    meaning: str
    ratio: str
    interval: str
    verdict: str
    note: str


@dataclass(frozen=True, slots=True)
class Square:
    """One figure's four medians (rows: transports, columns: stores) and its effects."""

    figure: Figure
    cells: list[tuple[str, list[tuple[str, str]]]]
    effects: list[EffectLine]


def squares(report: Report) -> list[Square]:
    """One square per figure that has effects; empty where the four arms were not there."""
    effects = report.comparison.effects if report.comparison else []
    keys = dict.fromkeys(effect.figure for effect in effects)
    return [
        Square(figure, _cells(report, figure), [_line(effect) for effect in effects if effect.figure == key])
        for key in keys
        if (figure := figure_of(key))
    ]


def _cells(report: Report, figure: Figure) -> list[tuple[str, list[tuple[str, str]]]]:
    rows = []
    for transport, protocols in TRANSPORTS:
        arms = [_at(report, protocols, store) for _, store in STORES]
        row = [
            (arm.name, with_unit(report.median_of(arm, figure), figure.unit)) if arm else ("", "")
            for arm in arms
        ]
        rows.append((transport, row))
    return rows


def _at(report: Report, protocols: tuple[str, ...], store: str) -> Arm | None:
    """The first arm of a cell."""
    for arm in report.arms:
        plan = arm.first.plan if arm.first else None
        if plan and plan.protocol in protocols and plan.store == store:
            return arm
    return None


def _line(effect: Effect) -> EffectLine:
    title, meaning = _SAYS[effect.factor]
    # An interaction is neither good nor bad: there is one, or there is none to be seen.
    verdict = verdict_of(effect.verdict)
    if effect.factor == "interaction" and effect.verdict in ("better", "worse"):
        verdict = "≠ they depend on each other"
    ratio = effect.ratio
    return EffectLine(title, meaning, times(ratio.estimate), interval(ratio), verdict, sentence(effect.note))
