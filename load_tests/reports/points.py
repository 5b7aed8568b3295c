"""What the charts draw, as plain numbers: latency by percentile, one line per second, one dot per block.

The HTML page and the pictures draw the same points. How many there are is bounded (`SERIES_NUMBERS`), so that a long
soak makes no huge page: neighbouring seconds are then drawn as one point, the worst of them for latencies and backlog,
their mean for rates and processor time. The files beside the report keep every second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from load_tests.reports.view import Arm, Report, standing
from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedRun
from load_tests.runs.schema import CLOCKS
from metrics_core.histogram import Histogram

SERIES_NUMBERS: Final = 45_000
FEWEST_POINTS: Final = 20
QUANTILE_STEPS: Final = 64
HIGHEST_LOGIT: Final = 4.0
"""log10(p / (1 - p)) of the 99.99th percentile: where the axis ends; the maximum is drawn there."""

Numbers = Sequence[float | None]


def clocks_in(report: Report) -> list[str]:
    """The clocks that were measured by any arm."""
    seen = {name for arm in report.arms for run in arm.runs for name in run.clocks}
    return [clock for clock in CLOCKS if clock in seen]


def merged(arm: Arm, name: str) -> Histogram:
    """The histograms of that name of all blocks whose figures stand, added up."""
    stands = {run.id for run in standing(arm.runs)}
    total = Histogram()
    for block in arm.blocks:
        if block.run.id in stands and name in block.histograms:
            total.merge(block.histograms[name])
    return total


def quantile_curve(histogram: Histogram) -> list[list[float]]:
    """Points of a latency curve from the median up: [log10(p / (1 - p)), ms]; empty for an empty histogram.

    Percentiles that fewer than one sample lies above are left out; the last point is the maximum.
    """
    n = histogram.n
    if not n:
        return []
    logits = [HIGHEST_LOGIT * step / QUANTILE_STEPS for step in range(QUANTILE_STEPS)]
    fractions = [fraction for x in logits if (fraction := 10**x / (1 + 10**x)) <= 1 - 1 / n]
    values_us = histogram.quantiles_us([*fractions, 1.0])
    xs = [*logits[: len(fractions)], HIGHEST_LOGIT]
    return [[round(x, 4), _short(max(value_us, 1) / 1000)] for x, value_us in zip(xs, values_us, strict=True)]


def latency_curves(report: Report) -> dict[str, list[dict[str, Any]]]:
    """By clock, one entry per arm: its `corrected` and `uncorrected` curve."""
    return {
        clock: [
            {
                "arm": arm.name,
                "corrected": quantile_curve(merged(arm, clock)),
                "uncorrected": quantile_curve(merged(arm, f"{clock}_uncorrected")),
            }
            for arm in report.arms
        ]
        for clock in clocks_in(report)
    }


def series_of(report: Report) -> list[dict[str, Any]]:
    """One entry per block (A/A blocks left out), in the order of the arms."""
    blocks = [(arm, block) for arm in report.arms for block in arm.blocks]
    columns = sum(9 + len(block.series.cpu_percent) for _, block in blocks)
    most = max(FEWEST_POINTS, SERIES_NUMBERS // max(1, columns))
    return [_thinned(arm, block, most) for arm, block in blocks]


def _thinned(arm: Arm, block: SavedRun, most: int) -> dict[str, Any]:
    series, plan = block.series, block.run.plan
    step = max(1, math.ceil(len(series.t_s) / most))

    def mean(values: Numbers) -> list[float | None]:
        return _in_steps(values, step, lambda some: sum(some) / len(some))

    def worst(values: Numbers) -> list[float | None]:
        return _in_steps(values, step, max)

    return {
        "arm": arm.name,
        "block": block.run.id,
        "status": block.run.status,
        "load_s": plan.duration_s,
        "step": step,
        "t_s": [round(t_s, 2) for t_s in series.t_s[step - 1 :: step]],
        "created": mean(series.created_per_s),
        "acked": mean(series.acked_per_s),
        "refused": mean(series.refused_per_s),
        "processed": mean(series.processed_per_s),
        "p99": {clock: worst(getattr(series, f"{clock}_p99_ms")) for clock in CLOCKS},
        "backlog": worst(series.backlog),
        "cpu": {name: mean(values) for name, values in series.cpu_percent.items()},
        "events": [[event.at_s, event.text] for event in block.run.events],
    }


def _in_steps(values: Numbers, step: int, of: Callable[[list[float]], float]) -> list[float | None]:
    groups = (values[start : start + step] for start in range(0, len(values), step))
    known = ([value for value in group if value is not None] for group in groups)
    return [_short(of(group)) if group else None for group in known]


def spread_of(report: Report) -> dict[str, Any]:
    """Every block's figures in the order in which the blocks ran, A/A blocks marked as `noise`."""
    noise = {saved.run.id for saved in report.noise}
    return {
        "figures": [{"key": each.key, "title": each.title, "unit": each.unit} for each in FIGURES],
        "blocks": [
            {
                "arm": saved.run.plan.arm,
                "block": saved.run.id,
                "noise": saved.run.id in noise,
                "status": saved.run.status,
                "values": [
                    None if (value := each.of(saved.run)) is None else _short(value) for each in FIGURES
                ],
            }
            for saved in report.runs
        ],
    }


def _short(value: float) -> float:
    """Four significant digits: a chart shows no more, and the page stays small."""
    return float(f"{value:.4g}")
