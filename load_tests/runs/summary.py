"""Runs on a terminal: the list, one run, one comparison. What was lost comes first, then why figures may not count.

Text from files is foreign (an imported run may hold anything): it is shown without markup and control characters.
Not here: reports for people who were not there (`load_tests/reports`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from load_tests.runs.figures import BY_KEY, FIGURES
from load_tests.runs.files import shown, size_text
from load_tests.runs.folder import SavedComparison, SavedRun
from load_tests.runs.index import Entry
from load_tests.runs.schema import CLOCKS, Cost, FigureVerdict, Generator, Intervals, Quantiles, Run

_NAMED: Final = 3
_IN_LIST: Final = ("processed_p50", "processed_p99", "cpu")
_STANDS: Final = ("complete", "partial")
"""A run of these states has figures; those of the others are shown, but do not count."""

_WHY: Final = {
    "partial": "interrupted: what was measured until then is kept",
    "failed": "the pipeline broke down: its figures do not count",
    "void": "the generator was the limit: its figures do not count",
}
_STYLES: Final = {"complete": "green", "partial": "yellow", "failed": "bold red", "void": "bold red"}
_VERDICT_STYLES: Final = {
    "better": "green",
    "worse": "red",
    "tie": "",
    "too noisy": "yellow",
    "not measured": "dim",
}


def headline(run: Run) -> str:
    """One line of plain text: what was lost, by name as far as a line allows, or that nothing was."""
    counts = run.counts
    if counts.lost:
        what = f"LOST {counts.lost:,} of {counts.acked:,} acknowledged samples"
        return f"{what}: {_some(run.missing)}" if run.missing else what
    unknown = counts.acked - counts.processed
    if unknown > 0:
        return (
            f"UNKNOWN: {unknown:,} of {counts.acked:,} acknowledged samples; the pipeline could not be asked"
        )
    return f"nothing was lost: {counts.acked:,} samples acknowledged, {counts.processed:,} processed"


def _some(missing: Intervals) -> str:
    """The first lost identities: `load-00 17–23, load-01 5, …`."""
    named = [
        f"{shown(producer)} {low}–{high}" if high > low else f"{shown(producer)} {low}"
        for producer, epochs in missing.items()
        for intervals in epochs.values()
        for low, high in intervals
    ]
    return ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")


def number(value: float | None) -> str:
    """A figure with three digits that mean something; a dash where it was not measured."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"


# -- the list ---------------------------------------------------------------------------------------------------------


def render_list(entries: Sequence[Entry]) -> RenderableType:
    """A table with one line per run and comparison, in the order given."""
    table = Table(box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("arm", overflow="fold")
    table.add_column("")
    for title in (
        "samples/s",
        "s",
        "batch",
        *(f"{BY_KEY[key].title}, {BY_KEY[key].unit}" for key in _IN_LIST),
        "lost",
    ):
        table.add_column(title, justify="right")
    for entry in entries:
        figures = entry.figures if entry.status in _STANDS else {}
        table.add_row(
            Text(shown(entry.id)),
            Text(" · ".join(shown(arm) for arm in entry.arms)),
            Text(entry.status, _STYLES[entry.status]),
            number(entry.rate_per_s),
            f"{entry.duration_s:g}",
            str(entry.batch),
            *(number(figures.get(key)) for key in _IN_LIST),
            Text(f"{entry.lost:,}", "bold red" if entry.lost else ""),
        )
    return table


# -- one run ----------------------------------------------------------------------------------------------------------


def render_run(saved: SavedRun) -> RenderableType:
    """All that a terminal shows of a run."""
    return Group(*_parts(saved.run))


def _parts(run: Run) -> Iterator[RenderableType]:
    said = headline(run)
    yield Text(said, "green" if said.startswith("nothing") else "bold red")
    if run.status in _WHY:
        yield Text(f"{run.status}: {_WHY[run.status]}", _STYLES[run.status])
    for reason in run.reasons:
        yield Text(f"  {shown(reason)}", _STYLES[run.status])
    yield from _what(run)
    yield Text()
    yield _figures(run)
    yield Text()
    yield _clocks(run)
    yield Text()
    yield _counts(run)
    yield Text()
    yield _cost(run)
    yield from _wire_and_redis(run.cost)
    if run.cost.note:
        yield Text(f"the bill is not whole: {shown(run.cost.note)}", "yellow")
    yield Text()
    yield _generator(run.generator)
    for event in run.events:
        yield Text(f"at {event.at_s:g} s: {shown(event.text)}")


def _what(run: Run) -> Iterator[Text]:
    plan, setup, machine = run.plan, run.setup, run.machine
    yield Text(
        f"{shown(plan.arm)}: {shown(setup.negotiated)}, {number(plan.rate_per_s)} samples/s ({shown(plan.shape)}, "
        f"{plan.schedule}), {plan.batch} a send, {plan.producers} producers, {plan.duration_s:g} s after "
        f"{plan.warmup_s:g} s of warm-up, seed {plan.seed}"
    )
    workers = f", {setup.workers} workers, fsync {shown(setup.fsync)}" if plan.store == "redis" else ""
    yield Text(
        f"an acknowledgement means {shown(setup.acknowledgement)}{workers}; "
        f"revision {shown(setup.revision) or 'unknown'}, {shown(setup.build)}"
    )
    yield Text(
        f"machine {shown(machine.id)}: {machine.cores} × {shown(machine.cpu)}, {size_text(machine.memory_bytes)}, "
        f"{shown(machine.system)}, Python {shown(machine.python)}"
    )
    if setup.background_per_s > 0:
        yield Text(f"{number(setup.background_per_s)} samples/s of other producers ran meanwhile", "yellow")


def _table(title: str, names: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _figures(run: Run) -> Table:
    title = "Figures" if run.status in _STANDS else f"Figures ({run.status}: they do not count)"
    table = _table(title, ("",), ("value", "unit"))
    for figure in FIGURES:
        table.add_row(figure.title, number(figure.of(run)), "" if figure.unit == "1" else figure.unit)
    return table


def _clocks(run: Run) -> Table:
    """Corrected counts from when a sample was meant to be sent, uncorrected from when it was."""
    quantiles = ("p50", "p90", "p99", "p999", "max")
    table = _table("Clocks, ms", ("", "from"), ("samples", "p50", "p90", "p99", "p99.9", "max"))

    def row(name: str, origin: str, found: Quantiles) -> None:
        table.add_row(name, origin, f"{found.n:,}", *(number(getattr(found, each)) for each in quantiles))

    for name in CLOCKS:
        clock = run.clocks.get(name)
        if clock is None:
            table.add_row(name, "not measured", *("–" for _ in range(6)))
            continue
        row(name, "the intended send", clock.corrected)
        if clock.uncorrected is not None:
            row("", "the real send (uncorrected)", clock.uncorrected)
    return table


def _counts(run: Run) -> Table:
    fates = (
        "created",
        "acked",
        "rejected",
        "refused",
        "unanswered",
        "processed",
        "lost",
        "duplicates",
        "late",
    )
    table = _table("Samples", (), fates)
    table.add_row(*(f"{getattr(run.counts, fate):,}" for fate in fates))
    return table


def _cost(run: Run) -> Table:
    cost = run.cost
    columns = ("user s", "system s", "memory", "switches, own will", "switches, forced")
    table = _table(f"Cost of {cost.seconds:g} s", ("process",), columns)
    for process in cost.processes:
        table.add_row(
            shown(process.name),
            number(process.user_s),
            number(process.system_s),
            size_text(process.rss_bytes),
            f"{process.switches_voluntary:,}",
            f"{process.switches_involuntary:,}",
        )
    return table


def _wire_and_redis(cost: Cost) -> Iterator[Text]:
    wire, redis = cost.wire, cost.redis
    yield Text(
        f"on the wire ({shown(wire.source)}): {size_text(wire.sent_bytes or wire.sent_payload)} sent, "
        f"{size_text(wire.received_bytes or wire.received_payload)} received, {wire.connections} connections"
    )
    if redis is not None:
        flushes = "unknown" if redis.flushes is None else f"{redis.flushes:,}"
        yield Text(
            f"Redis: {redis.commands:,} commands, {redis.transactions:,} transactions, "
            f"{size_text(redis.aof_bytes)} to its append-only file, disk flushes {flushes}"
        )


def _generator(generator: Generator) -> Text:
    late = generator.lateness_p50_ms > generator.late_limit_ms
    busy = generator.cpu_percent > generator.cpu_limit_percent
    return Text(
        f"generator: p50 {number(generator.lateness_p50_ms)} ms late (limit {number(generator.late_limit_ms)}), "
        f"p99 {number(generator.lateness_p99_ms)} ms; busiest process {number(generator.cpu_percent)} % of a core "
        f"(limit {number(generator.cpu_limit_percent)}), all {number(generator.cpu_percent_total)} %",
        "bold red" if late or busy else "",
    )


# -- one comparison ---------------------------------------------------------------------------------------------------


def render_comparison(saved: SavedComparison) -> RenderableType:
    """Losses, findings and verdicts of a comparison."""
    comparison = saved.comparison
    parts: list[RenderableType] = []
    runs = [*saved.noise, *(run for runs in saved.blocks.values() for run in runs)]
    losses = [run for run in runs if run.run.counts.lost or run.run.counts.acked > run.run.counts.processed]
    parts += [Text(f"{shown(run.path.name)}: {headline(run.run)}", "bold red") for run in losses]
    if not losses:
        parts.append(
            Text(f"nothing was lost in {len(runs)} {'block' if len(runs) == 1 else 'blocks'}", "green")
        )
    if comparison.status in _WHY:
        parts.append(Text(f"{comparison.status}: {_WHY[comparison.status]}", _STYLES[comparison.status]))
    parts += [Text(shown(finding), "yellow") for finding in comparison.findings]
    for pair in comparison.pairs:
        title = f"{shown(pair.arm)} against {shown(pair.baseline)}"
        table = _table(title, ("",), (shown(pair.baseline), shown(pair.arm), "ratio", "interval", "verdict"))
        for verdict in pair.figures:
            table.add_row(*_verdict(verdict))
        parts += [Text(), table, Text(shown(pair.attribution), "" if pair.attributable else "yellow")]
    parts += [Text(), Text(f"again: {shown(comparison.command)}")]
    return Group(*parts)


def _verdict(verdict: FigureVerdict) -> tuple[str | Text, ...]:
    figure, ratio = BY_KEY[verdict.figure], verdict.ratio
    return (
        figure.title if figure.unit == "1" else f"{figure.title}, {figure.unit}",
        number(verdict.baseline),
        number(verdict.arm),
        number(ratio.estimate if ratio else None),
        f"{number(ratio.low)} – {number(ratio.high)}" if ratio else "–",
        Text(verdict.verdict, _VERDICT_STYLES[verdict.verdict]),
    )
