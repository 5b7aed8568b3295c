"""What an interval allows to say: the rule of the verdicts, and their words. The same for pairs, slices and the 2 × 2.

The rule, in this order:

1. **better / worse**: the whole interval is on one side of 1 (of `clear_of`, where the noise floor is unknown), and
   the estimate is further from 1 than the noise floor and than `LEAST`.
2. **tie**: the whole interval is within `MARGIN` of 1. So a tie is a finding (they are practically the same), not the
   lack of one.
3. **too noisy**: anything else. The blocks can say neither.
"""

from __future__ import annotations

import math
from typing import Final

from load_tests.comparison.statistics import Interval
from load_tests.runs.figures import Figure
from load_tests.runs.schema import Ratio, Verdict
from metrics_core.histogram import RELATIVE_ERROR

MARGIN: Final = 1.10
"""Practically the same: within 10 %. Smaller differences between two architectures decide nothing (the next machine,
or library version, moves a figure by as much), and 10 % is what a comparison of default length is built to find."""

LEAST: Final = 1.01
"""Below 1 % nothing is called better or worse, however exact the figure: no decision hangs on it."""

_TIMES_FROM: Final = 1.75
"""From here on a range reads as "2.1 to 2.4 times", below as percent."""

_WIDE: Final = 20.0
"""An interval whose ends are further apart than this factor is told by its nearer end, or by no end at all."""


def resolution(figure: Figure) -> float:
    """How finely a ratio of two values of a figure can be known, on the log scale.

    Latencies come out of histogram buckets: each is off by up to `RELATIVE_ERROR`, however often it is measured.
    """
    return 2 * RELATIVE_ERROR if figure.unit == "ms" else 0.0


def judge(
    interval: Interval, floor: float | None, lower_is_better: bool = True, clear_of: float = 1.0
) -> Verdict:
    """The verdict on an interval.

    Args:
        interval: On the log scale, widened to the figure's resolution.
        floor: What identical arms reach by chance (`statistics.noise_floor`); None where it was not measured.
        lower_is_better: Which way is better.
        clear_of: Ratio that the whole interval must lie beyond, where the interval does not hold all of the noise.
    """
    bound = math.log(clear_of)
    beyond = abs(interval.estimate) > math.log(max(floor or 1.0, LEAST))
    if beyond and (interval.low > bound or interval.high < -bound):
        return "better" if (interval.estimate < 0) == lower_is_better else "worse"
    if max(abs(interval.low), abs(interval.high)) <= math.log(MARGIN):
        return "tie"
    return "too noisy"


def percent(ratio: float) -> str:
    """Distance from 1 in whole percent: `4 %`; in tenths below 1 %. Exactly none is `0 %`."""
    points = abs(ratio - 1) * 100
    return f"{points:.0f} %" if points >= 0.95 or points < 0.005 else f"{max(points, 0.1):.1f} %"


def amount(ratio: float, long: bool = False) -> str:
    """One ratio in words: `2.1 times as much`, `4 % less`, `the same`; for times `as long`, `shorter`, `longer`."""
    if ratio >= _TIMES_FROM or ratio <= 1 / _TIMES_FROM:
        return f"{_number(ratio)} times as {'long' if long else 'much'}"
    if percent(ratio) == "0 %":
        return "the same"
    more, less = ("longer", "shorter") if long else ("more", "less")
    return f"{percent(ratio)} {more if ratio > 1 else less}"


def span(ratio: Ratio, long: bool = False) -> str:
    """The interval in words: `2.1 to 2.4 times as much`, `4 to 9 % less`, `from 12 % less to 30 % more`."""
    low, high = amount(ratio.low, long), amount(ratio.high, long)
    if low == high:
        return low
    if ratio.low > 0 and ratio.high / ratio.low > _WIDE and not ratio.low < 1 < ratio.high:
        return f"at least {low}" if ratio.low > 1 else f"at most {high}"
    if "times" in low + high:
        return f"{times(ratio)} as {'long' if long else 'much'}"
    if ratio.low < 1 < ratio.high or "the same" in (low, high):
        return f"from {low} to {high}"
    near, far = (low, high) if ratio.low > 1 else (high, low)
    return f"{near.partition(' %')[0]} to {far}"


def times(ratio: Ratio) -> str:
    """The interval as bare factors: `2.1 to 2.4 times`."""
    low, high = _number(ratio.low), _number(ratio.high)
    return f"{low} times" if low == high else f"{low} to {high} times"


def furthest(ratio: Ratio) -> str:
    """How far the far end of an interval is from 1: `4 %`."""
    return percent(max(ratio.high, 1 / ratio.low))


def _number(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 0.995 else f"{ratio:.2g}"


def note(
    verdict: Verdict, ratio: Ratio, floor: float | None, long: bool = False, clear_of: float = 1.0
) -> str:
    """One plain sentence (without its full stop) that says what the verdict means; arguments as of `judge`."""
    text = span(ratio, long)
    excludes_one = ratio.low > 1 or ratio.high < 1
    if verdict in ("better", "worse"):
        if max(ratio.high, 1 / ratio.low if ratio.low else math.inf) <= MARGIN:
            return f"{text}: small, but beyond what chance does here"
        return text
    if verdict == "tie":
        apart = furthest(ratio)
        why = "practically the same" if floor is None else "inside the noise"
        return "the same" if apart == "0 %" else f"at most {apart} apart: {why}"
    if excludes_one and floor and floor > 1 and max(ratio.estimate, 1 / ratio.estimate) <= floor:
        return (
            f"this machine is too noisy to say: {text} here, but identical arms are up to {percent(floor)}"
            " apart by chance"
        )
    if excludes_one and clear_of > 1:
        return f"{text} here, but only what lies beyond {percent(clear_of)} is called a difference"
    if ratio.low * _WIDE < 1 < ratio.high / _WIDE:
        much = "long" if long else "much"
        both = f"a {_WIDE:.0f}th and {_WIDE:.0f} times as {much} would both look like this"
        return f"this machine is too noisy to say: {both}"
    anything = (
        text if text.startswith("from ") else f"from {amount(ratio.low, long)} to {amount(ratio.high, long)}"
    )
    return f"this machine is too noisy to say: anything {anything} would look like this"
