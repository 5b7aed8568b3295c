"""The flags that are settings: each one is a `LAB_…` variable, with the variable's range, words and default.

So a value is checked by the same code and refused in the same words, however it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click

from control_plane.settings import OWN_VARIABLES
from lab_runtime.env import VARIABLES, Env
from metrics_core.errors import ConfigError


class Flag(NamedTuple):
    """A flag of `up` and its variable; `kind` is how the text is read."""

    name: str
    variable: str
    kind: str


UP_FLAGS: Final = (
    Flag("--servers", "LAB_SERVERS", "integer"),
    Flag("--rate", "LAB_RATE", "number"),
    Flag("--batch", "LAB_BATCH", "integer"),
    Flag("--transport", "LAB_TRANSPORT", "text"),
    Flag("--seed", "LAB_SEED", "integer"),
    Flag("--spike-rate", "LAB_SPIKE_RATE", "number"),
    Flag("--spike-height", "LAB_SPIKE_HEIGHT", "number"),
    Flag("--real/--no-real", "LAB_REAL", "switch"),
    Flag("--replay", "LAB_REPLAY", "text"),
    Flag("--workers", "LAB_WORKERS", "integer"),
    Flag("--ingest-processes", "LAB_INGEST_PROCESSES", "integer"),
    Flag("--fsync", "LAB_FSYNC", "text"),
    Flag("--host", "LAB_HOST", "text"),
    Flag("--port-base", "LAB_PORT_BASE", "integer"),
    Flag("--token", "LAB_TOKEN", "text"),
    Flag("--tls/--no-tls", "LAB_TLS", "switch"),
    Flag("--open/--no-open", "LAB_OPEN", "switch"),
)


class SettingType(click.ParamType[str]):
    """A click type that checks a text as the setting of a variable."""

    def __init__(self, flag: Flag) -> None:
        self.name = flag.kind
        self._flag = flag

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, if the variable may hold it."""
        text, variable = str(value), self._flag.variable
        try:
            getattr(Env({variable: text}), self._flag.kind)(variable)
        except ConfigError as error:
            self.fail(str(error).partition(": ")[2], param, ctx)
        return text

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What `--help` shows for the value."""
        variable = VARIABLES[self._flag.variable]
        return "|".join(variable.words) or {"integer": "N", "number": "X", "text": "TEXT"}[self._flag.kind]


def setting_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every flag of `UP_FLAGS`; its arguments then hold texts, None where a flag was not given."""
    for flag in reversed(UP_FLAGS):
        variable = (VARIABLES | OWN_VARIABLES)[flag.variable]
        shown = f"{variable.meaning} [{flag.variable}; {variable.default or 'none'}]"
        if flag.kind == "switch":
            command = click.option(flag.name, flag.variable, default=None, help=shown)(command)
        else:
            command = click.option(flag.name, flag.variable, type=SettingType(flag), help=shown)(command)
    return command


def given(arguments: dict[str, Any]) -> dict[str, str]:
    """The variables that were set by flag."""
    words = {True: "on", False: "off"}
    return {
        name: words.get(value, value)
        for name, value in arguments.items()
        if name.startswith("LAB_") and value is not None
    }
