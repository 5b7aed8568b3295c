"""`capacity`: the sustainable rate of each protocol, and how throughput grows with workers and producers."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from load_tests.capacity import usl
from load_tests.capacity.curve import producers_curve, workers_curve
from load_tests.capacity.search import Probe, Sustained, judge, sustainable_rate
from load_tests.flags import Finite
from load_tests.generator.options import MOST_PRODUCERS, MOST_RATE_PER_S
from load_tests.measure import Load, measure
from load_tests.runs.machine import describe, revision
from load_tests.runs.names import RESULTS
from load_tests.stopping import Stopping
from load_tests.target.arm import Arm, parse_arms
from load_tests.target.rig import ROOT
from metrics_core.errors import ConfigError, LabError
from metrics_core.limits import MAX_BATCH_SAMPLES

FIRST_PER_S: Final = 500.0
HIGHEST_PER_S: Final = float(MOST_RATE_PER_S)
INTERRUPTED: Final = 130
_FEWEST_SENDS: Final = 10
"""That a probe must make, or it says nothing."""
_CURVE_PRODUCERS: Final = 32
_MOST_NUMBERS: Final = 20


@click.command("capacity", short_help="The highest rate each pipeline sustains; how it scales.")
@click.option("--run", "arms", default="http1,http2,websocket", show_default=True, metavar="ARM,ARM…")
@click.option(
    "--p99-ms",
    "bound_ms",
    default=100.0,
    show_default=True,
    type=Finite(1, 60_000),
    help="processed p99 that a sustained rate may have",
)
@click.option("--seconds", default=6.0, show_default=True, type=Finite(3, 600), help="length of a probe")
@click.option(
    "--batch",
    default=1,
    show_default=True,
    type=click.IntRange(1, MAX_BATCH_SAMPLES),
    help="samples per send",
)
@click.option("--servers", "producers", default=50, show_default=True, type=click.IntRange(1, MOST_PRODUCERS))
@click.option(
    "--workers",
    "worker_counts",
    metavar="N,N…",
    help="throughput of pipeline A over these numbers of workers, with a fit (1,2,3,4,6,8)",
)
@click.option(
    "--producers",
    "producer_counts",
    metavar="N,N…",
    help="throughput of each arm over these numbers of producers, with a fit (1,2,4,8,16,32)",
)
@click.option(
    "--curve-batch",
    default=100,
    show_default=True,
    type=click.IntRange(1, MAX_BATCH_SAMPLES),
    help="samples per send on these curves",
)
@click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(1, 20), help="of each point of a curve"
)
@click.option("--no-search", is_flag=True, help="curves only")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")  # fmt: skip
def capacity(
    arms: str,
    bound_ms: float,
    seconds: float,
    batch: int,
    producers: int,
    worker_counts: str | None,
    producer_counts: str | None,
    curve_batch: int,
    rounds: int,
    no_search: bool,
    json_path: Path | None,
) -> int:
    """Search for the highest rate at which processed p99 stays under a bound and the backlog stays flat.

    Open model, one sample a send by default; about two minutes per arm. With --workers or --producers, also
    throughput (closed model) over their number, and the Universal Scalability Law fitted to it, with its residuals.
    """
    chosen = parse_arms(text.strip() for text in arms.split(",") if text.strip())
    numbers_of_workers = _numbers(worker_counts, 64)
    numbers_of_producers = _numbers(producer_counts, MOST_PRODUCERS)
    searched = [] if no_search else chosen
    scaled = [arm for arm in chosen if arm.store == "redis"][:1] if numbers_of_workers else []
    _check(chosen, json_path)
    if not searched and not numbers_of_workers and not numbers_of_producers:
        raise click.UsageError("--no-search leaves nothing to do; give --workers or --producers")
    if numbers_of_workers and not scaled:
        raise ConfigError("--workers: none of the arms has RQ workers")
    console = Console()
    found: dict[str, Any] = {
        "complete": False,
        "machine": describe(),
        "revision": revision(ROOT),
        "bound_ms": bound_ms,
        "batch": batch,
        "producers": producers,
        "seconds": seconds,
        "curve_batch": curve_batch,
        "rounds": rounds,
        "sustained": {},
        "workers": {},
        "by_producers": {},
    }
    load = Load(FIRST_PER_S * batch, batch, producers, "steady", "poisson", seconds, 1.0, 1)
    try:
        try:
            for arm in searched:
                found["sustained"][arm.name] = _search(arm, load, bound_ms, console)
        finally:
            if found["sustained"]:
                console.print(_sustained_table(found["sustained"], bound_ms, batch))
        for arm in scaled:
            points = list(
                workers_curve(arm, numbers_of_workers, _CURVE_PRODUCERS, curve_batch, seconds / 2, rounds)
            )
            found["workers"][arm.name] = _fitted(f"{arm.name}: throughput over workers", points, console)
        for arm in chosen if numbers_of_producers else ():
            points = list(producers_curve(arm, numbers_of_producers, curve_batch, seconds / 2, rounds))
            found["by_producers"][arm.name] = _fitted(
                f"{arm.name}: throughput over producers", points, console
            )
        found["complete"] = True
    except KeyboardInterrupt:
        console.print("stopped; what was found before is above", markup=False)
    finally:
        if json_path:
            _write(json_path, found)
    return 0 if found["complete"] else INTERRUPTED


def _check(arms: Sequence[Arm], json_path: Path | None) -> None:
    """What can be known to be wrong before minutes of measuring."""
    if not arms:
        raise click.UsageError("--run names no arm")
    if loaded := [arm.name for arm in arms if arm.load]:
        raise ConfigError(f"{loaded[0]}: the load is the same for all arms here; give --batch or --servers")
    if json_path and not os.access(json_path if json_path.exists() else json_path.parent, os.W_OK):
        raise LabError(f"--json {json_path}: cannot be written; name a file in a folder that is there")


def _numbers(text: str | None, most: int) -> list[int]:
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 1 <= int(word) <= most for word in words):
        raise ConfigError(f"{text}: expected numbers from 1 to {most}, with commas between them")
    if len(set(words)) > _MOST_NUMBERS:
        raise ConfigError(f"{len(set(words))} numbers; {_MOST_NUMBERS} are the most")
    return sorted({int(word) for word in words})


@contextmanager
def _folder() -> Iterator[Path]:
    """For the runs of the probes, which are not kept; on the disk where runs are kept."""
    try:
        RESULTS.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".capacity-", dir=RESULTS))
    except OSError as error:
        raise LabError(f"{RESULTS}: cannot keep runs there ({error.strerror})") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _search(arm: Arm, load: Load, bound_ms: float, console: Console) -> Sustained:
    """Search on a rig of its own."""
    number = 0
    status = console.status(f"{arm.name}: starting")
    with _folder() as folder, status, Stopping() as stopping, arm.make_rig() as rig:
        target, stopping.gently = arm.target(rig), True

        def probe(rate_per_s: float) -> Probe:
            nonlocal number
            stopping.check()
            number += 1
            status.update(f"{arm.name}: probe {number}, {rate_per_s:,.0f} samples/s")
            run_folder = folder / str(number)
            run_folder.mkdir()
            sized = replace(load, rate_per_s=rate_per_s, seed=load.seed + number)
            saved = measure(target, sized, run_folder, stopping.checked(lambda said: None))
            found = judge(saved.run, saved.series, bound_ms)
            line = f"  {arm.name} {rate_per_s:>9,.0f}/s  {found.outcome:<9}  {found.why}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            return found

        lowest_per_s = max(1.0, _FEWEST_SENDS * load.batch / load.duration_s)
        return sustainable_rate(probe, load.rate_per_s, HIGHEST_PER_S, lowest_per_s)


def _sustained_table(found: dict[str, Sustained], bound_ms: float, batch: int) -> Table:
    table = Table(
        title=f"Sustained, processed p99 under {bound_ms:g} ms, {batch} a send", title_justify="left"
    )
    for column in ("arm", "samples/s", "p99 there, ms", "limited by", "probes"):
        table.add_column(column, justify="left" if column in ("arm", "limited by") else "right")
    for name, sustained in found.items():
        there = [
            p.p99_ms
            for p in sustained.probes
            if p.rate_per_s == sustained.rate_per_s and p.outcome == "holds"
        ]
        at_least = "≥ " if sustained.limited_by == "generator" else ""
        rate = f"{at_least}{sustained.rate_per_s:,.0f}" if sustained.rate_per_s else "none held"
        p99 = "–" if not there or there[-1] is None else f"{there[-1]:.1f}"
        table.add_row(
            name,
            rate,
            p99,
            sustained.limited_by,
            str(len(sustained.probes)),
        )
    return table


def _fitted(title: str, points: list[tuple[int, float]], console: Console) -> usl.Fit:
    fit = usl.fit(points)
    table = Table("N", "measured /s", "fitted /s", "residual", title=title, title_justify="left")
    for point in fit.points:
        table.add_row(
            str(point.n), f"{point.measured:,.0f}", f"{point.fitted:,.0f}", f"{point.residual:+.1%}"
        )
    console.print(table)
    console.print(fit.statement, markup=False, highlight=False)
    return fit


def _write(path: Path, found: dict[str, Any]) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    except OSError as error:
        raise LabError(f"--json {path}: cannot be written ({error.strerror})") from None
