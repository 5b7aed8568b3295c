"""`doctor`: what the lab needs of this machine, what it has, and how to repair the difference. Changes nothing."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

import psutil
from rich.table import Table

from control_plane.open_files import files_needed
from control_plane.ports import taken_ports
from control_plane.settings import PORTS, ROOT, Settings
from control_plane.state import find, read_record
from control_plane.terminal import Terminal
from lab_runtime import valkey
from lab_runtime.tls import TlsFiles
from metrics_core.errors import LabError

OK, NOTE, PROBLEM = "ok", "note", "problem"
_STYLES: Final = {OK: "green", NOTE: "yellow", PROBLEM: "bold red"}
_MB: Final = 1_000_000
MEMORY_NEEDED_MB: Final = 600
DISK_NEEDED_MB: Final = 500
RELEASED_S: Final = 1_760_000_000  # October 2025; a clock before that is wrong


class Finding(NamedTuple):
    """One line of the report: `ok`, `note` (the lab works without it) or `problem`, and what to do."""

    what: str
    verdict: str
    found: str
    fix: str = ""


def doctor(settings: Settings, terminal: Terminal) -> int:
    """Look, and show what was found.

    Returns:
        The exit code: 1 where something keeps the lab from working, else 0.
    """
    findings = examine(settings)
    table = Table()
    for column in ("what", "", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        verdict = f"[{_STYLES[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.what, verdict, finding.found, finding.fix)
    terminal.show(table)
    return 1 if any(finding.verdict == PROBLEM for finding in findings) else 0


def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order of the report."""
    looks: tuple[Callable[[], Finding], ...] = (
        _python,
        _locks,
        _cores,
        _memory,
        lambda: _disk(settings),
        lambda: _open_files(settings),
        lambda: _ports(settings),
        _store,
        lambda: _tls(settings),
        _clock,
        lambda: _program("chromium", ("chromium", "chromium-browser", "google-chrome"), "browser tests"),
        lambda: _program("redis-server", ("redis-server",), "tests against Redis besides Valkey"),
        lambda: _program("h2load", ("h2load",), "HTTP/2 load tests by a second program", "nghttp2-client"),
        _docker,
    )
    return [look() for look in looks]


def _python() -> Finding:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    return Finding(
        "Python",
        OK if good else PROBLEM,
        f"{version}, {sys.executable}",
        "" if good else "install Python 3.11 or newer",
    )


def _locks() -> Finding:
    try:
        stamp = json.loads((ROOT / ".venv" / "lab-stamp.json").read_text(encoding="utf-8"))["locks"]
    except (OSError, ValueError, KeyError):
        return Finding(
            "libraries", NOTE, "not installed by lab.py", "python3 lab.py up installs them into .venv"
        )
    now = {name: sha256((ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest() for name in stamp}
    if stamp != now:
        return Finding(
            "libraries", NOTE, "older than requirements/", "the next `python3 lab.py up` updates them"
        )
    return Finding("libraries", OK, f"as locked ({', '.join(sorted(stamp))})")


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{cores}"
    if cores >= 2:
        return Finding("processor cores", OK, found)
    return Finding(
        "processor cores", NOTE, found, "works; latencies will show that all processes share one core"
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available // _MB
    good = available >= MEMORY_NEEDED_MB
    fix = "" if good else f"close something: the lab needs about {MEMORY_NEEDED_MB} MB"
    return Finding("memory", OK if good else PROBLEM, f"{available:,} MB available", fix)


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(ROOT).free // _MB
    good = free >= DISK_NEEDED_MB
    fix = (
        ""
        if good
        else f"free some space: logs and the store in {settings.state_dir} need {DISK_NEEDED_MB} MB"
    )
    return Finding("disk", OK if good else PROBLEM, f"{free:,} MB free", fix)


def _open_files(settings: Settings) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(settings.servers)
    reachable = hard == resource.RLIM_INFINITY or hard >= needed
    found = f"{soft} now, {'no limit' if hard == resource.RLIM_INFINITY else hard} at most, {needed} needed"
    fix = "" if reachable else f"ulimit -Hn {needed} (as root), or fewer --servers"
    return Finding("open files", OK if reachable else PROBLEM, found, fix)


def _ports(settings: Settings) -> Finding:
    base = settings.port_base
    block = f"{base}-{base + PORTS - 1}"
    record = read_record(settings.state_dir)
    if record and find(record.supervisor):
        return Finding("ports", OK, f"the lab runs here, at {record.urls['dashboard']}")
    taken = taken_ports(settings.host, base)
    if not taken:
        return Finding("ports", OK, f"{block} are free")
    found = f"{', '.join(map(str, taken))} taken"
    return Finding("ports", NOTE, found, "`up` takes the next free five; or choose: --port-base")


def _store() -> Finding:
    try:
        program = valkey.binary()
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (LabError, OSError, subprocess.SubprocessError) as error:
        return Finding("Valkey", PROBLEM, str(error), "apt install redis-server, or set LAB_REDIS_URL")
    version = next((word for word in said.split() if word.startswith("v=")), said.strip()[:40])
    return Finding("Valkey", OK, f"{version.removeprefix('v=')}, embedded")


def _tls(settings: Settings) -> Finding:
    """How to trust the lab's own CA; nothing to do where TLS is not used."""
    ca = TlsFiles.under(settings.state_dir).ca
    if not ca.is_file():
        return Finding("TLS", OK, f"not used; `up --tls` makes a development CA, {ca}")
    how = (
        f"to trust it, import {ca} as an authority: Firefox: Settings, Certificates, Authorities; Chromium: "
        "chrome://certificate-manager; macOS and Windows: the system's keychain. curl: --cacert. Remove it after class"
    )
    return Finding("TLS", OK, f"development CA in {ca.parent}", how)


def _clock() -> Finding:
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.1)
    drift_ms = 1000 * abs((time.time() - wall) - (time.monotonic() - steady))
    if wall < RELEASED_S:
        return Finding(
            "clock", PROBLEM, time.strftime("%Y-%m-%d"), "set the date; latencies are differences of times"
        )
    if drift_ms > 5:
        found = f"wall clock moved {drift_ms:.0f} ms against the steady one"
        return Finding("clock", NOTE, found, "wait until time synchronisation has settled")
    return Finding("clock", OK, f"{time.strftime('%Y-%m-%d %H:%M')}, steady")


def _program(what: str, names: tuple[str, ...], needed_for: str, package: str | None = None) -> Finding:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found:
        return Finding(what, OK, found)
    return Finding(what, NOTE, "not found", f"only for {needed_for}: apt install {package or what}")


def _docker() -> Finding:
    program = shutil.which("docker")
    if program is None:
        return Finding(
            "docker", NOTE, "not found", "only for `docker compose up`; `python3 lab.py up` does without"
        )
    try:
        asked = [program, "version", "--format", "{{.Server.Version}}"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("docker", NOTE, f"{program}: {error}", "only for `docker compose up`")
    if answer.returncode:
        return Finding("docker", NOTE, "no engine answers", "only for `docker compose up`: start Docker")
    return Finding("docker", OK, f"engine {answer.stdout.strip()}")
