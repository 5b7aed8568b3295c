"""The highest rate that a pipeline sustains: processed p99 under a bound, and a backlog that stays flat. Pure.

First the rate is doubled until a probe fails (or halved until one holds), then the interval between the highest that
held and the lowest that failed is halved (on a log scale) down to `PRECISION`. One hiccup of the machine must not
decide: a rate fails only where two of three probes fail, and the answer must hold in two of three, else it is lowered,
by steps that double, until one does.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Final, Literal

from msgspec import Struct

from load_tests.runs.schema import Run, Series

PRECISION: Final = 1.05
"""The search ends when the failing rate is within this factor of the holding one."""
MOST_PROBES: Final = 40
"""Before the answer is confirmed; confirming takes few."""
CONFIRM: Final = 3
MOST_LAG_PER_S: Final = 0.02
"""How much later, in s per s, processing may fall behind sending: beyond it the backlog grows without end."""

Outcome = Literal["holds", "fails", "generator"]


class Probe(Struct, frozen=True):
    """One run at one rate.

    Attributes:
        rate_per_s: Offered, samples/s.
        outcome: `generator`: the generator could not offer it, so nothing is known about the pipeline.
        p99_ms: Processed, corrected; None where unknown.
        lag_per_s: See `MOST_LAG_PER_S`.
        why: What failed; empty where it holds.
    """

    rate_per_s: float
    outcome: Outcome
    p99_ms: float | None
    lag_per_s: float
    why: str


class Sustained(Struct, frozen=True):
    """What a search found.

    Attributes:
        rate_per_s: The highest rate that held; 0: none did.
        limited_by: `pipeline`, or `generator`: then the pipeline may take more.
        probes: All, in order.
    """

    rate_per_s: float
    limited_by: Literal["pipeline", "generator"]
    probes: list[Probe]


def judge(run: Run, series: Series, bound_ms: float) -> Probe:
    """Whether a pipeline sustained the rate of a run.

    Args:
        run: Measured.
        series: Its time series.
        bound_ms: Processed p99 may be this much.
    """
    rate = run.plan.rate_per_s
    clock = run.clocks.get("processed")
    p99_ms = clock.corrected.p99 if clock else None
    lag = lag_per_s(series, rate)
    outcome: Outcome = "fails"
    if run.status == "void":
        outcome, why = "generator", "; ".join(run.reasons)
    elif run.status != "complete":
        why = "; ".join(run.reasons) or run.status
    elif run.counts.lost or run.counts.refused or run.counts.rejected:
        why = f"{run.counts.lost} lost, {run.counts.refused} refused, {run.counts.rejected} rejected"
    elif p99_ms is None or p99_ms > bound_ms:
        why = "processed p99 is not known" if p99_ms is None else f"processed p99 {p99_ms:.1f} ms"
    elif lag > MOST_LAG_PER_S:
        why = f"the backlog grows: {1000 * lag:.0f} ms later every second"
    else:
        outcome, why = "holds", ""
    return Probe(rate, outcome, p99_ms, lag, why)


def lag_per_s(series: Series, rate_per_s: float) -> float:
    """How much further behind processing falls per second, in s/s: the slope over the last two thirds.

    Of a steady run: what was created and not processed (acknowledged, where processing is not known of every second),
    divided by the rate, is how far behind it is.
    """
    n = sum(1 for each in series.created_per_s if each > 0)
    processed = [each for each in series.processed_per_s[:n] if each is not None]
    created = list(accumulate(series.created_per_s))
    done = list(accumulate(processed if len(processed) == n else series.acked_per_s))
    start = n // 3
    behind = [(c - d) / rate_per_s for c, d in zip(created[start:n], done[start:n], strict=True)]
    if len(behind) < 2:
        return 0.0
    middle, mean = (len(behind) - 1) / 2, sum(behind) / len(behind)
    slope = sum((i - middle) * (each - mean) for i, each in enumerate(behind))
    return slope / sum((i - middle) ** 2 for i in range(len(behind)))


def sustainable_rate(
    probe: Callable[[float], Probe], first_per_s: float, highest_per_s: float, lowest_per_s: float = 1.0
) -> Sustained:
    """Search for the highest rate that holds.

    Args:
        probe: Measures one rate.
        first_per_s: Where to begin; the nearer end where it lies beyond one.
        highest_per_s, lowest_per_s: Where to end.
    """
    probes: list[Probe] = []

    def ask(rate: float) -> Probe:
        probes.append(probe(rate))
        return probes[-1]

    first = max(lowest_per_s, min(first_per_s, highest_per_s))
    holds, fails = _bracket(ask, first, highest_per_s, lowest_per_s, probes)
    while holds and fails and fails / holds > PRECISION and len(probes) < MOST_PROBES:
        middle = (holds * fails) ** 0.5
        if _stands(ask, middle, probes):
            holds = middle
        else:
            fails = middle
    step = PRECISION
    while holds and not _confirmed(ask, holds, probes):
        fails = holds
        holds = holds / step if holds / step >= lowest_per_s else 0.0
        step *= step
    last_failure = next((p for p in reversed(probes) if p.outcome != "holds" and p.rate_per_s == fails), None)
    by_generator = last_failure is None or last_failure.outcome == "generator"
    return Sustained(holds, "generator" if by_generator else "pipeline", probes)


def _bracket(
    ask: Callable[[float], Probe], first: float, highest: float, lowest: float, probes: list[Probe]
) -> tuple[float, float]:
    """A rate that holds (0: none) and one that fails (0: none)."""
    holds = fails = 0.0
    rate = first
    while len(probes) < MOST_PROBES:
        if _stands(ask, rate, probes):
            holds = rate
            if fails or rate >= highest:
                break
            rate = min(highest, 2 * rate)
        else:
            fails = rate
            if holds or rate <= lowest:
                break
            rate = max(lowest, rate / 2)
    return holds, fails


def _stands(ask: Callable[[float], Probe], rate: float, probes: list[Probe]) -> bool:
    """The first probe of a rate holds, or the next two do: for the search that is enough, the answer is confirmed."""
    return ask(rate).outcome == "holds" or _confirmed(ask, rate, probes)


def _confirmed(ask: Callable[[float], Probe], rate: float, probes: list[Probe]) -> bool:
    """Two of three probes of a rate hold, those that were made before included."""
    held = [p.outcome == "holds" for p in probes if p.rate_per_s == rate]
    while len(held) < CONFIRM and sum(held) < 2 and len(held) - sum(held) < 2:
        held.append(ask(rate).outcome == "holds")
    return sum(held) >= 2
