"""Universal Scalability Law: how throughput grows with workers (or producers), and what stops it.

    X(N) = λ N / (1 + σ (N − 1) + κ N (N − 1))

λ is what one alone does. σ (contention): the share of work that cannot be done side by side; throughput levels off at
λ/σ. κ (crosstalk): what each pair costs in keeping agreed; throughput has a peak at √((1 − σ)/κ) and falls after it.
(N. J. Gunther, *Guerrilla Capacity Planning*, 2007, chapters 4–6.)

The fit is least squares on relative residuals (measured over fitted − 1), so that a point at one worker counts as
much as one at eight. λ, σ and κ cannot be negative. Intervals are the 95 % of the linearised fit at its optimum
(Jacobian, residual variance, Student's t), cut off at 0.

Points are measured, never extrapolated: `Fit.statement` says in words when the law is not supported by them, and
then its parameters must not be quoted.

Not here: how points are measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import optimize, stats

from metrics_core.errors import LabError

MIN_POINTS: Final = 4
"""Three points fit three parameters whatever they are."""
WORST_RESIDUAL: Final = 0.10
_NEGLIGIBLE: Final = 1e-6
"""σ or κ below this is 0: over any N that is measured here it changes nothing."""
_ILL_CONDITIONED: Final = 1e6
"""Of the Jacobian: beyond, some mixture of the parameters changes nothing at any point that was measured."""

Array = NDArray[np.float64]


class Parameter(Struct, frozen=True, forbid_unknown_fields=True):
    """A fitted value and its 95 % interval; `low` and `high` are None where the points do not determine it."""

    value: float
    low: float | None
    high: float | None


class Point(Struct, frozen=True, forbid_unknown_fields=True):
    """A measured point and what the law says there.

    Attributes:
        n: Workers, or producers.
        measured, fitted: Throughput per second.
        residual: measured / fitted − 1.
    """

    n: int
    measured: float
    fitted: float
    residual: float


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """A fit of the law.

    Attributes:
        rate: λ, throughput of one alone, per second.
        contention: σ.
        crosstalk: κ.
        points: In order of n.
        r_squared: Share of the variance of the throughputs that the law explains; None where all are the same.
        peak_n: Where throughput is highest; None where it has no peak (κ = 0), or the peak is not beyond 1.
        peak_rate: Throughput there.
        supported: Whether the parameters may be quoted.
        statement: In words: what the fit says, or why it says nothing.
    """

    rate: Parameter
    contention: Parameter
    crosstalk: Parameter
    points: list[Point]
    r_squared: float | None
    peak_n: float | None
    peak_rate: float | None
    supported: bool
    statement: str


def throughput(n: Array, rate: float, contention: float, crosstalk: float) -> Array:
    """X(N)."""
    result: Array = rate * n / (1 + contention * (n - 1) + crosstalk * n * (n - 1))
    return result


def fit(points: Sequence[tuple[int, float]]) -> Fit:
    """Fit the law to measured (N, throughput per second); several points may have the same N.

    Raises:
        LabError: No point, or one that is no measurement (N < 1, throughput ≤ 0 or not finite).
    """
    _check(points)
    ordered = sorted(points)
    n = np.array([point[0] for point in ordered], dtype=np.float64)
    x = np.array([point[1] for point in ordered], dtype=np.float64)
    scale = float(x[0] / n[0])

    def residuals(parameters: Array) -> Array:
        return throughput(n, parameters[0] * scale, parameters[1], parameters[2]) / x - 1

    starts = ((1.0, 0.05, 0.001), (1.0, 0.5, 0.0), (1.0, 0.0, 0.05))
    found = min(
        (optimize.least_squares(residuals, start, bounds=((1e-9, 0, 0), np.inf), xtol=1e-14, ftol=1e-14, gtol=1e-14)
         for start in starts),
        key=lambda result: float(result.cost),
    )  # fmt: skip
    values = np.where(found.x < _NEGLIGIBLE, 0.0, found.x) * np.array([scale, 1.0, 1.0])
    half = _half_widths(np.asarray(found.jac), residuals(found.x)) * np.array([scale, 1.0, 1.0])
    parameters = [_parameter(float(value), float(width)) for value, width in zip(values, half, strict=True)]
    rate, contention, crosstalk = (float(value) for value in values)
    fitted = throughput(n, rate, contention, crosstalk)
    rows = [Point(int(a), float(b), float(c), float(b / c - 1)) for a, b, c in zip(n, x, fitted, strict=True)]
    peak = _peak(contention, crosstalk)
    peak_rate = None if peak is None else float(throughput(np.array([peak]), rate, contention, crosstalk)[0])
    reasons = _doubts(rows, parameters)
    statement = (
        f"The points do not support the law: {'; '.join(reasons)}."
        if reasons
        else _words(rate, contention, crosstalk, peak, peak_rate, int(n.max()))
    )
    return Fit(
        parameters[0],
        parameters[1],
        parameters[2],
        rows,
        _r_squared(x, fitted),
        peak,
        peak_rate,
        not reasons,
        statement,
    )


def _check(points: Sequence[tuple[int, float]]) -> None:
    if not points:
        raise LabError("there is no point to fit the scalability law to; measure at least four")
    for n, x in points:
        if n < 1 or not math.isfinite(x) or x <= 0:
            raise LabError(f"({n}, {x:g}) is no measured point: N must be at least 1 and throughput above 0")


def _half_widths(jacobian: Array, residuals: Array) -> Array:
    """Half the 95 % interval of each parameter; inf where the points do not determine it."""
    freedom = len(residuals) - jacobian.shape[1]
    if freedom < 1 or np.linalg.cond(jacobian) > _ILL_CONDITIONED:
        return np.full(jacobian.shape[1], np.inf)
    variance = float(residuals @ residuals) / freedom
    spread = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * variance)
    result: Array = spread * float(stats.t.ppf(0.975, freedom))
    return result


def _parameter(value: float, half: float) -> Parameter:
    if not math.isfinite(half):
        return Parameter(value, None, None)
    return Parameter(value, max(0.0, value - half), value + half)


def _peak(contention: float, crosstalk: float) -> float | None:
    if crosstalk <= 0 or contention >= 1:
        return None
    peak = math.sqrt((1 - contention) / crosstalk)
    return peak if peak > 1 else None


def _r_squared(measured: Array, fitted: Array) -> float | None:
    total = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((measured - fitted) ** 2).sum()) / total if total else None


def _doubts(rows: Sequence[Point], parameters: Sequence[Parameter]) -> list[str]:
    """Why the parameters must not be quoted; empty where they may be."""
    different = len({row.n for row in rows})
    if different < MIN_POINTS:
        return [f"{different} different N, and its three parameters need at least {MIN_POINTS}"]
    doubts = []
    worst = max(rows, key=lambda row: abs(row.residual))
    if abs(worst.residual) > WORST_RESIDUAL:
        way = "above" if worst.residual > 0 else "below"
        doubts.append(
            f"at N = {worst.n} the measured throughput is {100 * abs(worst.residual):.0f} % {way} the fitted one"
        )
    rate, contention, crosstalk = parameters
    if rate.low is None or contention.high is None or crosstalk.high is None:
        doubts.append("they do not determine contention and crosstalk")
    elif contention.low == 0 == crosstalk.low and contention.high > 0.2 and rate.high is not None:
        doubts.append(
            "contention and crosstalk cannot be told apart"
            f" (contention anything from 0 to {contention.high:.2g}, crosstalk from 0 to {crosstalk.high:.2g})"
        )
    return doubts


def _words(
    rate: float, contention: float, crosstalk: float, peak: float | None, peak_rate: float | None, most: int
) -> str:
    text = f"One alone does {rate:,.0f}/s"
    if not contention and not crosstalk:
        return f"{text}, and up to {most} throughput grows in proportion."
    if contention:
        text += f"; {100 * contention:.1f} % of the work cannot be done side by side"
    if peak is None or peak_rate is None:
        return f"{text}; throughput levels off{f' towards {rate / contention:,.0f}/s' if contention else ''}."
    place = (
        ""
        if peak <= most
        else f" (beyond {most}, the most that was measured: a calculation, not a measurement)"
    )
    return f"{text}; throughput is highest at about {peak:.0f}, with {peak_rate:,.0f}/s{place}."
