"""What a reader of a comparison must know first, worst first: losses, blocks that do not count, unlike conditions.

Losses are not averaged, and not weighed against noise: one lost sample is one too many. They are counted over every
block, those whose figures do not stand too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from load_tests.runs.schema import Intervals, Run

NOISE: Final = "A/A"
"""Under this name the A/A blocks are given to `findings`; their seeds need not be those of the rounds."""

_NAMED: Final = 5
"""Intervals of lost identities that are named; the ledger of the run has them all."""

_STATUS: Final = {
    "failed": "broke down",
    "void": "void (the generator could not keep up, so nothing can be said about the pipeline)",
    "partial": "interrupted",
}


def is_valid(run: Run) -> bool:
    """Whether a run's figures stand: measured to the end, and something was delivered."""
    return run.status == "complete" and run.counts.processed > 0


def findings(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Sentences, worst first; empty where there is nothing to warn of.

    Args:
        runs: Every block of every arm, by arm, in order; A/A blocks under `NOISE`.
    """
    found = [*_each(runs, _lost), *_each(runs, _refused)]
    for status in _STATUS:
        found += _each(runs, partial(_of_status, status=status))
    found += [*_each(runs, _nothing_delivered), *_each(runs, _duplicates)]
    return [*found, *_machines(runs), *_seeds(runs), *_each(runs, _left_out)]


def _each(runs: Mapping[str, Sequence[Run]], about: Callable[[str, Sequence[Run]], str]) -> list[str]:
    return [text for arm, blocks in runs.items() if (text := about(arm, blocks))]


def _lost(arm: str, blocks: Sequence[Run]) -> str:
    losing = [run for run in blocks if run.counts.lost]
    if not losing:
        return ""
    lost, acked = sum(run.counts.lost for run in losing), sum(run.counts.acked for run in blocks)
    names = [name for run in losing for name in _identities(run.missing)]
    listed = ", ".join(names[:_NAMED]) + (" and more" if len(names) > _NAMED else "")
    return (
        f"{arm} lost {lost:,} of {acked:,} acknowledged samples, in {_count(losing, 'block')}"
        f"{f': {listed}' if listed else ''}."
    )


def _identities(missing: Intervals) -> Iterable[str]:
    for producer, epochs in missing.items():
        for epoch, intervals in epochs.items():
            for low, high in intervals:
                yield f"{producer} (epoch {epoch}) {f'{low}' if low == high else f'{low}–{high}'}"


def _refused(arm: str, blocks: Sequence[Run]) -> str:
    kinds = {
        "refused": sum(run.counts.refused for run in blocks),
        "rejected": sum(run.counts.rejected for run in blocks),
        "never answered": sum(run.counts.unanswered for run in blocks),
    }
    named = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items() if n)
    created = sum(run.counts.created for run in blocks)
    return (
        f"{arm} did not take all samples: {named}, of {created:,}; latencies are those of the rest."
        if named
        else ""
    )


def _of_status(arm: str, blocks: Sequence[Run], status: str) -> str:
    such = [run for run in blocks if run.status == status]
    if not such:
        return ""
    reasons = "; ".join(sorted({reason for run in such for reason in run.reasons}))
    return f"{_count(such, 'block')} of {arm} {_STATUS[status]}{f': {reasons}' if reasons else ''}."


def _nothing_delivered(arm: str, blocks: Sequence[Run]) -> str:
    such = [run for run in blocks if run.status == "complete" and not run.counts.processed]
    return f"{_count(such, 'block')} of {arm} delivered no sample at all." if such else ""


def _duplicates(arm: str, blocks: Sequence[Run]) -> str:
    repeats = sum(run.counts.duplicates for run in blocks)
    return f"{arm} got {repeats:,} samples more than once, and counted each once." if repeats else ""


def _machines(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    machines = {run.machine.id: run.machine.cpu for blocks in runs.values() for run in blocks}
    if len(machines) < 2:
        return []
    names = ", ".join(f"{cpu} ({key})" for key, cpu in machines.items())
    return [f"The runs are from {len(machines)} machines ({names}), so times and costs are not compared."]


def _seeds(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Blocks of one round are meant to get the same samples at the same times."""
    columns = [[run.plan.seed for run in blocks] for arm, blocks in runs.items() if blocks and arm != NOISE]
    if len(columns) < 2:
        return []
    apart = [n for n, seeds in enumerate(zip(*columns, strict=False), start=1) if len(set(seeds)) > 1]
    if not apart:
        return []
    where = f"in {len(apart)} of {min(map(len, columns))} rounds"
    return [f"The arms did not get the same samples at the same times {where}: their seeds differ."]


def _left_out(arm: str, blocks: Sequence[Run]) -> str:
    out = sum(not is_valid(run) for run in blocks)
    return f"{out} of {len(blocks)} blocks of {arm} have no part in the figures." if out else ""


def _count(runs: Sequence[Run], noun: str) -> str:
    return f"{len(runs)} {noun}{'' if len(runs) == 1 else 's'}"
