"""`compare`: a report on runs that exist, or on runs that it makes itself, with a verdict on every figure.

    python3 lab.py compare --run http1,http2,websocket     measures, about four minutes
    python3 lab.py compare RUN RUN                          compares what was measured before
    python3 lab.py compare RUN                              a report on one run

Also as `python3 load_tests/compare.py`, with the same arguments.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # as a script only its own folder is on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import click
from rich.console import Console
from rich.table import Table

from load_tests.comparison.blocks import Design, plan_blocks, run
from load_tests.comparison.budget import Budget, BudgetLine, check, read_budget
from load_tests.comparison.existing import compare_existing
from load_tests.comparison.statistics import MIN_ROUNDS
from load_tests.flags import Finite
from load_tests.generator.options import MOST_PRODUCERS, MOST_RATE_PER_S
from load_tests.generator.shapes import SHAPES
from load_tests.measure import Load
from load_tests.progress import Steps
from load_tests.publish import publish
from load_tests.reports.html_page import render_html
from load_tests.reports.markdown import render_markdown
from load_tests.reports.records import render_csv, render_json
from load_tests.reports.write import FORMATS, write_reports
from load_tests.runs.command import results_flag
from load_tests.runs.folder import SavedComparison, SavedRun, read, resolve
from load_tests.runs.summary import render_comparison, render_run
from load_tests.target.arm import parse_arms
from metrics_core.errors import LabError
from metrics_core.limits import MAX_BATCH_SAMPLES

INTERRUPTED = 130
_WIDTH_IN_A_FILE = 140
ROUNDS = 12
NOISE_PAIRS = 6
MOST_ROUNDS = 100
SECONDS = 2.0
WARMUP_S = 1.0


@click.command("compare", short_help="Compare pipelines: measure them interleaved, or use saved runs.")
@click.argument("names", nargs=-1, metavar="[RUN…]")
@click.option(
    "--run",
    "arms",
    metavar="ARM,ARM…",
    help="measure these: http1, http2, websocket, http1-memory, http2-memory, websocket-redis; "
    "http1:workers=4 with a setting, http1@FOLDER the code of another folder",
)
@click.option(
    "--rounds",
    default=ROUNDS,
    show_default=True,
    type=click.IntRange(MIN_ROUNDS, MOST_ROUNDS),
    help="blocks of each arm, interleaved",
)
@click.option("--seconds", default=SECONDS, show_default=True, type=Finite(1, 3600), help="length of a block")
@click.option("--warmup", default=WARMUP_S, show_default=True, type=Finite(0, 60), help="s before each block")
@click.option(
    "--noise-pairs",
    default=NOISE_PAIRS,
    show_default=True,
    type=click.IntRange(0, MOST_ROUNDS),
    help="A/A pairs of the first arm, run first: this machine's noise",
)
@click.option(
    "--rate",
    default=1000.0,
    show_default=True,
    type=Finite(0.1, MOST_RATE_PER_S),
    help="samples per second offered to each arm",
)
@click.option(
    "--batch",
    default=1,
    show_default=True,
    type=click.IntRange(1, MAX_BATCH_SAMPLES),
    help="samples per send",
)
@click.option(
    "--servers",
    "producers",
    default=50,
    show_default=True,
    type=click.IntRange(1, MOST_PRODUCERS),
    help="producers, each with its own connection and identities",
)
@click.option("--shape", default="steady", show_default=True, type=click.Choice(list(SHAPES)))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31 - MOST_ROUNDS))
@click.option(
    "--confidence",
    default=0.95,
    show_default=True,
    type=Finite(0.5, 0.999),
    help="of all intervals of a pair together",
)
@click.option(
    "--budget",
    "budget_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of thresholds; exit code 1 where one is broken",
)
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(list(FORMATS)), help="only these reports [all]"
)
@click.option(
    "--publish",
    "publish_in",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="write the document of results of these comparisons there, with pictures and an archive of each",
)
@click.option(
    "--stdout",
    "to_stdout",
    type=click.Choice(["html", "md", "csv", "json"]),
    help="print this report, everything else to standard error",
)
@results_flag
def compare(
    names: tuple[str, ...],
    arms: str | None,
    rounds: int,
    seconds: float,
    warmup: float,
    noise_pairs: int,
    rate: float,
    batch: int,
    producers: int,
    shape: str,
    seed: int,
    confidence: float,
    budget_file: Path | None,
    formats: tuple[str, ...],
    publish_in: Path | None,
    to_stdout: str | None,
    results: Path,
) -> int:
    """Compare pipelines, protocols, settings or builds, and say of every figure what this machine can tell.

    With --run it measures: first the first arm against itself (this machine's noise), then all arms in interleaved
    rounds, each on processes of its own. Without, it compares saved runs, or reports on one. Reports go beside the
    comparison: report.html opens offline. Exit code 0 where all was measured and the budget holds.
    """
    if bool(names) == bool(arms):
        raise click.UsageError("name saved runs, or arms with --run (http1,http2,websocket)")
    if publish_in and arms:
        raise click.UsageError("--publish takes comparisons that exist; name them")
    console = _console(to_stdout is not None)
    budget = read_budget(budget_file) if budget_file else None  # before minutes of measuring
    command = "python3 lab.py compare " + shlex.join(_given(sys.argv))
    if publish_in:
        return _publish(names, results, publish_in, console)
    try:
        if arms:
            load = Load(rate, batch, producers, shape, "poisson", seconds, warmup, seed)
            design = Design(rounds, noise_pairs, load, confidence)
            saved: SavedComparison | SavedRun = _measured(arms, design, results, command, budget, console)
        else:
            saved = _of_names(names, results, confidence, seed, command)
    except KeyboardInterrupt:
        console.print("stopped before anything could be compared", markup=False)
        return INTERRUPTED
    if budget and not isinstance(saved, SavedComparison):
        raise LabError("--budget needs a comparison; name two runs or use --run")
    if to_stdout:
        click.echo(_rendered(saved, to_stdout))
    code = _tell(saved, formats or FORMATS, budget, console)
    stopped = isinstance(saved, SavedComparison) and arms and saved.comparison.status == "partial"
    return INTERRUPTED if stopped else code


def _console(on_stderr: bool) -> Console:
    """Where there is no terminal (a file, CI), tables get the width that they need."""
    console = Console(stderr=on_stderr)
    return console if console.is_terminal else Console(stderr=on_stderr, width=_WIDTH_IN_A_FILE)


def _given(argv: list[str]) -> list[str]:
    """What the user gave after the command's name."""
    is_script = Path(argv[0]).name == "compare.py"
    return argv[argv.index("compare") + 1 :] if "compare" in argv and not is_script else argv[1:]


def _publish(names: tuple[str, ...], results: Path, folder: Path, console: Console) -> int:
    """Write the document of results; see `load_tests/publish.py`."""
    found = [read(resolve(name, results, "comparison")) for name in names]
    for path in publish([each for each in found if isinstance(each, SavedComparison)], folder):
        console.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _rendered(saved: SavedComparison | SavedRun, kind: str) -> str:
    if kind == "html":
        return render_html(saved)
    if kind == "md":
        return render_markdown(saved)
    return render_csv(saved) if kind == "csv" else render_json(saved).decode()


def _measured(
    arms: str, design: Design, results: Path, command: str, budget: Budget | None, console: Console
) -> SavedComparison:
    chosen = parse_arms(text.strip() for text in arms.split(",") if text.strip())
    if not chosen:
        raise click.UsageError("--run names no arm")
    if foreign := sorted({*budget.arms, *budget.ratios} - {arm.name for arm in chosen} if budget else ()):
        raise LabError(f"--budget has {', '.join(foreign)}, which --run does not name")
    blocks = plan_blocks(chosen, design)
    lasts_s = len(blocks) * (design.load.duration_s + design.load.warmup_s + 2)
    about = f"{lasts_s / 60:.0f} minutes" if lasts_s >= 90 else f"{lasts_s:.0f} s"
    text = f"{len(blocks)} blocks of {design.load.duration_s:g} s, about {about}"
    console.print(f"{text}; nothing else should run meanwhile", markup=False, highlight=False)
    with Steps(console, len(blocks)) as steps:
        return run(chosen, design, results, command, steps.step, steps.finished)


def _of_names(
    names: tuple[str, ...], results: Path, confidence: float, seed: int, command: str
) -> SavedComparison | SavedRun:
    found = [read(resolve(name, results)) for name in names]
    if len(found) == 1:
        return found[0]
    runs = [each for each in found if isinstance(each, SavedRun)]
    if len(runs) < len(found):
        raise LabError("several names must be runs; a comparison stands alone")
    return compare_existing(runs, results, confidence, seed, command)


def _tell(
    saved: SavedComparison | SavedRun, formats: tuple[str, ...], budget: Budget | None, console: Console
) -> int:
    """Show it, write the reports, check the budget; gives the exit code."""
    if isinstance(saved, SavedRun):
        console.print(render_run(saved))
        holds, status = True, saved.run.status
    else:
        console.print(render_comparison(saved))
        status = saved.comparison.status
        holds = budget is None or _holds(budget, saved, console)
    for path in write_reports(saved, saved.path, formats):
        console.print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)
    return 0 if status == "complete" and holds else 1


def _holds(budget: Budget, saved: SavedComparison, console: Console) -> bool:
    comparison = saved.comparison
    if comparison.status != "complete" and {*budget.arms, *budget.ratios} - set(comparison.arms):
        console.print(f"the budget does not hold: the comparison is {comparison.status}", style="bold red")
        return False
    runs = {arm: [block.run for block in blocks] for arm, blocks in saved.blocks.items()}
    return _tell_budget(check(budget, comparison, runs), console)


def _tell_budget(lines: list[BudgetLine], console: Console) -> bool:
    table = Table(
        "budget", "figure", "threshold", "measured", "result", "", title="Budget", title_justify="left"
    )
    for line in lines:
        measured = "–" if line.measured is None else f"{line.measured:.4g}"
        style = "" if line.ok else "bold red"
        table.add_row(line.where, line.key, line.threshold, measured, line.result, line.note, style=style)
    console.print(table)
    return all(line.ok for line in lines)


def main() -> int:
    """As a script: the same command, the same errors in one line."""
    try:
        result: Any = compare.main(prog_name="compare.py", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"compare: {error.format_message()}", err=True)
        return 2
    except LabError as error:
        click.echo(f"compare: {error}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
