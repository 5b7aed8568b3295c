"""Which processes a lab consists of, in which order, with which environment. Starts nothing.

Stages are started one after the other, each when the one before is ready, and stopped in reverse. Within a stage all
start together: on two cores that is what lets both feeds move within four seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from control_plane.settings import Settings
from control_plane.tls import make_certificates
from lab_runtime import valkey

STORE = "redis"
WORKER = "worker"
FAULTS_SOCKET = "faults.sock"


@dataclass(frozen=True, slots=True)
class ReadyUrl:
    """A child is ready when this URL answers 200."""

    url: str


Probe = ReadyUrl | Callable[[], Awaitable[bool]] | None
"""How to see that a child is ready; None: when it runs."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process to run.

    Attributes:
        name: In events, feeds, `/api/processes`, and of its log file.
        command: Program and arguments.
        environ: Its whole environment.
        probe: How to see that it is ready.
        launcher: Stands before the command and replaces itself by it (`exec`), so that it is not seen afterwards.
    """

    name: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(repr=False)
    probe: Probe = None
    launcher: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a lab is made of.

    Attributes:
        stages: Its processes.
        redis_url: Its store.
        faults_socket: Where its fault engine listens.
        redis_socket: The embedded Valkey's socket; None: the store is the user's.
        private_dir: A temporary folder that goes with the lab (empty: none).
    """

    stages: tuple[tuple[ChildSpec, ...], ...]
    redis_url: str
    faults_socket: Path
    redis_socket: Path | None = None
    private_dir: str = ""


def numbered(name: str, n: int) -> list[str]:
    """`name` for one, `name-1 … name-n` for more."""
    return [name] if n == 1 else [f"{name}-{i}" for i in range(1, n + 1)]


def make_plan(settings: Settings) -> Plan:
    """Plan a lab; writes Valkey's settings into the run's folder, and with TLS the certificate.

    Raises:
        LabError: There is no Valkey to run, or a certificate cannot be written.
    """
    if settings.tls:
        make_certificates(settings)
    redis_url = settings.redis_url
    store_stage: tuple[ChildSpec, ...] = ()
    socket, private_dir = valkey.socket_path(settings.run_dir)
    if not redis_url:
        redis_url = valkey.socket_url(socket)
        store_stage = (_store(settings, socket),)

    def child(name: str, module: str, port_offset: int | None, *arguments: str) -> ChildSpec:
        port = settings.port_base + (port_offset or 0)
        scheme = "https" if settings.tls else "http"
        probe = None if port_offset is None else ReadyUrl(f"{scheme}://{settings.client_host}:{port}/readyz")
        command = (sys.executable, "-m", module, *arguments)
        return ChildSpec(name, command, settings.child_environ(name, redis_url), probe)

    pipelines = (
        *(worker_spec(settings, redis_url, number) for number in range(1, settings.workers + 1)),
        *(
            child(name, "pipeline_http_redis", 1, "ingest")
            for name in numbered("ingest", settings.ingest_processes)
        ),
        child("fanout", "pipeline_http_redis", 2, "fanout"),
        child("websocket", "pipeline_websocket", 3),
        child("dashboard", "control_plane", 0, "serve"),
    )
    fleet = (child("fleet", "fake_servers", 4),)
    stages = tuple(stage for stage in (store_stage, pipelines, fleet) if stage)
    redis_socket = None if settings.redis_url else socket
    return Plan(stages, redis_url, socket.with_name(FAULTS_SOCKET), redis_socket, private_dir)


def worker_spec(settings: Settings, redis_url: str, number: int) -> ChildSpec:
    """One RQ worker of pipeline A; it serves no port, and is ready when it runs."""
    name = f"{WORKER}-{number}"
    command = (sys.executable, "-m", "pipeline_http_redis", "worker")
    return ChildSpec(name, command, settings.child_environ(name, redis_url))


def _store(settings: Settings, socket: Path) -> ChildSpec:
    config = valkey.write_config(settings.run_dir, socket, settings.fsync)
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    command = (valkey.binary(), str(config))
    return ChildSpec(STORE, command, environ, partial(valkey.answers, socket), valkey.LAUNCHER)
