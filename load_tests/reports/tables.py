"""Tables that HTML and Markdown share, as text: where and how it ran, quantiles, seconds, blocks, the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from load_tests.reports.numbers import NONE, count, gigabytes, moment, seconds, three, with_unit
from load_tests.reports.points import clocks_in, merged
from load_tests.reports.texts import length
from load_tests.reports.view import Arm, Report, standing
from load_tests.runs.figures import FIGURES
from load_tests.runs.schema import Generator, Run

QUANTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))

OVER_TIME: Final = (
    "offered, mean", "acked, mean", "processed, mean", "processed p99, worst second", "highest backlog", "CPU, mean",
)  # fmt: skip
"""Heads of the columns of `over_time`."""

GENERATORS: Final = (
    "busiest process, % of one core", "its limit", "all processes, %", "late p50, ms", "its limit", "late p99, ms",
    "Locust: requests", "failed",
)  # fmt: skip
"""Heads of the columns of `generators`."""

_SETUP: Final[tuple[tuple[str, Callable[[Run], object]], ...]] = (
    ("protocol spoken", lambda run: run.setup.negotiated),
    ("store", lambda run: run.plan.store),
    ("acknowledgement", lambda run: run.setup.acknowledgement),
    ("fsync", lambda run: run.setup.fsync),
    ("offered", lambda run: with_unit(run.plan.rate_per_s, "samples/s")),
    ("shape, schedule", lambda run: f"{run.plan.shape}, {run.plan.schedule}"),
    ("batch", lambda run: count(run.plan.batch)),
    ("producers", lambda run: count(run.plan.producers)),
    ("measured, warm-up", lambda run: f"{seconds(run.plan.duration_s)}, {seconds(run.plan.warmup_s)}"),
    ("workers", lambda run: run.setup.workers),
    ("ingest processes", lambda run: run.setup.ingest_processes),
    ("all processes", lambda run: run.setup.processes),
    ("compression", lambda run: run.setup.compression),
    ("TLS", lambda run: "yes" if run.setup.tls else "no"),
    ("other load meanwhile", lambda run: with_unit(run.setup.background_per_s, "samples/s")),
    ("code", lambda run: f"{run.setup.build}, {run.setup.revision or 'revision unknown'}"),
    ("versions", lambda run: ", ".join(f"{name} {version}" for name, version in run.setup.versions.items())),
)


@dataclass(frozen=True, slots=True)
class QuantileLine:
    """Quantiles of one arm by one clock, ms; `origin` says from when it counts."""

    clock: str
    arm: Arm
    origin: str
    values: list[str]
    n: str


@dataclass(frozen=True, slots=True)
class SecondsLine:
    """One block over time, in a line."""

    block: str
    arm: Arm
    values: list[str]
    events: str


@dataclass(frozen=True, slots=True)
class BlockLine:
    """Every figure of one block."""

    name: str
    started: str
    state: str
    values: list[str]


def facts(report: Report) -> list[tuple[str, str]]:
    """When, where and how much."""
    runs = [saved.run for saved in report.runs]
    comparison = report.comparison
    started = comparison.started_at_us if comparison else min((run.started_at_us for run in runs), default=0)

    def each(of: Callable[[Run], str]) -> str:
        return "; ".join(dict.fromkeys(of(run) for run in runs)) or NONE

    return [
        ("Date", moment(started)),
        ("Machine", each(_machine)),
        ("Revision", each(lambda run: run.setup.revision or "unknown")),
        ("Seed", str(comparison.seed) if comparison else each(lambda run: str(run.plan.seed))),
        ("Measured", length(report)),
        ("Offered", each(lambda run: f"{with_unit(run.plan.rate_per_s, 'samples/s')}, {run.plan.shape}")),
    ]


def setups(report: Report) -> list[tuple[str, list[str]]]:
    """How each arm was set up: name and one text per arm."""
    return [
        (name, [str(of(arm.first)) if arm.first else NONE for arm in report.arms])
        for name, of in _SETUP
        if report.arms
    ]


def quantiles(report: Report) -> list[QuantileLine]:
    """Quantiles of every clock and arm, corrected and uncorrected."""
    lines = []
    for clock in clocks_in(report):
        for arm in report.arms:
            for name, origin in ((clock, "intended send"), (f"{clock}_uncorrected", "real send")):
                histogram = merged(arm, name)
                if n := histogram.n:
                    values = histogram.quantiles_us(fraction for _, fraction in QUANTILES)
                    texts = [three(value_us / 1000) for value_us in values]
                    lines.append(QuantileLine(clock, arm, origin, texts, count(n)))
    return lines


def over_time(report: Report) -> list[SecondsLine]:
    """Each block in a line: rates, the worst second, backlog, processor time, markers."""
    lines = []
    for arm in report.arms:
        for block in arm.blocks:
            series, loaded = block.series, sum(t_s <= block.run.plan.duration_s for t_s in block.series.t_s)
            cpu = [
                mean
                for name, used in series.cpu_percent.items()
                if name != "generator" and (mean := _mean(used))
            ]
            values = [
                with_unit(_mean(series.created_per_s[:loaded]), "/s"),
                with_unit(_mean(series.acked_per_s[:loaded]), "/s"),
                with_unit(_mean(series.processed_per_s[:loaded]), "/s"),
                with_unit(_highest(series.processed_p99_ms), "ms"),
                _whole(_highest(series.backlog)),
                with_unit(sum(cpu) if cpu else None, "%"),
            ]
            events = "; ".join(f"{seconds(round(event.at_s, 1))} {event.text}" for event in block.run.events)
            lines.append(SecondsLine(block.run.id, arm, values, events))
    return lines


def blocks(report: Report) -> list[BlockLine]:
    """Every block in the order in which they ran, with all its figures."""
    noise = {saved.run.id for saved in report.noise}
    return [
        BlockLine(
            saved.run.id,
            moment(saved.run.started_at_us),
            ("A/A, " if saved.run.id in noise else "") + saved.run.status,
            [three(figure.of(saved.run)) for figure in FIGURES],
        )
        for saved in report.runs
    ]


def generators(report: Report) -> list[tuple[Arm, list[str]]]:
    """How the measuring side did: the worst block of each arm."""
    return [
        (arm, _worst([run.generator for run in runs]))
        for arm in report.arms
        if (runs := standing(arm.runs) or arm.runs)
    ]


def _worst(seen: list[Generator]) -> list[str]:
    return [
        three(max(each.cpu_percent for each in seen)),
        three(seen[0].cpu_limit_percent),
        three(max(each.cpu_percent_total for each in seen)),
        three(max(each.lateness_p50_ms for each in seen)),
        three(seen[0].late_limit_ms),
        three(max(each.lateness_p99_ms for each in seen)),
        count(sum(each.locust_requests for each in seen)),
        count(sum(each.locust_failures for each in seen)),
    ]


def _machine(run: Run) -> str:
    machine = run.machine
    hardware = f"{machine.cores} × {machine.cpu}, {gigabytes(machine.memory_bytes)}"
    return f"{hardware}, {machine.system}, Python {machine.python}"


def _whole(value: float | None) -> str:
    return NONE if value is None else count(round(value))


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _highest(values: Sequence[Any]) -> float | None:
    return max((value for value in values if value is not None), default=None)
