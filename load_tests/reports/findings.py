"""What a reader must know first. The very first line of a report is the loss, if anything was lost.

The comparison's own findings follow; a block that is not complete and that none of them names gets a line here, so that
a void figure can never pass for a good one.
"""

from __future__ import annotations

from typing import Final

from load_tests.reports.fates import lost_in
from load_tests.reports.numbers import samples
from load_tests.reports.view import Report
from load_tests.runs.schema import Run, Status

NAMED: Final = 3
"""Intervals of lost identities in the first line; the ledger section lists more."""

_STATUS: Final[dict[Status, str]] = {
    "complete": "is complete",
    "partial": "was interrupted: what was measured until then is kept",
    "failed": "failed: the pipeline broke down",
    "void": "is void: the measuring side could not keep up",
}


def loss_line(report: Report) -> str:
    """How many samples were lost and the first of them by name; empty where none was."""
    lost = lost_in((saved.run for saved in report.runs), NAMED)
    if not lost.number:
        return ""
    verb = "was" if lost.number == 1 else "were"
    named = "; ".join(lost.lines) or "their identities were not recorded"
    more = f"; and {samples(lost.unlisted)} more" if lost.lines and lost.unlisted else ""
    return f"{samples(lost.number)} {verb} acknowledged and then lost: {named}{more}."


def findings_of(report: Report) -> list[str]:
    """What comes next, worst first: the comparison's findings, its state, blocks that do not stand."""
    said = list(report.comparison.findings) if report.comparison else []
    found = list(said)
    if report.comparison and report.comparison.status != "complete":
        found.append(f"This comparison {_STATUS[report.comparison.status]}.")
    for run in (saved.run for saved in report.runs if saved.run.status != "complete"):
        if not any(_names(line, run) for line in said):
            found += [_state_of(run, f"Block {run.id}" if report.comparison else "This run")]
    if report.comparison and not report.comparison.interleaved:
        found.append(
            "The runs were made at different times, not in turns: what changed in between counts as difference."
        )
    if noisy := _too_noisy(report):
        found.append(noisy)
    if report.comparison is None:
        found.append(
            "A single run says nothing about chance. Compare runs to learn what a difference is worth."
        )
    return found


def _names(line: str, run: Run) -> bool:
    return run.id in line or any(reason and reason in line for reason in run.reasons)


def _state_of(run: Run, name: str) -> str:
    reasons = "; ".join(reason.rstrip(".") for reason in run.reasons)
    return f"{name} {_STATUS[run.status]}" + (f" ({reasons})." if reasons else ".")


def _too_noisy(report: Report) -> str:
    verdicts = [figure.verdict for pair in report.pairs for figure in pair.figures]
    noisy = verdicts.count("too noisy")
    return f"For {noisy} of {len(verdicts)} figures this machine is too noisy to say." if noisy else ""
