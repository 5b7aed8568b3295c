"""Two runs that exist already, compared by slices of their time series.

These runs were not interleaved, and that changes what can be said:

- One second resembles the next (queues, garbage, caches), so seconds are no independent values. Each run is cut into
  slices of `SLICE_S`, and each slice gives one value: the method of batch means (A. M. Law, *Simulation Modeling and
  Analysis*, chapter 9). At least `MIN_SLICES` slices of each run are needed.
- A machine drifts from minute to minute (heat, neighbours, page cache). Interleaved blocks cancel that, two runs one
  after the other do not, and no interval made of their slices can hold it. So better and worse need the whole
  interval beyond `DRIFT`: what one and the same program may differ by between two moments of one machine.
- Slices are seen through per-second values. A slice's p99 is the mean of the p99s of its seconds, for both runs
  alike: good for their ratio, but not the p99 of the table, which is the run's own.
- Bytes on the wire and memory are one value per run: nothing says how much chance is in them. Their ratio is told in
  words, without a verdict.

Runs of different machines get no verdict on anything but the ledger's facts (`findings.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from load_tests.comparison import fairness, judgement
from load_tests.comparison.findings import is_valid
from load_tests.comparison.statistics import Array, unpaired_interval
from load_tests.comparison.verdict import OTHER_MACHINE, check_confidence
from load_tests.runs.figures import BY_KEY, HEADLINE, Figure
from load_tests.runs.schema import FigureVerdict, Pair, Run, Series
from metrics_core.errors import LabError

SLICE_S: Final = 5.0
MIN_SLICES: Final = 4
DRIFT: Final = 1.25
"""A difference within 25 % between runs that were not interleaved may be the machine's."""

NOT_INTERLEAVED: Final = (
    "the runs were not interleaved, so the machine's drift between them is not in the interval"
)

_LATENCIES: Final = tuple(key for key in HEADLINE if key.endswith(("_p50", "_p99")))


def compare(
    baseline: str,
    arm: str,
    baseline_run: tuple[Run, Series],
    arm_run: tuple[Run, Series],
    confidence: float,
    seed: int,
) -> Pair:
    """One saved run against another.

    Args:
        baseline, arm: Their names.
        baseline_run, arm_run: Each with its time series.
        confidence: Of all intervals together, below 1.
        seed: Of the drawing.

    Raises:
        LabError: It is the same run twice.
    """
    check_confidence(confidence)
    (first, first_series), (second, second_series) = baseline_run, arm_run
    if first.id == second.id:
        raise LabError(f"run {first.id} stands on both sides; name two runs")
    lines = fairness.differences(first, second)
    attribution, attributable = fairness.attribution(lines)
    reason = _why_not(baseline, first, arm, second)
    figures = [_line(BY_KEY[key], first, second, reason) for key in HEADLINE]
    if not reason:
        _judge_all(figures, (first, first_series), (second, second_series), confidence, seed)
    return Pair(baseline, arm, figures, lines, attribution, attributable)


def _why_not(baseline: str, first: Run, arm: str, second: Run) -> str:
    """Why no figure of the two can be compared; empty where they can."""
    for name, run in ((baseline, first), (arm, second)):
        if not is_valid(run):
            why = "it delivered no sample" if run.status == "complete" else f"it is {run.status}"
            return f"not measured: the run of {name} has no figures that stand ({why})"
    return OTHER_MACHINE if first.machine.id != second.machine.id else ""


def _line(figure: Figure, first: Run, second: Run, reason: str) -> FigureVerdict:
    """The runs' own values; ratio and verdict come later, if at all."""
    baseline = figure.of(first) if is_valid(first) else None
    arm = figure.of(second) if is_valid(second) else None
    note = reason
    if not note and (baseline is None or arm is None):
        note = "not measured: one of the runs does not have it"
    elif not note and baseline and arm:
        text = judgement.amount(arm / baseline, figure.unit == "ms")
        note = f"{text} in these two runs; one value of each, so nothing says how much of it is chance"
    elif not note:
        note = "not measured: a value is 0, so there is no ratio"
    return FigureVerdict(figure.key, baseline, arm, None, None, "not measured", note)


def _judge_all(
    figures: Sequence[FigureVerdict],
    baseline: tuple[Run, Series],
    arm: tuple[Run, Series],
    confidence: float,
    seed: int,
) -> None:
    sliced = {
        line.figure: (slices(*baseline, line.figure), slices(*arm, line.figure))
        for line in figures
        if line.figure in (*_LATENCIES, "cpu") and line.baseline and line.arm
    }
    enough = {key: both for key, both in sliced.items() if min(map(len, both)) >= MIN_SLICES}
    alpha = (1 - confidence) / max(1, len(enough))
    for line in figures:
        if line.figure in enough:
            _judge(line, *enough[line.figure], alpha, seed)
        elif line.figure in sliced:
            line.note = _too_short(*sliced[line.figure])


def _too_short(first: Array, second: Array) -> str:
    fewest = min(len(first), len(second))
    return f"not measured: too short, with {fewest} of the {MIN_SLICES} slices of {SLICE_S:.0f} s that each run needs"


def _judge(line: FigureVerdict, first: Array, second: Array, alpha: float, seed: int) -> None:
    figure = BY_KEY[line.figure]
    interval = unpaired_interval(first, second, alpha, seed).widened(judgement.resolution(figure))
    line.ratio = interval.ratio
    line.verdict = judgement.judge(interval, None, figure.lower_is_better, DRIFT)
    text = judgement.note(line.verdict, line.ratio, None, figure.unit == "ms", DRIFT)
    line.note = f"{text}; {NOT_INTERLEAVED}"


def slices(run: Run, series: Series, key: str) -> Array:
    """Log values of a figure, one per full slice of the measured part that has one.

    Args:
        run: Says how long the measured part is; the drain after it is not sliced.
        series: Its time series.
        key: A latency figure, or `cpu` (processor seconds per 1,000 delivered).
    """
    ends = [t for t in series.t_s if t <= run.plan.duration_s + 0.5]
    which = [math.ceil(t / SLICE_S - 1e-9) - 1 for t in ends]
    full = round(ends[-1] if ends else 0) // round(SLICE_S)
    groups: list[list[int]] = [[] for _ in range(full)]
    for second, number in enumerate(which):
        if 0 <= number < full:
            groups[number].append(second)
    values = [_cpu(series, group) if key == "cpu" else _latency(series, key, group) for group in groups]
    return np.array([math.log(value) for value in values if value is not None and value > 0])


def _latency(series: Series, key: str, seconds: Sequence[int]) -> float | None:
    """Mean of the seconds' quantiles, in ms; None unless most seconds have one."""
    column: list[float | None] = getattr(series, f"{key}_ms")
    values = [value for second in seconds if (value := _at(column, second)) is not None]
    return math.fsum(values) / len(values) if values and 2 * len(values) > len(seconds) else None


def _cpu(series: Series, seconds: Sequence[int]) -> float | None:
    """Processor seconds of all processes of the pipeline per 1,000 samples processed meanwhile.

    None where a second lacks either: a bill without its deliveries, or the other way round, is no cost.
    """
    used = delivered = 0.0
    columns = [column for name, column in series.cpu_percent.items() if name != "generator"]
    for second in seconds:
        length = series.t_s[second] - (series.t_s[second - 1] if second else 0.0)
        busy = [_at(column, second) for column in columns]
        processed = _at(series.processed_per_s, second)
        if processed is None or not busy or all(percent is None for percent in busy):
            return None
        used += sum(percent for percent in busy if percent is not None) / 100 * length
        delivered += processed * length
    return 1000 * used / delivered if delivered else None


def _at(column: Sequence[float | None], second: int) -> float | None:
    return column[second] if second < len(column) else None
