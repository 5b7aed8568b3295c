"""Processors that are busy throughout: so that calm and attacked are measured on the same machine.

Attackers take processor time, and a machine whose processors are busy answers later, whoever is asked (here by two to
three times, though the busy ones run at the lowest priority). That is no harm done by the server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_AT_MOST_S: Final = 300
_SPIN: Final = f"import time\nend = time.monotonic() + {_AT_MOST_S}\nwhile time.monotonic() < end: pass"


def give_way(pid: int) -> None:
    """Let a process run only when no other wants to."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def processors_busy() -> Iterator[None]:
    """Keep all processors busy, giving way to whoever wants them."""
    with ExitStack() as stack:
        for _ in range((os.cpu_count() or 1) + 1):
            spinning = stack.enter_context(subprocess.Popen([sys.executable, "-S", "-c", _SPIN]))
            stack.callback(spinning.kill)
            give_way(spinning.pid)
        yield
