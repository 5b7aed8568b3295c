"""`load --lines`: how far a run is and what came out, one JSON object a line, for programs such as the control API.

{"phase": "measuring", "done": 0.4, "created": 4000, "acked": 3990, "failed": 0, "accepted_p50_ms": 4.7, …}
{"phase": "over", "done": 1.0, "run": "20261120-…", "status": "complete", "text": "nothing was lost: …", …}
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from load_tests.measure import Tell
from load_tests.runs.folder import SavedRun
from load_tests.runs.summary import headline

OVER = "over"


@contextmanager
def telling() -> Iterator[Tell]:
    """Gives what is told the progress; it prints each as a line."""
    yield _print


def told_run(saved: SavedRun) -> None:
    """Print what came out of a run."""
    run, counts = saved.run, saved.run.counts
    clock = run.clocks.get("accepted")
    _print(
        {
            "phase": OVER,
            "done": 1.0,
            "run": saved.path.name,
            "status": run.status,
            "text": "; ".join([headline(run), *run.reasons]),
            "created": counts.created,
            "acked": counts.acked,
            "failed": counts.rejected + counts.refused + counts.unanswered,
            "accepted_p50_ms": clock.corrected.p50 if clock else None,
            "accepted_p99_ms": clock.corrected.p99 if clock else None,
        }
    )


def _print(said: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(said).decode())
