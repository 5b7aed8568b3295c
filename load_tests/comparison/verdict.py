"""One arm against the baseline: which blocks count, and a verdict on each headline figure.

Blocks are paired by position: round i holds one block of each arm. A round counts only where both of its blocks were
measured to the end; leaving out one side alone would compare different moments. Intervals hold for all measured
figures of the pair together, so `confidence` is also the share of identical pairs in which no figure is called
different.

What that gives (simulated: nine figures, six A/A pairs, sd of a round's log ratio 4 %, confidence 95 %): with eight
rounds, 1 to 3 of 100 identical pairs are called different, and a true difference of 10 % in a figure is found in 92 of
100; with five rounds in about 54, with three in about 7. Where 8 % of all blocks are disturbed, eight rounds find it in
only about 37. A noisier machine than 4 % finds less; these are no promises about a real one.

Refused with a `LabError`, since no figure could mean anything: an empty side, blocks of one arm that were asked for
different things (only the seed may change from round to round), one block on both sides, A/A blocks that are not the
baseline's.

Processor time of the same work varies by ten percent and more from second to second on a shared host. Where both arms
give the generator exactly the same work (same protocol, batch, rate), its own processor time in the same block says how
fast the machine was just then, and the pipeline's is taken relative to it: a control variate with a known slope of 1
(A. M. Law, *Simulation Modeling and Analysis*, chapter 11). Where this was built the two correlate at 0.95, and the
scatter of a pair's ratio falls from 9.6 to 3.2 % (24 blocks of 2 s of pipeline B). What a slower pipeline makes the
generator pay more is lost by this: it can make a difference smaller, never larger.

Not here: the rule and its words (`judgement.py`), what else differs (`fairness.py`). Lost samples are not averaged:
`findings` (from `findings.py`) names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from load_tests.comparison import fairness, judgement
from load_tests.comparison.findings import findings, is_valid
from load_tests.comparison.statistics import (
    MIN_ROUNDS,
    Logs,
    log_ratios,
    median,
    noise_floor,
    paired_interval,
)
from load_tests.runs.figures import BY_KEY, HEADLINE, Figure
from load_tests.runs.schema import FigureVerdict, Pair, Run
from metrics_core.errors import LabError

OTHER_MACHINE: Final = (
    "not measured: the arms ran on different machines, whose times and costs cannot be compared"
)

__all__ = ["check_arm", "check_confidence", "compare", "findings", "is_valid"]

RELATIVE: Final = ", relative to the generator's own processor time in the same block"
_WORK: Final = (
    "protocol",
    "batch",
    "rate_per_s",
    "producers",
    "shape",
    "schedule",
    "duration_s",
    "generators",
)
"""What makes the generator's work."""

_MAY_VARY: Final = ("seed", "background_per_s")
"""From block to block of one arm: the one by design, the other because it is measured."""


def compare(
    baseline: str,
    arm: str,
    baseline_runs: Sequence[Run],
    arm_runs: Sequence[Run],
    noise: Sequence[tuple[Run, Run]],
    confidence: float,
    seed: int,
) -> Pair:
    """One arm against the baseline.

    Args:
        baseline, arm: Their names.
        baseline_runs, arm_runs: Their blocks by round. Where one side is shorter (interrupted), its rounds count.
        noise: A/A pairs: blocks of the baseline against itself.
        confidence: Of all intervals together, below 1.
        seed: Of the drawing; the same blocks and seed give the same verdicts.

    Raises:
        LabError: The blocks do not belong together; the text says which.
    """
    check_confidence(confidence)
    check_arm(baseline, baseline_runs)
    check_arm(arm, arm_runs)
    _check_sides(baseline, baseline_runs, arm, arm_runs, noise)
    rounds = [(a, b) for a, b in zip(baseline_runs, arm_runs, strict=False) if is_valid(a) and is_valid(b)]
    pairs = [(a, b) for a, b in noise if is_valid(a) and is_valid(b)]
    left_out = max(len(baseline_runs), len(arm_runs)) - len(rounds)
    lines = fairness.differences(*(rounds[0] if rounds else (baseline_runs[0], arm_runs[0])))
    attribution, attributable = fairness.attribution(lines)
    figures = _figures(rounds, pairs, confidence, seed, left_out)
    return Pair(baseline, arm, figures, lines, attribution, attributable)


def check_confidence(confidence: float) -> None:
    """Raises `LabError` unless it is a probability that an interval can have."""
    if not 0.5 <= confidence < 1:
        raise LabError(f"confidence is {confidence:g}, and must be at least 0.5 and below 1; 0.95 is usual")


def check_arm(name: str, runs: Sequence[Run]) -> None:
    """Raises `LabError` unless the runs whose figures stand are blocks of one arm: same plan, setup and machine.

    A block that broke down may not even know its setup; it has no part in any figure.
    """
    if not runs:
        raise LabError(f"there is no block of {name}; a comparison needs at least {MIN_ROUNDS} of each arm")
    valid = [run for run in runs if is_valid(run)]
    for run in valid[1:]:
        first = valid[0]
        found = _first_difference(first, run)
        if found:
            raise LabError(
                f"the blocks of {name} do not belong together: {found[0]} is {found[1]} in {first.id} and"
                f" {found[2]} in {run.id}; compare them as arms of their own"
            )


def _first_difference(a: Run, b: Run) -> tuple[str, str, str] | None:
    """The first thing in which two blocks of one arm must agree and do not."""
    left, right = _conditions(a), _conditions(b)
    for key, value in left.items():
        if key not in _MAY_VARY and value != right[key]:
            return key, f"{value}", f"{right[key]}"
    return None


def _conditions(run: Run) -> dict[str, Any]:
    """What must not change; that a file was touched meanwhile (`-dirty`) is no other build yet."""
    asdict = msgspec.structs.asdict
    revision = run.setup.revision.removesuffix("-dirty")
    return {**asdict(run.plan), **asdict(run.setup), "revision": revision, "machine": run.machine.id}


def _check_sides(
    baseline: str,
    baseline_runs: Sequence[Run],
    arm: str,
    arm_runs: Sequence[Run],
    noise: Sequence[tuple[Run, Run]],
) -> None:
    twice = {run.id for run in baseline_runs} & {run.id for run in arm_runs}
    if twice:
        raise LabError(f"block {min(twice)} stands on both sides, as {baseline} and as {arm}; name each once")
    for a, b in noise:
        if a.id == b.id:
            raise LabError(
                f"A/A block {a.id} is paired with itself; noise shows only between two measurements"
            )
    first = next(filter(is_valid, baseline_runs), baseline_runs[0])
    for run in (run for pair in noise for run in pair if is_valid(run)):
        found = _first_difference(first, run) if is_valid(first) else None
        if found:
            raise LabError(
                f"A/A block {run.id} is not the baseline's ({found[0]} is {found[2]}, not {found[1]}); the noise of"
                f" {baseline} can only be measured with blocks like its own"
            )


def _figures(
    rounds: Sequence[tuple[Run, Run]],
    noise: Sequence[tuple[Run, Run]],
    confidence: float,
    seed: int,
    left_out: int,
) -> list[FigureVerdict]:
    logs = {key: _logs(BY_KEY[key], rounds, _same_work(key, rounds)) for key in HEADLINE}
    measured = sum(not found.reason for found in logs.values())
    alpha = (1 - confidence) / max(1, measured)
    apart = bool(rounds) and rounds[0][0].machine.id != rounds[0][1].machine.id
    suffix = f" ({left_out} of {left_out + len(rounds)} rounds left out)" if left_out else ""
    figures = []
    for key, found in logs.items():
        line = _line(BY_KEY[key], rounds)
        if apart:
            line.note = OTHER_MACHINE
        elif found.reason:
            line.note = f"not measured: {found.reason}"
        else:
            relative = _same_work(key, rounds)
            _judge(line, found, _logs(BY_KEY[key], noise, relative), alpha, seed)
            line.note += RELATIVE if relative else ""
        line.note += _of_rounds(found, rounds) + suffix
        figures.append(line)
    return figures


def _same_work(key: str, rounds: Sequence[tuple[Run, Run]]) -> bool:
    """Whether a figure is processor time, and both arms give the generator the same work."""
    if key != "cpu" or not rounds:
        return False
    a, b = rounds[0][0].plan, rounds[0][1].plan
    return all(getattr(a, name) == getattr(b, name) for name in _WORK)


def _logs(figure: Figure, pairs: Sequence[tuple[Run, Run]], relative: bool = False) -> Logs:
    def value(run: Run) -> float | None:
        measured = figure.of(run)
        if not relative or measured is None:
            return measured
        return measured / run.generator.cpu_percent_total if run.generator.cpu_percent_total else None

    return log_ratios([value(a) for a, _ in pairs], [value(b) for _, b in pairs])


def _line(figure: Figure, rounds: Sequence[tuple[Run, Run]]) -> FigureVerdict:
    baseline = median([figure.of(a) for a, _ in rounds])
    arm = median([figure.of(b) for _, b in rounds])
    return FigureVerdict(figure.key, baseline, arm, None, None, "not measured", "")


def _judge(line: FigureVerdict, logs: Logs, noise: Logs, alpha: float, seed: int) -> None:
    """Fill in ratio, floor, verdict and note.

    Without a floor the interval must clear the margin of practical equivalence: noise that only A/A blocks would show
    is then not in it.
    """
    figure = BY_KEY[line.figure]
    interval = paired_interval(logs.values, alpha, seed).widened(judgement.resolution(figure))
    line.floor = noise_floor(noise.values, interval.n, seed)
    clear_of = judgement.MARGIN if line.floor is None else 1.0
    line.ratio = interval.ratio
    line.verdict = judgement.judge(interval, line.floor, figure.lower_is_better, clear_of)
    line.note = judgement.note(line.verdict, line.ratio, line.floor, figure.unit == "ms", clear_of)
    if line.floor is None:
        line.note += "; this machine's noise was not measured"


def _of_rounds(logs: Logs, rounds: Sequence[tuple[Run, Run]]) -> str:
    """Where a figure is missing in some rounds that count: in how many it is not."""
    n = logs.values.size
    return f" (measured in {n} of {len(rounds)} rounds)" if n and n < len(rounds) else ""
