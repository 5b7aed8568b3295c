"""The figures that runs are compared by: one list, used by summaries, verdicts, budgets and reports alike.

Costs are per 1,000 *delivered* samples (processed, each counted once), so that dropping samples never looks cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from load_tests.runs.schema import Run


class Figure(NamedTuple):
    """One figure of a run.

    Attributes:
        key: In files, budgets and on command lines.
        title: In tables.
        unit: `ms`, `s`, `bytes`, `samples/s`, `1`, …
        lower_is_better: Which way is better.
        of: Its value of a run; None where it was not measured.
        meaning: One sentence for students.
    """

    key: str
    title: str
    unit: str
    lower_is_better: bool
    of: Callable[[Run], float | None]
    meaning: str


def _latency(clock: str, quantile: str) -> Callable[[Run], float | None]:
    def value(run: Run) -> float | None:
        found = run.clocks.get(clock)
        return getattr(found.corrected, quantile) if found and found.corrected.n else None

    return value


def _per_thousand(total: Callable[[Run], float | None]) -> Callable[[Run], float | None]:
    def value(run: Run) -> float | None:
        amount = total(run)
        return None if amount is None or not run.counts.processed else 1000 * amount / run.counts.processed

    return value


def _cpu_s(run: Run) -> float | None:
    return sum(p.user_s + p.system_s for p in run.cost.processes) if run.cost.processes else None


def _rss_mb(run: Run) -> float | None:
    return sum(p.rss_bytes for p in run.cost.processes) / 1e6 if run.cost.processes else None


def _switches(run: Run) -> float | None:
    if not run.cost.processes:
        return None
    return float(sum(p.switches_voluntary + p.switches_involuntary for p in run.cost.processes))


def _wire_bytes(run: Run) -> float | None:
    wire = run.cost.wire
    total = wire.sent_bytes + wire.received_bytes or wire.sent_payload + wire.received_payload
    return float(total) if total else None


FIGURES: Final = (
    Figure("processed_p50", "processed, p50", "ms", True, _latency("processed", "p50"),
           "Half of all samples were in the aggregates within this time after they were meant to be sent."),
    Figure("processed_p99", "processed, p99", "ms", True, _latency("processed", "p99"),
           "99 of 100 samples were in the aggregates within this time."),
    Figure("accepted_p50", "accepted, p50", "ms", True, _latency("accepted", "p50"),
           "Half of all samples were acknowledged within this time. What an acknowledgement promises differs."),
    Figure("accepted_p99", "accepted, p99", "ms", True, _latency("accepted", "p99"),
           "99 of 100 samples were acknowledged within this time."),
    Figure("visible_p50", "visible, p50", "ms", True, _latency("visible", "p50"),
           "Half of all samples could be seen by a subscriber of the feed within this time."),
    Figure("visible_p99", "visible, p99", "ms", True, _latency("visible", "p99"),
           "99 of 100 samples could be seen by a subscriber of the feed within this time."),
    Figure("cpu", "CPU per 1,000 delivered", "s", True, _per_thousand(_cpu_s),
           "Processor time of every process of the pipeline, store and workers included, per 1,000 samples."),
    Figure("wire_bytes", "bytes on the wire per 1,000 delivered", "bytes", True, _per_thousand(_wire_bytes),
           "Between producers and pipeline, both directions, headers and frames included, per 1,000 samples."),
    Figure("memory", "memory of all processes", "MB", True, _rss_mb,
           "Highest resident memory of every process of the pipeline, added up."),
    Figure("switches", "context switches per 1,000 delivered", "1", True, _per_thousand(_switches),
           "How often processes of the pipeline gave up or lost the processor, per 1,000 samples."),
)  # fmt: skip
"""In the order of the tables."""

HEADLINE: Final = ("processed_p50", "processed_p99", "accepted_p50", "accepted_p99", "visible_p50", "visible_p99",
                   "cpu", "wire_bytes", "memory")  # fmt: skip
"""The figures that get a verdict; intervals hold for all of them together."""

BY_KEY: Final = {figure.key: figure for figure in FIGURES}
