"""Makes a `Run` and its files out of what a coordinator knows, whole or not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lab_runtime.process import now_us
from load_tests.generator.agent import DRAIN_S
from load_tests.generator.coordinator import Coordinator
from load_tests.generator.markers import markers
from load_tests.generator.pipeline import PipelineSilent
from load_tests.runs.checks import quantiles_of
from load_tests.runs.folder import write_run
from load_tests.runs.machine import describe, versions
from load_tests.runs.schema import (
    Clock,
    Cost,
    Counts,
    Generator,
    Intervals,
    Quantiles,
    Run,
    Series,
    Setup,
    Status,
    Wire,
)
from metrics_core.histogram import Histogram
from metrics_core.ledger import Ledger, count, format_ledger, subtract

LATE_LIMIT_MS: Final = 1.0
"""Median lateness above which a run is void: half the latencies would be wrong by more than that."""
CPU_LIMIT_PERCENT: Final = 85.0
"""Processor time of the busiest generator process above which it may be the limit itself."""
_ACKNOWLEDGEMENT: Final = {
    "always": "on disk",
    "everysec": "in Redis",
    "no": "in Redis",
    "unknown": "unknown",
}


def write_outcome(folder: Path, lead: Coordinator, interrupted: bool, locust: tuple[int, int]) -> Run:
    """Make the run and write it.

    Args:
        folder: Made already (`create`).
        lead: After its `run`, or stopped early.
        interrupted: The user stopped it.
        locust: Locust's own count of requests and failures.

    Raises:
        RunNotWritten, RunUnreadable: See `write_run`.
    """
    run, histograms, series, ledger = outcome(folder.name, lead, interrupted, locust)
    write_run(folder, run, histograms, series, ledger)
    return run


def outcome(
    run_id: str, lead: Coordinator, interrupted: bool, locust: tuple[int, int]
) -> tuple[Run, dict[str, Histogram], Series, dict[str, Intervals]]:
    """The run and its files, in the order of `write_run`."""
    ledgers = dict(lead.total.ledgers)
    processed = _only_created(lead.processed, ledgers["created"]) if lead.processed is not None else None
    counts = _counts(lead, processed)
    histograms = {name: histogram for name, histogram in lead.total.histograms.items() if histogram.counts}
    reasons = lead.why_not()
    foreign = _processed_histogram(lead, counts, histograms, reasons)
    generator = _generator(lead, histograms, locust)
    status = _status(lead, interrupted, counts, generator, reasons)
    missing = subtract(ledgers["acked"], processed) if processed is not None else {}
    run = Run(
        id=run_id,
        started_at_us=lead.started_at_us or now_us(),
        status=status,
        reasons=reasons,
        plan=lead.plan,
        setup=_setup(lead, foreign),
        machine=describe(),
        counts=counts,
        missing=format_ledger(missing),
        clocks=_clocks(histograms),
        cost=_cost(lead),
        generator=generator,
        events=markers(lead.target.events_file, lead.started_at_us, lead.measured_s),
    )
    files = {name: format_ledger(ledger) for name, ledger in ledgers.items()}
    if processed is not None:
        files["processed"] = format_ledger(processed)
    return run, histograms, _series(lead), files


def _only_created(ledger: Ledger, created: Ledger) -> Ledger:
    """The part of the pipeline's ledger that belongs to the measured samples."""
    return subtract(created, subtract(created, ledger))


def _counts(lead: Coordinator, processed: Ledger | None) -> Counts:
    total, pipeline = lead.total, lead.pipeline
    counts = Counts(
        created=total.size("created"),
        acked=total.size("acked"),
        rejected=total.size("rejected"),
        refused=total.refused,
        unanswered=total.unanswered,
    )
    open_still = counts.created - counts.acked - counts.rejected - counts.refused - counts.unanswered
    counts.unanswered += max(0, open_still)  # an agent that is gone cannot say so itself
    if processed is not None:
        counts.processed = count(processed)
        counts.lost = count(subtract(total.ledgers["acked"], processed))
        counts.duplicates, counts.late = pipeline.since_begin("duplicates"), pipeline.since_begin("late")
    return counts


def _processed_histogram(
    lead: Coordinator, counts: Counts, histograms: dict[str, Histogram], reasons: list[str]
) -> int:
    """Add the clock *processed*; gives how many samples of other producers are in it."""
    if lead.processed is None:
        return 0
    try:
        found = lead.pipeline.processed()
    except PipelineSilent as error:
        reasons.append(str(error))
        return 0
    if found.n < counts.processed:
        reasons.append(
            f"the pipeline's histogram knows {found.n} of {counts.processed} processed samples: it was restarted, "
            "so the clock processed is not known"
        )
    elif found.n:
        histograms["processed"] = found
    return max(0, found.n - counts.processed)


def _clocks(histograms: dict[str, Histogram]) -> dict[str, Clock]:
    clocks: dict[str, Clock] = {}
    for name in ("accepted", "processed", "visible"):
        if name in histograms:
            uncorrected: Quantiles | None = None
            if f"{name}_uncorrected" in histograms:
                uncorrected = quantiles_of(histograms[f"{name}_uncorrected"])
            clocks[name] = Clock(quantiles_of(histograms[name]), uncorrected)
    return clocks


def _generator(lead: Coordinator, histograms: dict[str, Histogram], locust: tuple[int, int]) -> Generator:
    shares = [100 * report.cpu_s / report.seconds for report in lead.reports.values() if report.seconds]
    shares.append(100 * lead.cpu_s / (lead.measured_s or 1.0))
    late = histograms.get("lateness", Histogram()).quantiles_us((0.5, 0.99))
    return Generator(
        round(max(shares), 2),
        round(sum(shares), 2),
        late[0] / 1000,
        late[1] / 1000,
        LATE_LIMIT_MS,
        CPU_LIMIT_PERCENT,
        *locust,
    )


def _status(
    lead: Coordinator, interrupted: bool, counts: Counts, generator: Generator, reasons: list[str]
) -> Status:
    """Whether the figures stand; adds the reasons."""
    for error, n in sorted(lead.total.errors.items(), key=lambda item: -item[1])[:3]:
        reasons.append(f"connections broke or could not be made, {n} times: {error}")
    if interrupted:
        reasons.insert(0, f"stopped after {lead.measured_s:.1f} of {lead.plan.duration_s:g} s")
        return "partial"
    if reasons or not lead.finished:
        return "failed"
    void = _generator_limits(generator)
    if void:
        reasons += void
        return "void"
    if counts.unanswered:
        reasons.append(
            f"{counts.unanswered} of {counts.created} samples got no answer within {DRAIN_S:.0f} s of the last send: "
            "latencies are known of the others only"
        )
        return "failed"
    return "complete"


def _generator_limits(generator: Generator) -> list[str]:
    """What the generator could not do, so that it was measured instead of the pipeline."""
    reasons = []
    if generator.lateness_p50_ms > LATE_LIMIT_MS:
        reasons.append(
            f"the generator was late by {generator.lateness_p50_ms:.1f} ms (median; {LATE_LIMIT_MS:g} may be): "
            "lower the rate or use more generator processes"
        )
    if generator.cpu_percent > CPU_LIMIT_PERCENT:
        reasons.append(
            f"the generator used {generator.cpu_percent:.0f} % of a core ({CPU_LIMIT_PERCENT:.0f} may be): "
            "it may be the limit; lower the rate or use more generator processes"
        )
    return reasons


def _setup(lead: Coordinator, foreign: int) -> Setup:
    target, store = lead.target, lead.target.store
    newest = lead.observer.newest
    spoken = sorted({report.negotiated for report in lead.reports.values() if report.negotiated})
    seconds = lead.measured_s or 1.0
    return Setup(
        acknowledgement="in memory" if store == "memory" else _ACKNOWLEDGEMENT[target.fsync],
        fsync="none" if store == "memory" else target.fsync,
        workers=0 if store == "memory" else max(0, target.workers),
        ingest_processes=max(1, target.ingest_processes),
        processes=len(target.processes) or (len(newest.processes) if newest else 0),
        compression="none",
        tls=False,
        negotiated=" and ".join(spoken),
        build=target.build,
        revision=target.revision,
        own_lab=target.own_lab,
        background_per_s=round(foreign / seconds, 2),
        versions=versions(),
    )


def _cost(lead: Coordinator) -> Cost:
    reports = list(lead.reports.values())
    added = [sum(report.wire[i] for report in reports if report.wire) for i in range(4)]
    notes = []
    if not lead.target.processes:
        notes.append("the processes of the pipeline were not named (plain locust does not know them)")
    if not any(added):
        notes.append("this system does not count the bytes of a connection")
    if lead.target.store == "redis" and not lead.target.redis_url:
        notes.append("Redis could not be asked")
    bill = lead.redis.bill() if lead.started_at_us and lead.target.redis_url else None
    return Cost(
        seconds=lead.measured_s,
        processes=lead.processes.bill(),
        wire=Wire(
            added[0],
            added[1],
            added[2],
            added[3],
            sum(report.handshake_bytes for report in reports),
            sum(report.connections for report in reports),
            "TCP_INFO" if any(added) else "none",
        ),
        redis=bill,
        note="; ".join(notes),
    )


def _series(lead: Coordinator) -> Series:
    series, seconds, looks = Series(), lead.total.seconds, lead.sampler.looks
    names = sorted({name for look in looks for name in look.cpu_percent})
    sized = sorted({name for look in looks for name in look.rss_bytes})
    series.cpu_percent = {name: [] for name in names}
    series.rss_bytes = {name: [] for name in sized}
    for number in range(max([len(looks), *(n + 1 for n in seconds)])):
        second = seconds.get(number)
        look = looks[number] if number < len(looks) else None
        series.t_s.append(float(number + 1))
        series.created_per_s.append(float(second.created if second else 0))
        series.acked_per_s.append(float(second.acked if second else 0))
        series.refused_per_s.append(float(second.refused if second else 0))
        processed = look.processed if look else None
        series.processed_per_s.append(None if processed is None else float(processed.n))
        for column50, column99, histogram in (
            (series.accepted_p50_ms, series.accepted_p99_ms, Histogram(second.accepted) if second else None),
            (series.processed_p50_ms, series.processed_p99_ms, processed),
            (series.visible_p50_ms, series.visible_p99_ms, Histogram(second.visible) if second else None),
        ):
            p50, p99 = _two_quantiles(histogram)
            column50.append(p50)
            column99.append(p99)
        series.backlog.append(look.backlog if look else None)
        for name in names:
            series.cpu_percent[name].append(look.cpu_percent.get(name) if look else None)
        for name in sized:
            series.rss_bytes[name].append(look.rss_bytes.get(name) if look else None)
    return series


def _two_quantiles(histogram: Histogram | None) -> tuple[float | None, float | None]:
    if histogram is None or not histogram.counts:
        return None, None
    p50, p99 = histogram.quantiles_us((0.5, 0.99))
    return p50 / 1000, p99 / 1000
