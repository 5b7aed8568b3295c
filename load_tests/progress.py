"""Progress of measurements on the terminal; plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from load_tests.measure import Load, Tell

_BAR: Final = 12
_BESIDE: Final = 28
"""What the share and the time left take."""
_LEAST_TEXT: Final = 20


@contextmanager
def shown(console: Console, what: str, load: Load) -> Iterator[Tell]:
    """A bar for one run.

    Args:
        console: Where it is drawn.
        what: What is loaded.
        load: Says how long it should take.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[seen]}"),
    )
    in_a_file = not console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=in_a_file
    ) as progress:
        task = progress.add_task(f"{what}: starting", total=1.0, seen="")

        def tell(said: dict[str, Any]) -> None:
            seen = f"{said['acked']:,} of {said['created']:,} acknowledged" if "acked" in said else ""
            progress.update(
                task, description=f"{what}: {said['phase']}", completed=float(said["done"]), seen=seen
            )

        yield tell


def _left(seconds: float) -> str:
    return f"about {seconds:.0f} s left" if seconds < 120 else f"about {seconds / 60:.0f} min left"


class Steps:
    """Progress over many runs: which one, how long it will take.

    Args:
        console: Where it is drawn.
        total: How many runs.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._done, self._begun_s = 0, time.monotonic()
        room = max(_LEAST_TEXT, console.width - _BAR - _BESIDE)  # a long name must not push the time left out
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, max_width=room)),
            BarColumn(bar_width=_BAR),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # else an empty line is left of it
        )
        self._task = self._progress.add_task("starting", total=float(total), left="")

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, what: str) -> Tell:
        """The next run begins."""

        def tell(said: dict[str, Any]) -> None:
            done = float(said["done"]) if said["phase"] == "measuring" else 0.0
            self._update(what, said["phase"], done)

        self._update(what, "starting", 0.0)
        return tell

    def finished(self) -> None:
        """A run ended."""
        self._done += 1
        if not self._console.is_terminal:
            self._console.print(f"  {self._done} of {self._total} runs", highlight=False)

    def _update(self, what: str, phase: str, done: float) -> None:
        share = (self._done + done) / self._total
        passed_s = time.monotonic() - self._begun_s
        left = _left(passed_s / share - passed_s) if share > 0.05 else ""
        self._progress.update(
            self._task, description=f"{what}: {phase}", completed=self._done + done, left=left
        )
