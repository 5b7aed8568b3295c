"""Arms of a comparison as users write them: what is measured, with which settings, out of which folder.

::

    http1                          pipeline A by HTTP/1.1, as it stands here
    websocket-redis                a crossover: WebSocket ingest, Redis and RQ behind it
    http1:workers=4:fsync=everysec with settings
    http1@../other-clone           the code of another folder
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab_runtime.env import VARIABLES, Env
from load_tests.runs.machine import revision
from load_tests.runs.schema import Protocol, Store
from load_tests.target.rig import ROOT, Kind, Rig
from load_tests.target.target import ARMS, Target
from metrics_core.errors import ConfigError, LabError

PIPELINES: Final = ("http1", "http2", "websocket")
"""The arms that a lab which runs has; the others are crossovers."""

SETTINGS: Final = {
    "workers": "LAB_WORKERS",
    "fsync": "LAB_FSYNC",
    "ingest_processes": "LAB_INGEST_PROCESSES",
    "ring_capacity": "LAB_RING_CAPACITY",
    "backlog_capacity": "LAB_BACKLOG_CAPACITY",
}
"""What an arm may set of its processes, and the variable that does it."""

LOADS: Final = ("batch", "producers", "rate")
"""What an arm may set of its load."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm.

    Attributes:
        name: As it was written.
        base: One of `ARMS`.
        settings: `LAB_…` variables of its processes.
        load: Settings of its load, by `LOADS`.
        build: Folder of its code.
    """

    name: str
    base: str
    settings: tuple[tuple[str, str], ...]
    load: tuple[tuple[str, float], ...]
    build: Path

    @property
    def protocol(self) -> Protocol:
        """What its producers speak."""
        return ARMS[self.base][0]

    @property
    def store(self) -> Store:
        """What is behind its ingest."""
        return ARMS[self.base][1]

    @property
    def kind(self) -> Kind:
        """The rig that it needs."""
        if self.protocol == "websocket":
            return "websocket-memory" if self.store == "memory" else "websocket-redis"
        return "http-memory" if self.store == "memory" else "http-redis"

    def make_rig(self) -> Rig:
        """The rig that it needs; not started."""
        return Rig(self.kind, dict(self.settings), self.build)

    def target(self, rig: Rig) -> Target:
        """This arm on a rig that runs."""
        on_b = self.base in ("websocket", "websocket-redis")
        port = rig.websocket if on_b else rig.ingest
        feed_port = rig.websocket if self.base == "websocket" else rig.fanout
        return Target(
            arm=self.name,
            protocol=self.protocol,
            store=self.store,
            host="127.0.0.1",
            port=port,
            http_url=f"http://127.0.0.1:{port}",
            feed_url=f"ws://127.0.0.1:{feed_port}/v1/feed",
            processes=rig.pids(),
            redis_url=rig.redis_url if self.store == "redis" else "",
            fsync=rig.fsync,
            workers=rig.workers,
            ingest_processes=rig.ingest_processes,
            build="this folder" if self.build == ROOT else self.build.name,
            revision=revision(self.build),
            own_lab=True,
            disk=str(rig.folder) if self.store == "redis" else "",
        )


def parse_arm(text: str) -> Arm:
    """An arm as it is written.

    Raises:
        ConfigError: It is none; the text says what may stand there.
    """
    spec, at, folder = text.partition("@")
    base, *given = spec.split(":")
    if base not in ARMS:
        near = difflib.get_close_matches(base, ARMS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"no arm {base!r}{hint} (there are {', '.join(ARMS)})")
    settings: dict[str, str] = {}
    load: dict[str, float] = {}
    for each in given:
        name, _, value = each.partition("=")
        if not value or name not in (*SETTINGS, *LOADS):
            raise ConfigError(f"{text}: expected NAME=VALUE with one of {', '.join((*SETTINGS, *LOADS))}")
        if SETTINGS.get(name) in settings or name in load:
            raise ConfigError(f"{text}: {name} is given twice")
        if name in SETTINGS:
            _check_setting(text, SETTINGS[name], value)
            settings[SETTINGS[name]] = value
        else:
            load[name] = _number(text, name, value)
    build = _build(text, folder) if at else ROOT
    return Arm(text, base, tuple(sorted(settings.items())), tuple(sorted(load.items())), build)


def _check_setting(text: str, variable: str, value: str) -> None:
    env = Env({variable: value})
    try:
        if VARIABLES[variable].words:
            env.text(variable)
        else:
            env.integer(variable)
    except ConfigError as error:
        raise ConfigError(f"{text}: {str(error).partition(': ')[2]}") from None
    if variable == "LAB_WORKERS" and value == "0":
        raise ConfigError(f"{text}: without workers nothing is ever processed; expected 1 or more")


def _number(text: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < math.inf:
        raise ConfigError(f"{text}: {name}={value}: expected a number above 0")
    if name != "rate" and number != int(number):
        raise ConfigError(f"{text}: {name}={value}: expected a whole number")
    return number


def _build(text: str, folder: str) -> Path:
    build = Path(folder).expanduser().resolve()
    if not folder or not (build / "pipeline_http_redis" / "__main__.py").is_file():
        raise ConfigError(f"{text}: {folder or 'what follows @'} is not a folder of this lab")
    return build


def parse_arms(texts: Iterable[str]) -> list[Arm]:
    """Several arms, each once.

    Raises:
        LabError: One is none, or comes twice.
    """
    arms = [parse_arm(text) for text in texts]
    names = [arm.name for arm in arms]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise LabError(f"{', '.join(sorted(twice))}: named twice (to compare equal code, name two folders)")
    return arms
