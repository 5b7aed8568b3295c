"""What an audit's fates look like: `/api/audit`, the table of `ledger --fates`, the sentences of `--explain`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.table import Table

from metrics_core.fates import ACKED_LOST, FATES, LOST, PipelineFates
from metrics_core.ledger import Ledger

RUNS_PER_PRODUCER: Final = 1_000
"""Newest runs of one fate that the wire form tells of each producer; counts are exact over all."""

MOST_LINES: Final = 20
"""Identities that a text names of one fate, by producer and epoch."""

HOPS: Final = {
    "lost_outbox": "in its producer's outbox, which was full",
    "lost_producer": "with its producer, which died, and with it what it knew of answers",
    "lost_store": "in Redis, after the 202",
    "lost_memory": "in the memory of pipeline B, after the ack",
    "dead_lettered": "among the dead letters",
}
"""Where a sample that came to nothing was seen last."""


def wire_form(found: PipelineFates) -> dict[str, Any]:
    """One pipeline's part of the answer of `/api/audit`."""
    producers, cut = _runs(found)
    return {
        "ok": found.ok,
        "counts": found.counts,
        "equations": [equation.as_dict() for equation in found.equations],
        "producers": producers,
        "reasons": found.reasons,
        "truncated": found.truncated,
        "cut": cut,
        "unnamed": {"dead_lettered": found.unnamed_dead},
    }


def _runs(found: PipelineFates) -> tuple[dict[str, dict[str, list[list[Any]]]], bool]:
    by_producer: dict[str, list[tuple[int, int, int, str]]] = {}
    for fate, ledger in found.fates.items():
        for name, epochs in ledger.items():
            runs = by_producer.setdefault(name, [])
            runs += [(epoch, low, high, fate) for epoch, own in epochs.items() for low, high in own]
    cut = False
    producers: dict[str, dict[str, list[list[Any]]]] = {}
    for name, runs in sorted(by_producer.items()):
        runs.sort()
        cut = cut or len(runs) > RUNS_PER_PRODUCER
        epochs_told = producers.setdefault(name, {})
        for epoch, low, high, fate in runs[-RUNS_PER_PRODUCER:]:
            epochs_told.setdefault(str(epoch), []).append([low, high, fate])
    return producers, cut


def fates_table(fates: dict[str, PipelineFates], labels: dict[str, str]) -> Table:
    """Fates as rows, pipelines as columns, for the terminal."""
    table = Table(title="Fates (samples)", title_justify="left")
    table.add_column("fate", no_wrap=True)
    for name in fates:
        table.add_column(labels[name], justify="right", no_wrap=True)
    counts = [found.counts for found in fates.values()]
    for fate in FATES:
        style = "bold red" if fate in ACKED_LOST and any(each[fate] for each in counts) else ""
        table.add_row(fate.replace("_", " "), *(f"{each[fate]:,}" for each in counts), style=style)
    table.add_row("created", *(f"{sum(each.values()):,}" for each in counts), style="bold")
    return table


def equation_lines(fates: dict[str, PipelineFates], labels: dict[str, str]) -> list[str]:
    """One line per equation."""
    return [
        f"{labels[name]}: {each.text}: {each.left:,} {'=' if each.holds else '≠'} {each.right:,}"
        for name, found in fates.items()
        for each in found.equations
    ]


def lost_lines(fates: dict[str, PipelineFates], labels: dict[str, str]) -> list[str]:
    """The identities that came to nothing, and at which hop."""
    return [
        line
        for name, found in fates.items()
        for fate in (*LOST, "dead_lettered")
        for line in _bounded(
            [
                f"{labels[name]}: {identity} was last {HOPS[fate]}"
                for identity in _identities(found.fates[fate])
            ]
        )
    ]


def sentences(fates: dict[str, PipelineFates], labels: dict[str, str]) -> list[str]:
    """One sentence per fate that occurs, and why."""
    lines = []
    for name, found in fates.items():
        for fate, n in found.counts.items():
            if n:
                samples = "sample" if n == 1 else "samples"
                lines.append(f"{labels[name]}: {fate.replace('_', ' ')}, {n:,} {samples}: {FATES[fate]}.")
        lines += _bounded([f"{labels[name]}: {line}" for line in _rejections(found)])
        if found.truncated:
            lines.append(f"{labels[name]}: more waits than one look can name, so none of it is told as lost.")
        if found.unnamed_dead:
            lines.append(
                f"{labels[name]}: {found.unnamed_dead:,} dead letters have no name: unreadable, or too many were set "
                "aside after them. Those of the fleet are told as lost."
            )
    return lines


def _rejections(found: PipelineFates) -> Iterator[str]:
    for producer, epochs in found.reasons.items():
        for epoch, runs in epochs.items():
            for low, high, reason in runs:
                yield f"{producer} epoch {epoch} seq {shown_interval(low, high)} was rejected: {reason}"


def _identities(ledger: Ledger) -> list[str]:
    return [
        f"{producer} epoch {epoch} seq {', '.join(shown_interval(low, high) for low, high in intervals)}"
        for producer, epochs in ledger.items()
        for epoch, intervals in epochs.items()
    ]


def _bounded(lines: list[str]) -> list[str]:
    return (
        lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more"]
    )


def shown_interval(low: int, high: int) -> str:
    """An interval of sequence numbers in a text."""
    return str(low) if low == high else f"{low}-{high}"
