"""Runs and comparisons as they would lie on disk, made up: no lab, no socket, no clock, always the same.

Shapes follow what the lab shows (pipeline A in milliseconds with five processes and Redis, pipeline B below one with
one process); the figures themselves mean nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from load_tests.runs import schema
from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedComparison, SavedRun
from metrics_core.ledger import format_ledger, parse_ledger, subtract
from tests.support.saved_run_parts import make_clocks, make_cost, make_histogram, make_series, make_setup

STARTED_AT_US: Final = 1_766_200_000_000_000
EPOCH: Final = "1766200000123456"
MACHINE: Final = schema.Machine("5f3a90c2", "AMD EPYC", 2, 25_300_000_000, "Linux 6.18.44", "3.11.7")
CROSSED: Final = ("http1", "http1-memory", "websocket-redis", "websocket")


def make_run(
    arm: str = "http1",
    *,
    number: int = 1,
    slowness: float = 1.0,
    rate_per_s: float = 1000.0,
    duration_s: int = 8,
    status: schema.Status = "complete",
    reasons: Sequence[str] = (),
    missing: schema.Intervals | None = None,
    events: Sequence[tuple[float, str]] = (),
) -> SavedRun:
    """One run.

    Args:
        arm: `http1`, `http2`, `websocket`, `http1-memory`, `websocket-redis`, … or any text (then like `http1`).
        number: Its place in the order of a comparison: part of its name, its time and its chance.
        slowness: Every latency is multiplied by this.
        missing: Lost identities. Those of producer `load-00` and of `EPOCH` make a consistent run; any others serve
            tests that only look at texts.
        events: Markers: seconds and text.
    """
    protocol, store = _kind(arm)
    chance = random.Random(f"{arm} {number}")
    wobble = slowness * chance.uniform(0.97, 1.03)
    samples = int(rate_per_s * duration_s)
    lost = sum(
        high - low + 1
        for epochs in (missing or {}).values()
        for each in epochs.values()
        for low, high in each
    )
    middle_ms = (4.7 if store == "redis" else 0.12) * wobble
    ack_ms = middle_ms * 0.6 + (0 if store == "redis" else 0.2 * wobble)
    tail = 0.34 if store == "redis" else 0.5
    histograms = {
        "accepted": make_histogram(ack_ms, tail, samples),
        "accepted_uncorrected": make_histogram(ack_ms * 0.97, tail * 0.8, samples),
        "processed": make_histogram(middle_ms, tail * 1.1, samples - lost),
        "visible": make_histogram(middle_ms + 130, 0.3, samples - lost),
        "visible_uncorrected": make_histogram(middle_ms + 128, 0.29, samples - lost),
        "lateness": make_histogram(0.08, 0.4, samples),
    }
    plan = schema.Plan(
        arm, protocol, store, rate_per_s, 1, 50, "steady", "poisson", float(duration_s), 2.0, 7
    )
    run = schema.Run(
        id=f"{number:02d}-{arm.replace('/', '-')}",
        started_at_us=STARTED_AT_US + number * 15_000_000,
        status=status,
        reasons=list(reasons),
        plan=plan,
        setup=make_setup(protocol, store),
        machine=MACHINE,
        counts=schema.Counts(
            created=samples, acked=samples, processed=samples - lost, lost=lost, duplicates=3
        ),
        missing=missing or {},
        clocks=make_clocks(histograms),
        cost=make_cost(protocol, store, samples, chance),
        generator=schema.Generator(18.5, 24.0, 0.08, 0.31, 1.0, 80.0, samples, 0),
        events=[schema.Event(at_s, text) for at_s, text in events],
    )
    everything = {"load-00": {EPOCH: [[0, samples - 1]]}}
    known = {"load-00": {EPOCH: (missing or {}).get("load-00", {}).get(EPOCH, [])}}
    kept = subtract(parse_ledger(everything), parse_ledger(known))
    ledger = {"created": everything, "acked": everything, "rejected": {}, "processed": format_ledger(kept)}
    return SavedRun(Path(run.id), run, histograms, make_series(run, middle_ms, chance), ledger)


def make_comparison(
    arms: Sequence[str] = ("http1", "http2", "websocket"),
    *,
    rounds: int = 2,
    noise: int = 2,
    crossed: bool = False,
    findings: Sequence[str] = (),
    status: schema.Status = "complete",
    **last_block: Any,
) -> SavedComparison:
    """A comparison with `2 * rounds` blocks an arm in turns (ABBA), A/A blocks first.

    Args:
        crossed: With the effects of the 2 × 2; the arms are then `CROSSED`.
        last_block: Arguments of `make_run` for the very last block, to plant something in it.
    """
    arms = CROSSED if crossed else arms
    order = [arm for _ in range(rounds) for arm in (*arms, *reversed(arms))]
    aa = [make_run(arms[0], number=number) for number in range(1, noise + 1)]
    blocks: dict[str, list[SavedRun]] = {arm: [] for arm in arms}
    for place, arm in enumerate(order):
        planted = last_block if place == len(order) - 1 else {}
        blocks[arm].append(make_run(arm, number=noise + 1 + place, **planted))
    comparison = schema.Comparison(
        id="20251220-0306-compare",
        started_at_us=STARTED_AT_US,
        ended_at_us=STARTED_AT_US + 180_000_000,
        status=status,
        findings=list(findings),
        arms=list(arms),
        blocks={arm: [saved.run.id for saved in runs] for arm, runs in blocks.items()},
        order=order,
        noise_blocks=[saved.run.id for saved in aa],
        interleaved=True,
        rounds=rounds,
        seed=7,
        confidence=0.95,
        pairs=[_pair(blocks, arms[0], arm) for arm in arms[1:]],
        effects=_effects() if crossed else [],
        command=f"python3 lab.py compare --run {','.join(arms)} --seed 7",
    )
    return SavedComparison(Path(comparison.id), comparison, blocks, aa)


def _kind(arm: str) -> tuple[schema.Protocol, schema.Store]:
    name = arm.partition(":")[0]
    protocol: schema.Protocol = (
        "websocket" if name.startswith("websocket") else "http2" if "http2" in name else "http1"
    )
    in_memory = name == "websocket" or name.endswith("-memory")
    return protocol, "memory" if in_memory else "redis"


def _pair(blocks: dict[str, list[SavedRun]], baseline: str, arm: str) -> schema.Pair:
    verdicts = []
    for figure in FIGURES:
        of = [[v for s in blocks[name] if (v := figure.of(s.run)) is not None] for name in (baseline, arm)]
        base, other = (median(values) if values else None for values in of)
        if base is None or other is None or not base:
            verdicts.append(
                schema.FigureVerdict(
                    figure.key, base, other, None, None, "not measured", "No figure to compare."
                )
            )
            continue
        estimate = other / base
        verdict: schema.Verdict = (
            "tie" if 1 / 1.05 < estimate < 1.05 else "better" if estimate < 1 else "worse"
        )
        note = f"{arm} takes {estimate:.3g} times what {baseline} takes."
        ratio = schema.Ratio(estimate, estimate * 0.96, estimate * 1.04)
        verdicts.append(schema.FigureVerdict(figure.key, base, other, ratio, 1.05, verdict, note))
    first, second = (blocks[name][0].run for name in (baseline, arm))
    fairness = [
        _difference("protocol", first.plan.protocol, second.plan.protocol, "Another protocol carries other headers."),
        _difference("store", first.plan.store, second.plan.store, "What is only in memory is gone after a crash."),
        _difference(
            "acknowledgement", first.setup.acknowledgement, second.setup.acknowledgement,
            "The accepted clocks stop at different promises.",
        ),
        _difference("fsync", first.setup.fsync, second.setup.fsync, "Waiting for the disk takes time."),
        _difference("processes", str(first.setup.processes), str(second.setup.processes), "Each needs memory."),
        _difference("batch", "1", "1", ""),
        _difference("connections", "50", "50", ""),
    ]  # fmt: skip
    several = sum(each.differs for each in fairness) > 1
    said = (
        "Several factors differ, so no difference can be put down to one of them."
        if several
        else "Only the protocol differs: the differences may be put down to it."
    )
    return schema.Pair(baseline, arm, verdicts, fairness, said, not several)


def _difference(factor: str, baseline: str, arm: str, effect: str) -> schema.Difference:
    differs = baseline != arm
    return schema.Difference(factor, baseline, arm, differs, effect if differs else "")


def _effects() -> list[schema.Effect]:
    found = []
    for figure in ("processed_p50", "processed_p99", "cpu"):
        found += [
            schema.Effect(
                figure,
                "transport",
                schema.Ratio(0.97, 0.92, 1.03),
                "tie",
                "The way in makes no difference to be seen.",
            ),
            schema.Effect(
                figure,
                "store",
                schema.Ratio(0.026, 0.024, 0.028),
                "better",
                "The store makes nearly all the difference.",
            ),
            schema.Effect(
                figure,
                "interaction",
                schema.Ratio(1.11, 1.06, 1.17),
                "worse",
                "With memory the way in counts for more.",
            ),
        ]
    return found
