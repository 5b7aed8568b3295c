"""`lab.py bench`: limits and ratios of this machine, each figure against a bare reference of the same run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
from rich.console import Console

from control_plane.bench.fan_in import fan_in
from control_plane.bench.figure import Figure
from control_plane.bench.footprint import footprint
from control_plane.bench.latency import latency
from control_plane.bench.report import as_json, save, table
from control_plane.bench.rig import Rig
from control_plane.bench.throughput import throughput
from load_tests.wire.channel import ReplyError
from metrics_core.errors import LabError

GROUPS = ("throughput", "latency", "fan-in", "footprint")


@click.command("bench", short_help="Measure limits and ratios.")
@click.option(
    "--only", multiple=True, type=click.Choice(GROUPS), help="Measure this group only; may be repeated."
)
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Interleaved rounds."
)
@click.option(
    "--seconds", default=3.0, show_default=True, type=click.FloatRange(0.5, 600), help="Length of one run."
)
@click.option("--fsync", default="always", show_default=True, type=click.Choice(["always", "everysec", "no"]))
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the results here."
)
@click.option("--save", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="Write bench-results.json and bench-results.md into this folder.")  # fmt: skip
def bench(
    only: tuple[str, ...],
    rounds: int,
    seconds: float,
    fsync: str,
    json_file: Path | None,
    folder: Path | None,
) -> None:
    """Measure what the lab can do here, each figure as a ratio to a bare reference measured in the same run.

    About 12 minutes with the defaults. Nothing else should run meanwhile. Exit code 1 where a goal is missed.
    """
    groups, console = only or GROUPS, Console()
    figures: list[Figure] = []
    try:
        if set(groups) - {"footprint"}:
            with Rig(fsync) as rig:
                if "throughput" in groups:
                    _collect(console, figures, throughput(rig, rounds, seconds))
                if "latency" in groups:
                    _collect(console, figures, latency(rig, rounds, seconds))
                if "fan-in" in groups:
                    _collect(console, figures, fan_in(rig, rounds, seconds))
        if "footprint" in groups:
            _collect(console, figures, footprint(min(rounds, 3), max(10.0, seconds)))
    except (LabError, ReplyError) as error:
        console.print(f"no figure: {error}", style="bold", markup=False)
        sys.exit(1)
    Console(width=max(console.width, 150)).print(table(figures))
    document = as_json(figures, rounds, seconds, fsync)
    if json_file:
        json_file.write_bytes(document)
    if folder:
        save(document, folder)
        console.print(f"written: {folder}/bench-results.json, {folder}/bench-results.md", markup=False)
    sys.exit(0 if all(entry["met"] for entry in orjson.loads(document)["figures"].values()) else 1)


def _collect(console: Console, into: list[Figure], figures: Iterator[Figure]) -> None:
    for figure in figures:
        into.append(figure)
        console.print(f"{figure.what}: {figure.value:.2f} {figure.unit}", markup=False, highlight=False)
