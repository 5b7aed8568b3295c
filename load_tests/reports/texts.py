"""The words of the reports: what the clocks mean, how it was measured, what was not. Shared by HTML and Markdown."""

from __future__ import annotations

import shlex
from typing import Final

from load_tests.reports.numbers import seconds
from load_tests.reports.view import Report

CLOCK_MEANINGS: Final = {
    "accepted": "until the pipeline promised to keep the sample (202, ack). What the promise is worth differs.",
    "processed": "until it was in the aggregates. The one clock on which both pipelines have done the same work.",
    "visible": "until a subscriber of the feed could see it; the feed's tick is part of it.",
}

OPEN_MODEL: Final = (
    "The generator sends by a schedule drawn from the seed, whatever the server does (open workload). Latency counts "
    "from the moment a sample was meant to be sent, so a server that stands still cannot hide whom it kept waiting."
)
CORRECTED: Final = (
    "Corrected: from the intended moment. Uncorrected: from the moment of sending, as a tool shows that waits for the "
    "server first (coordinated omission). Nobody can know an uncorrected processed latency, so there is none."
)
CLOCKS_ARE_THREE: Final = (
    "accepted, processed, visible. One pipeline's accepted is never compared with the other's processed: they are "
    "different promises."
)
TURNS: Final = (
    "Arms take turns forwards and backwards (A B B A), so that a machine that slowly warms up or slows down burdens "
    "all of them alike. Each block runs on processes started for it, "
    "since a program differs from start to start. Warm-up is not counted."
)
NOT_IN_TURNS: Final = (
    "The runs were made at different times. A change of the machine in between counts as difference."
)
FLOOR: Final = (
    "the ratio that two identical arms reach on this machine by chance. Only what lies beyond it counts."
)
IDENTICAL: Final = (
    "Before the comparison the baseline runs against itself (A/A). What differs there is chance, this machine's noise "
    "floor; a difference that is no larger is called neither better nor worse."
)
NO_IDENTICAL: Final = "There were no A/A blocks, so this machine's noise floor is not measured."
BILL: Final = (
    "Processor time, memory and Redis's own counters from the start of the measured part to the end of the drain; "
    "bytes from the kernel's counts of each connection; the whole divided by the samples that were delivered. Where "
    "two arms give the generator the same work, their processor times are compared relative to the generator's own."
)
NOT_MEASURED: Final = (
    "No network: both ends talk over loopback, without delay or loss. The generator runs on the same cores as the "
    "pipeline, so a rate here is a rate with its generator. No power cut: a flush is as good as the disk's word."
)


def method(report: Report) -> list[tuple[str, str]]:
    """Name and explanation of each part of the method, as far as it applies to this report."""
    parts = [("Open model", OPEN_MODEL), ("Three clocks", CLOCKS_ARE_THREE), ("Corrected", CORRECTED)]
    comparison = report.comparison
    if comparison:
        parts.append(("Turns", TURNS if comparison.interleaved else NOT_IN_TURNS))
        parts.append(("Noise floor", IDENTICAL if report.noise else NO_IDENTICAL))
        parts.append(("Intervals", _intervals(comparison.confidence)))
    return [*parts, ("Cost", BILL), ("Not measured", NOT_MEASURED)]


def percent(share: float) -> str:
    """A share: `95 %`."""
    return f"{100 * share:g} %"


def command(report: Report) -> str:
    """How to repeat it, as far as the files say."""
    if report.comparison:
        return report.comparison.command
    run = report.arms[0].first
    if run is None:
        return ""
    plan = run.plan
    options = {
        "rate": f"{plan.rate_per_s:g}",
        "duration": f"{plan.duration_s:g}",
        "warmup": f"{plan.warmup_s:g}",
        "shape": plan.shape,
        "schedule": plan.schedule,
        "batch": str(plan.batch),
        "servers": str(plan.producers),
        "seed": str(plan.seed),
        "generators": str(plan.generators),
    }
    words = [
        "python3",
        "lab.py",
        "load",
        plan.arm,
        *(word for name in options for word in (f"--{name}", options[name])),
    ]
    return shlex.join([*words, "--own"] if run.setup.own_lab else words)


def length(report: Report) -> str:
    """How much was measured: `3 arms, 12 blocks of 8 s and 2 A/A blocks`."""
    runs = [run for arm in report.arms for run in arm.runs]
    lengths = " or ".join(dict.fromkeys(seconds(run.plan.duration_s) for run in runs)) or "no length"
    if report.comparison is None:
        return lengths
    blocks = f"{len(runs)} block{'' if len(runs) == 1 else 's'} of {lengths}"
    noise = (
        f" and {len(report.noise)} A/A block{'' if len(report.noise) == 1 else 's'}" if report.noise else ""
    )
    return f"{len(report.arms)} arms, {blocks}{noise}"


def _intervals(confidence: float) -> str:
    return (
        "Each interval is what chance leaves open, found by drawing the blocks again and again (bootstrap). They hold "
        f"for all figures of a pair together in {percent(confidence)} of comparisons, so that ten figures do not give "
        "ten chances to be wrong. Where an interval is so wide that it says neither difference nor tie, the machine is "
        "too noisy to say."
    )
