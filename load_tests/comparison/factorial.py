"""The 2 × 2: transport (HTTP or WebSocket) and store (Redis or memory), told apart by their crossovers.

                  Redis              memory
    HTTP          http1              http1-memory
    WebSocket     websocket-redis    websocket

On the log scale, per round (a block of each of the four arms):

- transport = half of (websocket − http1-memory) + (websocket-redis − http1): WebSocket over HTTP, whatever the store;
- store     = half of (websocket − websocket-redis) + (http1-memory − http1): memory over Redis, whatever the transport;
- interaction = (websocket − http1-memory) − (websocket-redis − http1): how much more (or less) WebSocket changes in
  front of memory than in front of Redis. 1: the two factors simply multiply.

(Fisher's factorial design; see Box, Hunter and Hunter, *Statistics for Experimenters*, chapter 5.) What disturbs a
whole round disturbs all four arms and drops out. The interaction of four blocks spreads √2 times as wide as the
ratio of two, a main effect 1/√2 times: the noise floor, known from pairs, is scaled so.

Intervals hold for all effects on all figures together. Where the interaction is not 1, a main effect is an average
over two unlike cases, and its note says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from load_tests.comparison import judgement
from load_tests.comparison.findings import is_valid
from load_tests.comparison.statistics import (
    MIN_ROUNDS,
    Array,
    log_ratios,
    noise_floor,
    paired_interval,
)
from load_tests.comparison.verdict import check_arm, check_confidence
from load_tests.runs.figures import BY_KEY, HEADLINE, Figure
from load_tests.runs.schema import Effect, Ratio, Run, Verdict
from metrics_core.errors import LabError

ARMS: Final = ("http1", "http1-memory", "websocket-redis", "websocket")
"""All four are needed, in this order below."""

FactorName = Literal["transport", "store", "interaction"]


class _Contrast(NamedTuple):
    """An effect: weights of the logs of `ARMS`, and how much wider than a pair's ratio it spreads."""

    weights: tuple[float, float, float, float]
    spread: float


_CONTRASTS: Final[dict[FactorName, _Contrast]] = {
    "transport": _Contrast((-0.5, -0.5, 0.5, 0.5), math.sqrt(0.5)),
    "store": _Contrast((-0.5, 0.5, -0.5, 0.5), math.sqrt(0.5)),
    "interaction": _Contrast((1, -1, -1, 1), math.sqrt(2)),
}
_CHANGE: Final = {
    "transport": ("WebSocket instead of HTTP", "whichever store is behind it"),
    "store": ("memory instead of Redis", "whichever transport is in front of it"),
}


def effects(
    runs: Mapping[str, Sequence[Run]], noise: Sequence[tuple[Run, Run]], confidence: float, seed: int
) -> list[Effect]:
    """Main effects and interaction on every headline figure that all four arms have.

    Args:
        runs: Blocks by arm, in the order of the rounds; other arms may be there too.
        noise: A/A pairs.
        confidence: Of all intervals together.
        seed: Of the drawing.

    Returns:
        Empty where one of the four arms is not there, where they are not on one machine, or where fewer than
        `MIN_ROUNDS` rounds have all four.

    Raises:
        LabError: The blocks of an arm do not belong together, or the arms differ in rate or batch, so that the
            effects would not be those of transport and store.
    """
    check_confidence(confidence)
    if any(not runs.get(arm) for arm in ARMS):
        return []
    for arm in ARMS:
        check_arm(arm, runs[arm])
    rounds = [
        blocks for blocks in zip(*(runs[arm] for arm in ARMS), strict=False) if all(map(is_valid, blocks))
    ]
    pairs = [(a, b) for a, b in noise if is_valid(a) and is_valid(b)]
    if len(rounds) < MIN_ROUNDS or len({run.machine.id for run in rounds[0]}) > 1:
        return []
    _check_alike(rounds[0])
    logs = {key: values for key in HEADLINE if (values := _logs(BY_KEY[key], rounds)) is not None}
    alpha = (1 - confidence) / max(1, len(logs) * len(_CONTRASTS))
    found: list[Effect] = []
    for key, values in logs.items():
        figure = BY_KEY[key]
        chance = log_ratios([figure.of(a) for a, _ in pairs], [figure.of(b) for _, b in pairs]).values
        found += _of_figure(figure, values, chance, alpha, seed)
    return found


def _check_alike(blocks: Sequence[Run]) -> None:
    one = blocks[0].plan
    for arm, run in zip(ARMS, blocks, strict=True):
        for key in ("rate_per_s", "batch", "producers", "shape", "schedule", "duration_s"):
            mine, other = getattr(one, key), getattr(run.plan, key)
            if mine != other:
                raise LabError(
                    f"transport and store cannot be told apart: {key} is {mine} for {ARMS[0]} and {other} for"
                    f" {arm}; run all four arms alike"
                )


def _logs(figure: Figure, rounds: Sequence[tuple[Run, ...]]) -> Array | None:
    """ln of the values, one row per round that has all four, one column per arm; None where there are too few."""
    rows = []
    for blocks in rounds:
        values = [value for run in blocks if (value := figure.of(run)) is not None]
        if len(values) == len(ARMS):
            rows.append(values)
    table = np.array(rows)
    if len(rows) < MIN_ROUNDS or not np.isfinite(table).all() or (table <= 0).any():
        return None
    result: Array = np.log(table)
    return result


def _of_figure(figure: Figure, logs: Array, chance: Array, alpha: float, seed: int) -> list[Effect]:
    found: dict[FactorName, tuple[Ratio, Verdict, float | None, float]] = {}
    for factor, contrast in _CONTRASTS.items():
        values = logs @ np.array(contrast.weights)
        interval = paired_interval(values, alpha, seed).widened(judgement.resolution(figure))
        floor = noise_floor(chance, interval.n, seed, contrast.spread)
        clear_of = judgement.MARGIN if floor is None else 1.0
        verdict = judgement.judge(interval, floor, figure.lower_is_better, clear_of)
        found[factor] = (interval.ratio, verdict, floor, clear_of)
    averaged = found["interaction"][1] in ("better", "worse")
    return [
        Effect(
            figure.key,
            factor,
            ratio,
            verdict,
            _note(factor, figure, ratio, verdict, floor, clear_of, averaged),
        )
        for factor, (ratio, verdict, floor, clear_of) in found.items()
    ]


def _note(
    factor: FactorName,
    figure: Figure,
    ratio: Ratio,
    verdict: Verdict,
    floor: float | None,
    clear_of: float,
    averaged: bool,
) -> str:
    long = figure.unit == "ms"
    text = judgement.note(verdict, ratio, floor, long, clear_of)
    called = verdict in ("better", "worse")
    if factor == "interaction":
        if called:
            return (
                f"{figure.title}: the two factors do not simply multiply: what WebSocket changes is"
                f" {judgement.times(ratio)} as large a factor over memory as over Redis"
            )
        if verdict == "tie":
            apart = judgement.furthest(ratio)
            within = "" if apart == "0 %" else f", to within {apart}"
            return f"{figure.title}: the two factors simply multiply{within}"
        return f"{figure.title}, whether the two factors simply multiply: {text}"
    change, whichever = _CHANGE[factor]
    if not called:
        return f"{change}, {figure.title}: {text}"
    tail = "on average; it depends on the other factor, see the interaction" if averaged else whichever
    return f"{change}: {text} ({figure.title}), {tail}"
