"""Compares runs that exist already: no interleaving, so a difference must be larger to count (`slices.py`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lab_runtime.process import now_us
from load_tests.comparison import slices
from load_tests.comparison.findings import findings
from load_tests.runs.folder import (
    SavedComparison,
    SavedRun,
    create,
    new_id,
    read_comparison,
    write_comparison,
)
from load_tests.runs.schema import Comparison
from metrics_core.errors import LabError


def compare_existing(
    saved: Sequence[SavedRun], results: Path, confidence: float, seed: int, command: str
) -> SavedComparison:
    """Compare runs that were made one after the other.

    Args:
        saved: At least two, all in `results`; the first is the baseline.
        results: Where the comparison's folder is made.
        confidence: Of all intervals of a pair together.
        seed: Of the bootstrap.
        command: How to repeat it.

    Raises:
        LabError: A run is named twice, or lies elsewhere.
    """
    results = results.resolve()  # it may be a link to a larger disk
    if len({run.run.id for run in saved}) < len(saved):
        raise LabError("a run is named twice; name different runs")
    elsewhere = [run.path for run in saved if run.path.parent.resolve() != results]
    if elsewhere:
        raise LabError(
            f"{elsewhere[0]} is not in {results}: `python3 lab.py runs export` and `import` bring it there, "
            "or name its folder with --results"
        )
    arms = [run.run.plan.arm for run in saved]
    names = arms if len(set(arms)) == len(arms) else [run.run.id for run in saved]
    first = saved[0]
    pairs = [
        slices.compare(names[0], name, (first.run, first.series), (other.run, other.series), confidence, seed)
        for name, other in zip(names[1:], saved[1:], strict=True)
    ]
    started_us = now_us()
    comparison = Comparison(
        id=new_id("compare", datetime.now(UTC)),
        started_at_us=started_us,
        ended_at_us=started_us,
        status=next((run.run.status for run in saved if run.run.status != "complete"), "complete"),
        findings=findings({name: [run.run] for name, run in zip(names, saved, strict=True)}),
        arms=names,
        blocks={name: [run.run.id] for name, run in zip(names, saved, strict=True)},
        order=names,
        noise_blocks=[],
        interleaved=False,
        rounds=1,
        seed=seed,
        confidence=confidence,
        pairs=pairs,
        effects=[],
        command=command,
    )
    folder = create(results, comparison.id)
    try:
        write_comparison(folder, comparison)
    except LabError:
        shutil.rmtree(
            folder, ignore_errors=True
        )  # the runs are kept; a comparison that never was leaves nothing
        raise
    return read_comparison(folder)
