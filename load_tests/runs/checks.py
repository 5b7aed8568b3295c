"""Whether the parts of a run agree with each other: each check guards a figure that would otherwise be wrong.

Pure: no files, no clock. `folder.py` runs these when a run is written and whenever one is read.

Histograms and ledger are held against the counts exactly where the run is complete. One that is partial, failed or void
may know less: its histograms may hold fewer samples than were acknowledged or processed, and where the pipeline
could not be asked any more the ledger has no `processed` (then `lost` says nothing, and summaries say so).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import isfinite
from typing import Any, Final

import msgspec

from load_tests.runs.figures import BY_KEY
from load_tests.runs.schema import (
    CLOCKS,
    HISTOGRAMS,
    Comparison,
    Intervals,
    Quantiles,
    Ratio,
    Run,
    Series,
)
from metrics_core.errors import LabError
from metrics_core.histogram import MAX_VALUE_US, RELATIVE_ERROR, Histogram, bucket_of
from metrics_core.ledger import Ledger, count, parse_ledger, subtract

LEDGER_PARTS: Final = ("created", "acked", "rejected", "processed")
FRACTIONS: Final = (0.5, 0.9, 0.99, 0.999, 1.0)
_LAST_BUCKET: Final = bucket_of(MAX_VALUE_US)
_LARGEST: Final = 2**53 - 1  # the largest whole number that every reader of JSON keeps
_ROUNDING_MS: Final = 0.01
_EPOCH: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_PRODUCER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_MAY_BE_NEGATIVE: Final = ("at_s",)  # an event before the measured part


class Contradiction(LabError):
    """Two parts of a run cannot both be true; the text names both."""


def quantiles_of(histogram: Histogram) -> Quantiles:
    """The quantiles in ms of a histogram of µs, as they stand in `run.json`."""
    p50, p90, p99, p999, highest = (value / 1000 for value in histogram.quantiles_us(FRACTIONS))
    return Quantiles(histogram.n, p50, p90, p99, p999, highest)


def check_run(
    run: Run, histograms: Mapping[str, Histogram], series: Series, ledger: Mapping[str, Intervals]
) -> None:
    """Hold the parts of a run against each other.

    Raises:
        Contradiction: The first thing found that does not fit.
    """
    _check_numbers(msgspec.to_builtins(run), "run")
    _check_counts(run)
    _check_histograms(run, histograms)
    _check_clocks(run, histograms)
    check_series(series)
    _check_ledger(run, ledger)


def _is_whole(run: Run) -> bool:
    """Whether every sample has a known fate."""
    return run.status == "complete"


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise Contradiction(text)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _check_numbers(value: Any, path: str) -> None:
    """Every number is finite, and none is below 0 but those that may be."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            _check_numbers(member, f"{path}.{name}")
    elif isinstance(value, list):
        for position, member in enumerate(value):
            _check_numbers(member, f"{path}[{position}]")
    elif isinstance(value, int | float):
        _demand(isfinite(value), f"{path} is {value}, which is no number")
        _demand(value >= 0 or path.endswith(_MAY_BE_NEGATIVE), f"{path} is {value}, which is below 0")


def _check_counts(run: Run) -> None:
    counts, plan = run.counts, run.plan
    _demand(plan.duration_s > 0 and counts.created > 0, "it has no length: not one sample was measured")
    answered = counts.acked + counts.rejected + counts.refused + counts.unanswered
    _demand(
        counts.created == answered,
        f"{counts.created} samples were created, but acked, rejected, refused and unanswered add up to {answered}",
    )
    _demand(
        counts.processed <= counts.created, f"{counts.processed} samples of {counts.created} were processed"
    )
    _demand(counts.lost <= counts.acked, f"{counts.lost} samples of {counts.acked} acked ones were lost")


# -- histograms and clocks --------------------------------------------------------------------------------------------


def histogram_of(pairs: Iterable[tuple[int, int]], name: str) -> Histogram:
    """A histogram of its `[bucket, count]` pairs.

    Raises:
        Contradiction: A bucket that does not exist, comes twice or out of order, or a count that counts nothing.
    """
    found: dict[int, int] = {}
    last = -1
    for bucket, number in pairs:
        _demand(
            0 <= bucket <= _LAST_BUCKET, f"histogram {name} has a bucket {bucket}; 0 to {_LAST_BUCKET} exist"
        )
        _demand(bucket > last, f"histogram {name} has bucket {bucket} after bucket {last}")
        _demand(0 < number <= _LARGEST, f"histogram {name} counts {number} in bucket {bucket}")
        found[bucket] = number
        last = bucket
    return Histogram(found)


def _check_histograms(run: Run, histograms: Mapping[str, Histogram]) -> None:
    counts = run.counts
    for name, histogram in histograms.items():
        _demand(name in HISTOGRAMS, f"there is a histogram {name!r}, which nobody knows")
        histogram_of(histogram.as_pairs(), name)
    foreign = run.setup.background_per_s > 0  # samples of other producers are in the pipeline's own histogram
    for name, word, wanted in (
        ("accepted", "acked", counts.acked),
        ("processed", "processed", counts.processed),
    ):
        if name not in histograms or (foreign and name == "processed"):
            continue
        n = histograms[name].n
        fits = n == wanted if _is_whole(run) else n <= counts.created
        _demand(fits, f"histogram {name} holds {n} samples, but {wanted} were {word}")
    for name in ("accepted_uncorrected", "visible", "visible_uncorrected", "lateness"):
        n = histograms[name].n if name in histograms else 0
        _demand(
            n <= counts.created, f"histogram {name} holds {n} samples, but only {counts.created} were created"
        )


def _check_clocks(run: Run, histograms: Mapping[str, Histogram]) -> None:
    for name, clock in run.clocks.items():
        _demand(name in CLOCKS, f"there is a clock {name!r}; {', '.join(CLOCKS)} exist")
        _check_quantiles(name, clock.corrected, histograms)
        if clock.uncorrected is not None:
            _check_quantiles(f"{name}_uncorrected", clock.uncorrected, histograms)


def _check_quantiles(name: str, said: Quantiles, histograms: Mapping[str, Histogram]) -> None:
    histogram = histograms.get(name)
    if histogram is None:
        _demand(said.n == 0, f"the clock {name} has figures, but there is no histogram {name}")
        return
    counted = quantiles_of(histogram)
    _demand(said.n == counted.n, f"the clock {name} counts {said.n} samples, its histogram {counted.n}")
    for quantile in ("p50", "p90", "p99", "p999", "max"):
        told, true = getattr(said, quantile), getattr(counted, quantile)
        near = abs(told - true) <= 2 * RELATIVE_ERROR * max(told, true) + _ROUNDING_MS
        _demand(near, f"{quantile} of {name} is said to be {told:g} ms, its histogram says {true:g} ms")


# -- time series ------------------------------------------------------------------------------------------------------


def check_series(series: Series) -> None:
    """Every column has one finite entry (or None) per second, and seconds go forward.

    Raises:
        Contradiction: Names the column.
    """
    rows = len(series.t_s)
    columns: dict[str, list[float | None]] = {}
    for name, column in msgspec.structs.asdict(series).items():
        named = (
            {f"{name} of {process}": one for process, one in column.items()}
            if isinstance(column, dict)
            else {}
        )
        columns |= named if isinstance(column, dict) else {name: column}
    for name, values in columns.items():
        _demand(len(values) == rows, f"series {name} has {len(values)} entries where t_s has {rows}")
        _demand(
            all(value is None or (isfinite(value) and value >= 0) for value in values),
            f"series {name} holds something that is no number from 0 up",
        )
    _demand(all(a < b for a, b in pairwise(series.t_s)), "series t_s does not go forward")


# -- ledger -----------------------------------------------------------------------------------------------------------


def _check_intervals(intervals: Intervals, name: str) -> Ledger:
    for producer, epochs in intervals.items():
        _demand(bool(_PRODUCER.fullmatch(producer)), f"{name} names a producer {producer!r}, which cannot be")
        for epoch, pairs in epochs.items():
            where = f"{name} of {producer}, epoch {epoch!r},"
            _demand(bool(_EPOCH.fullmatch(epoch)), f"{where} is no whole number")
            last = -1
            for pair in pairs:
                good = len(pair) == 2 and last < pair[0] <= pair[1] <= _LARGEST
                _demand(good, f"{where} has intervals that overlap or are out of order at {pair}")
                last = pair[1]
    return parse_ledger(intervals)


def _check_ledger(run: Run, ledger: Mapping[str, Intervals]) -> None:
    counts = run.counts
    for name in ledger:
        _demand(name in LEDGER_PARTS, f"the ledger has a part {name!r}; {', '.join(LEDGER_PARTS)} exist")
    for name in LEDGER_PARTS:
        known = name in ledger or (name == "processed" and not _is_whole(run))
        _demand(known, f"the ledger has no {name}")
    parts = {name: _check_intervals(intervals, f"ledger {name}") for name, intervals in ledger.items()}
    for name in LEDGER_PARTS:
        total, said = count(parts.get(name, {})), getattr(counts, name)
        _demand(total == said, f"the ledger has {total} samples {name}, the counts say {said}")
        _demand(
            not subtract(parts.get(name, {}), parts["created"]),
            f"the ledger has samples {name} that were never created",
        )
    _demand(
        count(subtract(parts["acked"], parts["rejected"])) == counts.acked,
        "the ledger has samples that were both acked and rejected",
    )
    missing = _check_intervals(run.missing, "missing")
    if "processed" in parts:
        lost = subtract(parts["acked"], parts["processed"])
        _demand(
            count(lost) == counts.lost, f"the ledger lost {count(lost)} samples, the counts say {counts.lost}"
        )
        _demand(
            lost == missing, "the samples that are named as missing are not the ones that the ledger lost"
        )
    else:
        _demand(counts.lost == 0 and not missing, "samples are called lost, but the ledger has no processed")


# -- comparisons ------------------------------------------------------------------------------------------------------


def check_comparison(comparison: Comparison) -> None:
    """Arms, blocks, pairs and intervals of a comparison name each other rightly.

    Raises:
        Contradiction: The first thing found that does not fit.
    """
    arms = comparison.arms
    _check_numbers(msgspec.to_builtins(comparison), "comparison")
    _demand(bool(arms), "it has no arms: nothing was compared")
    _demand(len(set(arms)) == len(arms), "an arm is named twice")
    _demand(set(comparison.blocks) == set(arms), "its blocks are not those of its arms")
    names = [name for blocks in comparison.blocks.values() for name in blocks]
    _demand(len(set(names)) == len(names), "a block is counted twice")
    _demand(set(comparison.order) <= set(arms), "its order names an arm that it does not have")
    for pair in comparison.pairs:
        known = pair.baseline == arms[0] and pair.arm in arms[1:]
        _demand(known, f"it compares {pair.arm} with {pair.baseline}, which are not an arm and the baseline")
        for verdict in pair.figures:
            _check_verdict(verdict.figure, verdict.ratio)
    for effect in comparison.effects:
        _check_verdict(effect.figure, effect.ratio)


def _check_verdict(figure: str, ratio: Ratio | None) -> None:
    _demand(figure in BY_KEY, f"it has a figure {figure!r}, which nobody knows")
    if ratio is not None:
        _demand(ratio.low <= ratio.high, f"the interval of {figure} ends before it begins")
