"""How many files, and so connections, a process may have open; and what of that it has."""

from __future__ import annotations

import asyncio
import resource
from typing import Final

import psutil

_WANTED: Final = 65_536


def allow_many_connections() -> None:
    """Raise this process's own limit of open files as far as it may: each connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def held_now() -> dict[str, int]:
    """Gauges of what a process holds while it serves: a connection that is over must leave both as they were."""
    return {"tasks": len(asyncio.all_tasks()), "open_files": psutil.Process().num_fds()}
