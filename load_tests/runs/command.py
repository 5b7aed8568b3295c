"""`lab.py runs`: list, show, export, import and remove runs. Flags in, exit code out; the work is done elsewhere.

Every error is a `LabError`: one line and exit code 2, said by the command line that these commands hang in.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import click
import msgspec
from rich.console import Console, RenderableType

from load_tests.runs.archive import export, import_archive
from load_tests.runs.figures import FIGURES
from load_tests.runs.files import RunNotWritten, RunUnreadable, shown
from load_tests.runs.folder import RESULTS, SavedComparison, SavedRun, read, resolve
from load_tests.runs.index import Entry, list_runs
from load_tests.runs.names import MADE_HERE, kind_of, run_folders
from load_tests.runs.schema import Run, Status
from load_tests.runs.summary import headline, render_comparison, render_list, render_run

_WIDTH_IN_A_FILE: Final = 140
_F = TypeVar("_F", bound=Callable[..., Any])

results_flag: Final = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    metavar="FOLDER",
    help="where runs are kept; default: load_tests/results",
)
_json_flag: Final = click.option("--json", "as_json", is_flag=True, help="as JSON, for programs")


def _list_flags(command: _F) -> _F:
    """The flags of the list; `runs` alone is the list, so it has them too."""
    flags = (
        results_flag,
        _json_flag,
        click.option("--arm", metavar="ARM", help="only runs of this arm, and comparisons with it"),
        click.option("--status", type=click.Choice(get_args(Status)), help="only those of this status"),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="only the newest N"),
    )
    for flag in reversed(flags):
        command = flag(command)
    return command


@click.group("runs", invoke_without_command=True, short_help="List, show, export and import saved runs.")
@_list_flags
@click.pass_context
def runs(
    ctx: click.Context,
    results: Path,
    as_json: bool,
    arm: str | None,
    status: Status | None,
    limit: int | None,
) -> int:
    """Saved runs and comparisons, newest first.

    RUN is a run's name, the beginning of one, a path, `latest`, or `latest:ARM`.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = results
        return 0
    return show_list(results, as_json, arm, status, limit)


def _folder(results: Path) -> Path:
    """The results folder of a command: its own flag, or that of the group."""
    ctx = click.get_current_context()
    given = ctx.get_parameter_source("results") is not click.core.ParameterSource.DEFAULT
    return results if given or not isinstance(ctx.obj, Path) else ctx.obj


@runs.command("list", short_help="List runs and comparisons.")
@_list_flags
def list_command(
    results: Path, as_json: bool, arm: str | None, status: Status | None, limit: int | None
) -> int:
    """List runs and comparisons, newest first."""
    return show_list(_folder(results), as_json, arm, status, limit)


def show_list(results: Path, as_json: bool, arm: str | None, status: str | None, limit: int | None) -> int:
    """Show what is in a results folder; the exit code is 0 even where some of it cannot be read."""
    listing = list_runs(results)
    found = [entry for entry in listing.entries if _wanted(entry, arm, status)][:limit]
    if as_json:
        _print_json({"runs": found, "unreadable": listing.problems})
        return 0
    if found:
        _print(render_list(found))
    elif listing.entries:
        click.echo(f"none of {len(listing.entries)} runs is like that")
    else:
        click.echo(f"no runs in {shown(results)} yet; `python3 lab.py load http1` makes one")
    for problem in listing.problems:
        click.echo(f"not listed: {problem}", err=True)
    return 0


def _wanted(entry: Entry, arm: str | None, status: str | None) -> bool:
    return (arm is None or arm in entry.arms) and (status is None or entry.status == status)


@runs.command("show", short_help="Show one run or comparison.")
@click.argument("name", metavar="RUN")
@results_flag
@_json_flag
def show_command(name: str, results: Path, as_json: bool) -> int:
    """Show a run: what was lost first, then why it may not count, then its figures."""
    saved = read(resolve(name, _folder(results)))
    if as_json:
        _print_json(_as_document(saved))
    elif isinstance(saved, SavedRun):
        _print(render_run(saved))
    else:
        _print(render_comparison(saved))
    return 0


def _as_document(saved: SavedRun | SavedComparison) -> dict[str, Any]:
    """What a program gets: the main file, and what is worked out of it."""
    if isinstance(saved, SavedRun):
        return {"path": str(saved.path), **_run_document(saved.run)}
    blocks = [*saved.noise, *(run for runs in saved.blocks.values() for run in runs)]
    return {
        "path": str(saved.path),
        "comparison": saved.comparison,
        "blocks": {block.path.name: _run_document(block.run) for block in blocks},
    }


def _run_document(run: Run) -> dict[str, Any]:
    return {"headline": headline(run), "figures": {each.key: each.of(run) for each in FIGURES}, "run": run}


@runs.command("export", short_help="Write a run into one file.")
@click.argument("name", metavar="RUN")
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
@results_flag
def export_command(name: str, file: Path | None, results: Path) -> int:
    """Write a run or comparison into one file, RUN.labrun unless FILE is given; reports are left out."""
    click.echo(f"written: {shown(export(resolve(name, _folder(results)), file))}")
    return 0


@runs.command("import", short_help="Take in a file that export wrote.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@results_flag
def import_command(file: Path, results: Path) -> int:
    """Take in a run or comparison that `runs export` wrote, here or on another machine."""
    imported = import_archive(file, _folder(results))
    said = "was there already, the same" if imported.was_there else "imported"
    click.echo(f"{said}: {shown(imported.path)}")
    return 0


@runs.command("remove", short_help="Remove runs.")
@click.argument("names", nargs=-1, required=True, metavar="RUN…")
@click.option("--yes", is_flag=True, help="do not ask")
@results_flag
def remove_command(names: tuple[str, ...], yes: bool, results: Path) -> int:
    """Remove runs and comparisons for good; asks before. Exit code 1 where the answer is no."""
    results = _folder(results)
    found = list(dict.fromkeys(_removable(name, results) for name in names))
    listed = ", ".join(shown(folder.name) for folder in found)
    if not yes and not click.confirm(f"remove {listed} for good?"):
        click.echo("nothing was removed")
        return 1
    for folder in found:
        _remove(folder)
    click.echo(f"removed: {listed}")
    return 0


def _removable(name: str, results: Path) -> Path:
    """A run's folder that lies in the results folder itself; by its full name also one that cannot be read."""
    folders = {folder.name: folder for folder in run_folders(results)}
    folder = folders[name] if name in folders else resolve(name, results)
    if folder.is_symlink() or folder.resolve().parent != results.resolve():
        raise RunUnreadable(f"{shown(folder)} is not in {shown(results)}; remove it by hand")
    if not MADE_HERE.match(folder.name):
        kind_of(folder)  # with a name that users give, it must at least hold a run
    return folder


def _remove(folder: Path) -> None:
    """Out of sight at once, then file by file: what is cut off halfway is no run any more."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.removed")
    try:
        folder.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise RunNotWritten(f"{shown(folder)} cannot be removed: {error.strerror}") from error


def _print(what: RenderableType) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_IN_A_FILE)
    console.print(what)


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
