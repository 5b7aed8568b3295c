"""The command line: `python3 lab.py COMMAND …`. Flags in, exit code out; what a command does is in its own module.

Every error is one line and exit code 2; a name that does not exist is answered with the nearest that does.
Modules of commands are imported when their command runs, so that `up` starts without what only `bench` needs.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Final

import click

from control_plane import __version__
from control_plane.options import given, setting_flags
from control_plane.settings import OWN_VARIABLES, Settings, command_environ, unknown_variables
from control_plane.terminal import Terminal
from metrics_core.errors import ConfigError, LabError

PROGRAM: Final = "python3 lab.py"
USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130

LAZY: Final = {
    "load": ("control_plane.load", "load"),
    "compare": ("load_tests.compare", "compare"),
    "capacity": ("load_tests.capacity.command", "capacity"),
    "runs": ("load_tests.runs.command", "runs"),
    "fault": ("control_plane.faults.command", "fault"),
    "scenario": ("control_plane.scenarios.command", "scenario"),
    "token": ("control_plane.token", "token"),
    "bench": ("control_plane.bench.command", "bench"),
}
"""Commands that live in a module of their own: name to module and click command."""


class Commands(click.Group):
    """The commands, some of them imported only when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of the help."""
        return [*self.commands, *LAZY]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name, or None."""
        if cmd_name in LAZY:
            module, attribute = LAZY[cmd_name]
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", prog_name="metrics-ingestion-lab")
def cli() -> None:
    """The same samples down two pipelines: what each one costs, how long it takes, what it loses."""


@cli.command()
@setting_flags
@click.option(
    "--for",
    "for_s",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="stop after so long, audit the ledger, exit 0 only if it balances",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="with --for: write the audit there",
)
def up(for_s: float | None, json_path: Path | None, **flags: Any) -> int:
    """Start everything on this machine; Ctrl-C stops it."""
    import anyio

    from control_plane.token import guarded_environ
    from control_plane.up import UpOptions
    from control_plane.up import up as run_up

    if json_path and for_s is None:
        raise click.UsageError("--json FILE is the audit of --for SECONDS; give both")
    environ, about_token = guarded_environ(command_environ(given(flags)))
    opened = environ.get("LAB_OPEN") or OWN_VARIABLES["LAB_OPEN"].default
    if opened not in OWN_VARIABLES["LAB_OPEN"].words:
        raise ConfigError(f"LAB_OPEN={opened}: expected one of on, off")
    terminal = Terminal()
    for line in [*unknown_variables(environ), *([about_token] if about_token else [])]:
        terminal.say(line, "yellow")
    options = UpOptions(for_s, json_path, open_browser=opened == "on")
    return anyio.run(run_up, Settings.from_environ(environ), options, terminal)


@cli.command()
def down() -> int:
    """Stop what is left of this folder's lab."""
    from control_plane.down import down as run_down

    return run_down(Settings.from_environ(command_environ()).state_dir, Terminal())


@cli.command()
def doctor() -> int:
    """Look at this machine: what the lab needs, what it has, how to repair the difference."""
    from control_plane.doctor import doctor as run_doctor

    return run_doctor(Settings.from_environ(command_environ()), Terminal())


@cli.command()
@click.option(
    "--json",
    "json_path",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="the audit as JSON, to FILE or to standard output",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="how long samples that are acked may take to be processed",
)
@click.option("--fates", is_flag=True, help="what became of every sample, and which are lost where")
@click.option("--explain", is_flag=True, help="the fates, and a sentence for each that says why")
def ledger(json_path: str | None, wait_s: float, fates: bool, explain: bool) -> int:
    """Audit the running lab (here or in Docker): every acked sample processed? Names those that are not."""
    import anyio

    from control_plane.ledger import LedgerOptions
    from control_plane.ledger import ledger as run_ledger

    settings = Settings.from_environ(command_environ())
    return anyio.run(run_ledger, settings, LedgerOptions(json_path, wait_s, fates, explain), Terminal())


@cli.command()
@click.option("--tests-only", is_flag=True, help="pytest alone, without ruff and mypy")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST_ARGUMENT…]")
def test(tests_only: bool, pytest_arguments: tuple[str, ...]) -> int:
    """Check style and types, and run the tests; what stands after -- goes to pytest."""
    from control_plane.testing import run_tests

    return run_tests(pytest_arguments, tests_only=tests_only)


@cli.command()
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="write the findings there",
)
def check(json_path: Path | None) -> int:
    """Preflight before class: start on free ports, try what each demo shows, stop; about 15 seconds."""
    import anyio

    from control_plane.check import check as run_check

    return anyio.run(run_check, command_environ(), json_path, Terminal())


@cli.command()
def serve() -> int:
    """Serve the dashboard and the control API (what `up` and compose start; set by LAB_… variables)."""
    from control_plane.api import main as run_serve

    run_serve()
    return 0


def main(arguments: list[str]) -> int:
    """Run the command line and give its exit code."""
    try:
        result = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return USAGE_ERROR
    except click.UsageError as error:
        return _refuse(_one_line(error), error.ctx)
    except click.ClickException as error:
        return _refuse(error.format_message())
    except LabError as error:
        return _refuse(str(error))
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output went away
        return 1
    except Exception as error:  # noqa: BLE001 (a fault of ours; the user gets a line, the trace goes into a file)
        return _own_fault(error)
    return result if isinstance(result, int) else 0


def _refuse(text: str, ctx: click.Context | None = None) -> int:
    where = f" (see {ctx.command_path} --help)" if ctx else ""
    click.echo(f"lab: {text}{where}", err=True)
    return USAGE_ERROR


def _own_fault(error: BaseException) -> int:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    path = Path(tempfile.gettempdir()) / f"lab-fault-{os.getpid()}.txt"
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    click.echo(f"lab: a fault of the lab itself: {type(error).__name__}: {error} (where: {path})", err=True)
    return 1


def _one_line(error: click.UsageError) -> str:
    """A usage error as one line; for an unknown name, with the nearest known one."""
    ctx = error.ctx
    if isinstance(error, click.NoSuchOption) and ctx:
        known = [
            name for option in ctx.command.get_params(ctx) for name in (*option.opts, *option.secondary_opts)
        ]
        return f"no such flag: {error.option_name}{_nearest(error.option_name, known)}"
    if isinstance(error, click.NoSuchCommand) and ctx and isinstance(ctx.command, click.Group):
        return f"no such command: {error.command_name}{_nearest(error.command_name, ctx.command.list_commands(ctx))}"
    return error.format_message().replace("\n", " ")


def _nearest(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""
