"""Runs and comparisons as they would lie on disk, made up: no lab, no sockets, no clock, the same for the same arguments.

Shapes follow what the lab shows (pipeline A in milliseconds with five processes and Redis, pipeline B below one with
one process); the figures themselves mean nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist, median
from typing import Any, Final

from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedComparison, SavedRun
from load_tests.runs.schema import (
    Clock, Comparison, Cost, Counts, Difference, Effect, Event, FigureVerdict, Generator, Intervals, Machine, Pair,
    Plan, ProcessCost, Protocol, Quantiles, Ratio, RedisCost, Run, Series, Setup, Status, Store, Verdict, Wire,
)  # fmt: skip
from metrics_core.histogram import Histogram

STARTED_AT_US: Final = 1_766_200_000_000_000
EPOCH: Final = "1766200000123456"
MACHINE: Final = Machine("5f3a90c2", "AMD EPYC", 2, 25_300_000_000, "Linux 6.18.44", "3.11.7")
CROSSED: Final = ("http1", "http1-memory", "websocket-redis", "websocket")

_DRAIN_S: Final = 2
_NORMAL: Final = NormalDist()
_POINTS: Final = 400
_SAID: Final = {"http1": "HTTP/1.1", "http2": "HTTP/2", "websocket": "WebSocket 13"}


def make_run(
    arm: str = "http1",
    *,
    number: int = 1,
    slowness: float = 1.0,
    rate_per_s: float = 1000.0,
    duration_s: int = 8,
    status: Status = "complete",
    reasons: Sequence[str] = (),
    missing: Intervals | None = None,
    events: Sequence[tuple[float, str]] = (),
) -> SavedRun:
    """One run.

    Args:
        arm: `http1`, `http2`, `websocket`, `http1-memory`, `websocket-redis`, … or any text (then like `http1`).
        number: Its place in the order of a comparison: part of its name, its time and its chance.
        slowness: Every latency is multiplied by this.
        missing: Lost identities.
        events: Markers: seconds and text.
    """
    protocol, store = _kind(arm)
    chance = random.Random(f"{arm} {number}")
    wobble = slowness * chance.uniform(0.97, 1.03)
    samples = int(rate_per_s * duration_s)
    lost = sum(high - low + 1 for epochs in (missing or {}).values() for each in epochs.values() for low, high in each)
    middle_ms = (4.7 if store == "redis" else 0.12) * wobble
    ack_ms = middle_ms * 0.6 + (0 if store == "redis" else 0.2 * wobble)
    tail = 0.34 if store == "redis" else 0.5
    histograms = {
        "accepted": _histogram(ack_ms, tail, samples),
        "accepted_uncorrected": _histogram(ack_ms * 0.97, tail * 0.8, samples),
        "processed": _histogram(middle_ms, tail * 1.1, samples - lost),
        "visible": _histogram(middle_ms + 130, 0.3, samples - lost),
        "visible_uncorrected": _histogram(middle_ms + 128, 0.29, samples - lost),
        "lateness": _histogram(0.08, 0.4, samples),
    }
    plan = Plan(arm, protocol, store, rate_per_s, 1, 50, "steady", "poisson", float(duration_s), 2.0, 7)
    run = Run(
        id=f"{number:02d}-{arm.replace('/', '-')}",
        started_at_us=STARTED_AT_US + number * 15_000_000,
        status=status,
        reasons=list(reasons),
        plan=plan,
        setup=_setup(protocol, store),
        machine=MACHINE,
        counts=Counts(created=samples, acked=samples, processed=samples - lost, lost=lost, duplicates=3),
        missing=missing or {},
        clocks=_clocks(histograms),
        cost=_cost(protocol, store, samples, chance),
        generator=Generator(18.5, 24.0, 0.08, 0.31, 1.0, 80.0, samples, 0),
        events=[Event(at_s, text) for at_s, text in events],
    )
    ledger: dict[str, Intervals] = {
        "created": {"load-00": {EPOCH: [[0, samples - 1]]}},
        "acked": {"load-00": {EPOCH: [[0, samples - 1]]}},
        "rejected": {},
        "processed": {"load-00": {EPOCH: [[0, samples - 1]]}},
    }
    return SavedRun(Path(run.id), run, histograms, _series(run, middle_ms, chance), ledger)


def make_comparison(
    arms: Sequence[str] = ("http1", "http2", "websocket"),
    *,
    rounds: int = 2,
    noise: int = 2,
    crossed: bool = False,
    findings: Sequence[str] = (),
    status: Status = "complete",
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
    comparison = Comparison(
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


def _kind(arm: str) -> tuple[Protocol, Store]:
    name = arm.partition(":")[0]
    protocol: Protocol = "websocket" if name.startswith("websocket") else "http2" if "http2" in name else "http1"
    in_memory = name == "websocket" or name.endswith("-memory")
    return protocol, "memory" if in_memory else "redis"


def _setup(protocol: Protocol, store: Store) -> Setup:
    redis = store == "redis"
    return Setup(
        acknowledgement="on disk" if redis else "in memory", fsync="always" if redis else "none",
        workers=2 if redis else 0, ingest_processes=1, processes=5 if redis else 1, compression="none", tls=False,
        negotiated=_SAID[protocol], build="this folder", revision="4eca2ef", own_lab=True, background_per_s=0.0,
        versions={"starlette": "1.10.0", "websockets": "17.4", "valkey": "9.1.2"},
    )  # fmt: skip


def _histogram(middle_ms: float, tail: float, n: int) -> Histogram:
    """Log-normal around `middle_ms`, exact by its inverse; every 200th value ten times as far out."""
    histogram = Histogram()
    for point in range(_POINTS):
        share = (point + 0.5) / _POINTS
        value_ms = middle_ms * 2.718 ** (tail * _NORMAL.inv_cdf(share))
        count = n * (point + 1) // _POINTS - n * point // _POINTS
        histogram.add(round(value_ms * 1000 * (3 if point == _POINTS - 1 else 1)), count)
    return histogram


def _clocks(histograms: dict[str, Histogram]) -> dict[str, Clock]:
    def quantiles(name: str) -> Quantiles | None:
        histogram = histograms.get(name)
        if histogram is None:
            return None
        return Quantiles(histogram.n, *(us / 1000 for us in histogram.quantiles_us([0.5, 0.9, 0.99, 0.999, 1])))

    found = {}
    for name in ("accepted", "processed", "visible"):
        corrected = quantiles(name)
        assert corrected is not None
        found[name] = Clock(corrected, quantiles(f"{name}_uncorrected"))
    return found


def _cost(protocol: Protocol, store: Store, samples: int, chance: random.Random) -> Cost:
    redis = store == "redis"
    names = {"ingest": 0.36, "worker-1": 0.24, "worker-2": 0.23, "fanout": 0.03, "redis": 0.14}
    shares = names if redis else {"pipeline-b": 1.0}
    cpu_s = samples / 1000 * (1.05 if redis else 0.09) * chance.uniform(0.97, 1.03)
    processes = [
        ProcessCost(name, cpu_s * share * 0.7, cpu_s * share * 0.3, int(4.1e7), int(cpu_s * share * 900), int(cpu_s * 40))
        for name, share in shares.items()
    ]  # fmt: skip
    sent, received = {"http1": (370, 150), "http2": (260, 60), "websocket": (215, 4)}[protocol]
    wire = Wire(
        sent * samples, received * samples, (sent + 80) * samples, (received + 70) * samples, 46_000, 50, "TCP_INFO"
    )
    bill = RedisCost(samples * 3, samples // 2, samples * 420, samples * 60, samples * 260, samples // 3)
    return Cost(10.0, processes, wire, bill if redis else None)


def _series(run: Run, middle_ms: float, chance: random.Random) -> Series:
    seconds = int(run.plan.duration_s)
    load = [True] * seconds + [False] * _DRAIN_S
    rate = run.plan.rate_per_s

    def each(value: float, spread: float = 0.08) -> list[float | None]:
        return [value * chance.uniform(1 - spread, 1 + spread) if loaded else None for loaded in load]

    def rates(value: float) -> list[float]:
        return [value * chance.uniform(0.97, 1.03) if loaded else 0.0 for loaded in load]

    return Series(
        t_s=[float(second + 1) for second in range(len(load))],
        created_per_s=rates(rate),
        acked_per_s=rates(rate),
        refused_per_s=[0.0] * len(load),
        processed_per_s=[*rates(rate)],
        accepted_p50_ms=each(middle_ms * 0.6),
        accepted_p99_ms=each(middle_ms * 1.4),
        processed_p50_ms=each(middle_ms),
        processed_p99_ms=each(middle_ms * 2.4, 0.3),
        visible_p50_ms=each(middle_ms + 130),
        visible_p99_ms=each(middle_ms + 260),
        backlog=[float(chance.randrange(4)) for _ in load],
        cpu_percent={
            **{each_.name: each(100 * (each_.user_s + each_.system_s) / 8) for each_ in run.cost.processes},
            "generator": each(18.5),
        },
        rss_bytes={each_.name: each(each_.rss_bytes, 0.01) for each_ in run.cost.processes},
    )


def _pair(blocks: dict[str, list[SavedRun]], baseline: str, arm: str) -> Pair:
    verdicts = []
    for figure in FIGURES:
        of = [[v for s in blocks[name] if (v := figure.of(s.run)) is not None] for name in (baseline, arm)]
        base, other = (median(values) if values else None for values in of)
        if base is None or other is None or not base:
            verdicts.append(FigureVerdict(figure.key, base, other, None, None, "not measured", "No figure to compare."))
            continue
        estimate = other / base
        verdict: Verdict = "tie" if 1 / 1.05 < estimate < 1.05 else "better" if estimate < 1 else "worse"
        note = f"{arm} takes {estimate:.3g} times what {baseline} takes."
        ratio = Ratio(estimate, estimate * 0.96, estimate * 1.04)
        verdicts.append(FigureVerdict(figure.key, base, other, ratio, 1.05, verdict, note))
    first, second = (blocks[name][0].run for name in (baseline, arm))
    fairness = [
        _difference("protocol", first.plan.protocol, second.plan.protocol, "Another protocol carries other headers."),
        _difference("store", first.plan.store, second.plan.store, "What is only in memory is gone after a crash."),
        _difference(
            "acknowledgement", first.setup.acknowledgement, second.setup.acknowledgement,
            "The accepted clocks stop at different promises.",
        ),
        _difference("fsync", first.setup.fsync, second.setup.fsync, "Waiting for the disk takes time."),
        _difference("processes", str(first.setup.processes), str(second.setup.processes), "More processes, more memory."),
        _difference("batch", "1", "1", ""),
        _difference("connections", "50", "50", ""),
    ]  # fmt: skip
    several = sum(each.differs for each in fairness) > 1
    said = (
        "Several factors differ, so no difference can be put down to one of them."
        if several
        else "Only the protocol differs: the differences may be put down to it."
    )
    return Pair(baseline, arm, verdicts, fairness, said, not several)


def _difference(factor: str, baseline: str, arm: str, effect: str) -> Difference:
    differs = baseline != arm
    return Difference(factor, baseline, arm, differs, effect if differs else "")


def _effects() -> list[Effect]:
    found = []
    for figure in ("processed_p50", "processed_p99", "cpu"):
        found += [
            Effect(figure, "transport", Ratio(0.97, 0.92, 1.03), "tie", "The way in makes no difference to be seen."),
            Effect(figure, "store", Ratio(0.026, 0.024, 0.028), "better", "The store makes nearly all the difference."),
            Effect(figure, "interaction", Ratio(1.11, 1.06, 1.17), "worse", "With memory the way in counts for more."),
        ]
    return found
