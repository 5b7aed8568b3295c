"""Intervals for ratios that come from few, noisy, sometimes disturbed blocks.

Everything is done on logarithms: d = ln(arm / baseline) of each round. "Twice as much" and "half as much" are then
equally far from "the same", and a machine that is slow during a whole round slows both arms and drops out.

Estimator: the Hodges–Lehmann pseudo-median, the median of all pairwise averages (Hodges and Lehmann, Annals of
Mathematical Statistics 34, 1963). With eight rounds, two disturbed ones cannot carry it away; on quiet machines it is
nearly as sharp as the mean.

Interval: the rounds are drawn again with replacement, `RESAMPLES` times; the spread of the pseudo-medians is their
standard error. Three corrections make it hold for few rounds:

- Resampled values spread too little by √((n − 1) / n) (the narrowness bias): the standard error is multiplied by the
  inverse (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015).
- The standard error is taken from the middle 80 % of the resampled values, not from all: a disturbed block of eight
  comes three times or more, often enough to carry the pseudo-median away, in only 7 % of the draws.
- It is multiplied by Student's t with n − 1 degrees of freedom ("t with bootstrap standard error" in Hesterberg's
  list), not by the normal quantile.

Several figures of one pair hold together by Bonferroni: `alpha` is divided by their number by the caller.

How it was chosen: about a dozen variants on the same simulation (nine figures, eight rounds, sd 4 %, confidence 95 %
together, so that 5 of 100 identical pairs may be called different; 300 to 500 pairs each, so ± 1 or 2 of 100). The
expanded percentile interval called 7–17 of 100 different, because it cannot reach beyond the data. The bootstrap-t
called 0–4, but with one disturbed block found no difference of 10 % at all, where this one found more than half; the t
interval of the mean found none either. The middle 68 % instead of 80 % called 2–6. A joint critical value (of the
largest statistic over the correlated figures) found 1 to 2 of 100 more than Bonferroni on a quiet machine, up to 7
more with one disturbed block; it rests on correlations that few rounds cannot give, so it was not taken.

What was taken, measured again with fresh draws (1,000 pairs): 5 of 100 called different by the interval alone with
normal noise (5.3 ± 0.7 where figures are independent, so no margin is left), 3–4 with heavy tails, 2–4 with disturbed
blocks; with the noise floor of `judgement.py` on top 1–3. The tests repeat a smaller part of it.

Not here: what an interval allows to say (`judgement.py`), and which blocks count (`verdict.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from load_tests.runs.schema import Ratio

Array = NDArray[np.float64]

RESAMPLES: Final = 2000
MIN_ROUNDS: Final = 3
"""Fewer rounds give no interval: two values say next to nothing about their own spread."""

_CHUNK: Final = 4_000_000
"""Pairwise averages held at a time; bounds memory at 32 MB for 100 rounds."""
_TAIL: Final = 0.10
_TAIL_Z: Final = 1.2815515655446004
"""Of the normal distribution at 1 − `_TAIL`: turns half the width of the middle 80 % into a standard error."""


class Interval(NamedTuple):
    """On the log scale, from `n` rounds (or slices of the shorter run)."""

    estimate: float
    low: float
    high: float
    n: int

    def widened(self, least: float) -> Interval:
        """The same, at least `least` wide to both sides: no interval is narrower than the measure is fine."""
        return self._replace(
            low=min(self.low, self.estimate - least), high=max(self.high, self.estimate + least)
        )

    @property
    def ratio(self) -> Ratio:
        """Back from logarithms."""
        return Ratio(*(math.exp(max(-700.0, min(700.0, value))) for value in self[:3]))


class Logs(NamedTuple):
    """Log values of rounds; `reason` says why there are none, in words that follow "not measured: "."""

    values: Array
    reason: str = ""


def log_ratios(baseline: Sequence[float | None], arm: Sequence[float | None]) -> Logs:
    """ln(arm / baseline) of each round in which both were measured.

    Two zeros are equal. A zero on one side alone has no ratio, and leaving only such rounds out would flatter the
    arm: then there is none at all. Rounds without a value on either side are left out.
    """
    none = np.empty(0)
    pairs = [(b, a) for b, a in zip(baseline, arm, strict=True) if b is not None and a is not None]
    if not pairs:
        return Logs(none, "no round has a value on both sides")
    if any(not math.isfinite(value) or value < 0 for pair in pairs for value in pair):
        return Logs(none, "a block holds a value that is negative or no number")
    if any((b == 0) != (a == 0) for b, a in pairs):
        return Logs(none, "a value is 0 on one side only, so there is no ratio")
    if len(pairs) < MIN_ROUNDS:
        return Logs(none, f"{len(pairs)} of the {MIN_ROUNDS} rounds that an interval needs")
    return Logs(np.array([math.log(a) - math.log(b) if b else 0.0 for b, a in pairs]))


def pseudo_median(values: Array) -> float:
    """Hodges–Lehmann: the median of the averages of all pairs, each value paired with itself too."""
    return float(_pseudo_medians(values[np.newaxis])[0])


def _pseudo_medians(rows: Array) -> Array:
    """One per row."""
    first, second = np.triu_indices(rows.shape[1])
    step = max(1, _CHUNK // first.size)
    parts = [
        np.median((part[:, first] + part[:, second]) / 2, axis=1)
        for part in (rows[at : at + step] for at in range(0, len(rows), step))
    ]
    return np.concatenate(parts)


def _shifts(rows: Array, others: Array) -> Array:
    """Hodges–Lehmann shift of each row: the median of all differences `other − row value`."""
    differences = others[:, :, np.newaxis] - rows[:, np.newaxis, :]
    result: Array = np.median(differences.reshape(len(rows), -1), axis=1)
    return result


def _spread(resampled: Array) -> float:
    """Standard error, from the middle of resampled estimates."""
    low, high = np.quantile(resampled, (_TAIL, 1 - _TAIL))
    return float(high - low) / 2 / _TAIL_Z


def _resample(values: Array, rng: np.random.Generator) -> Array:
    """`RESAMPLES` rows of as many values, drawn with replacement."""
    result: Array = values[rng.integers(0, values.size, (RESAMPLES, values.size))]
    return result


def _t(alpha: float, freedom: int) -> float:
    return float(stats.t.ppf(1 - alpha / 2, freedom))


def paired_interval(values: Array, alpha: float, seed: int) -> Interval:
    """Interval of the pseudo-median.

    Args:
        values: One log ratio (or log value, or contrast of log values) per round, at least `MIN_ROUNDS`.
        alpha: Probability that the interval misses, both sides together; divided by the number of figures before.
        seed: The same seed and number of rounds draw the same rounds for every figure.
    """
    resampled = _pseudo_medians(_resample(values, np.random.default_rng(seed)))
    return _interval(pseudo_median(values), _spread(resampled), alpha, values.size)


def unpaired_interval(baseline: Array, arm: Array, alpha: float, seed: int) -> Interval:
    """Interval of the shift from `baseline` to `arm`, log values that have nothing to do with one another.

    Degrees of freedom are those of the shorter side (never too many, whatever the two spreads are).
    """
    rng = np.random.default_rng(seed)
    resampled = _shifts(_resample(baseline, rng), _resample(arm, rng))
    estimate = float(_shifts(baseline[np.newaxis], arm[np.newaxis])[0])
    return _interval(estimate, _spread(resampled), alpha, min(baseline.size, arm.size))


def _interval(estimate: float, spread: float, alpha: float, n: int) -> Interval:
    half = _t(alpha, n - 1) * spread * math.sqrt(n / (n - 1))
    return Interval(estimate, estimate - half, estimate + half, n)


def noise_floor(values: Array, rounds: int, seed: int, times: float = 1.0) -> float | None:
    """The ratio (above 1) under which 95 of 100 comparisons of identical arms stay, on this machine, by chance.

    Which side of an A/A pair is called the arm is arbitrary, so each difference counts with both signs, around 0.
    Student's t with one degree of freedom per pair makes up for how few they are.

    Args:
        values: Log ratios of the A/A pairs.
        rounds: Rounds of the comparison that the floor is for: more rounds, lower floor.
        seed: Of the drawing.
        times: How much wider what is compared spreads than one pair (contrasts of four arms).

    Returns:
        None with fewer than `MIN_ROUNDS` pairs.
    """
    if values.size < MIN_ROUNDS or rounds < 1:
        return None
    both = np.concatenate((values, -values)) * times
    drawn = both[np.random.default_rng(seed).integers(0, both.size, (RESAMPLES, rounds))]
    return math.exp(min(700.0, _t(0.05, values.size) * _spread(_pseudo_medians(drawn))))


def median(values: Sequence[float | None]) -> float | None:
    """Of what was measured; None where nothing was."""
    measured = [value for value in values if value is not None]
    return float(np.median(measured)) if measured else None
