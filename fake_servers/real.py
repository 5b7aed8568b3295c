"""This machine as one more producer, read with psutil.

A value that this system does not give (no network counters in some containers) reads as 0.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from typing import Any

import psutil

from fake_servers.roles import Role
from fake_servers.signals import Reading

REAL = Role("real", (0, 0), 0, 0, (0, 0), 1, (0, 0), 1, 0, 0)
"""The role of this machine. Only its name counts: nothing here is made up."""


class ThisMachine:
    """The machine that the fleet runs on, as a source of readings."""

    def __init__(self) -> None:
        self._before_s: float | None = None
        self._received, self._sent = _network()
        psutil.cpu_percent()  # the first call only sets the mark that the next one counts from

    def read(self, at_s: float) -> Reading:
        """The machine now; rates since the last reading."""
        elapsed_s = at_s - self._before_s if self._before_s is not None else 0.0
        self._before_s = at_s
        received, sent = _network()
        rx, tx = received - self._received, sent - self._sent
        self._received, self._sent = received, sent
        return Reading(
            round(min(100.0, psutil.cpu_percent()), 2),
            round(psutil.virtual_memory().percent, 2),
            _disk_percent(),
            max(0, int(rx / elapsed_s)) if elapsed_s > 0 else 0,
            max(0, int(tx / elapsed_s)) if elapsed_s > 0 else 0,
        )


def machine_name(hostname: str | None = None, taken: Collection[str] = ()) -> str:
    """A producer's name for this machine: its host name in the characters that a name may have."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", hostname if hostname is not None else socket.gethostname())
    name = clean.strip("-.")[:58] or "this-machine"
    return f"{name}-real" if name in taken else name


def _network() -> tuple[int, int]:
    try:
        counters: Any = psutil.net_io_counters()  # None where there is no interface
    except OSError:
        return 0, 0
    return (counters.bytes_recv, counters.bytes_sent) if counters else (0, 0)


def _disk_percent() -> float:
    try:
        return round(float(psutil.disk_usage("/").percent), 2)
    except OSError:
        return 0.0
