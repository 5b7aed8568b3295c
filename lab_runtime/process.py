"""How a process of the lab starts, stops and measures itself.

SIGTERM and SIGINT ask it to stop in order; a second one ends it at once. A `LabError` on the way up, or an address that
cannot be had, ends it with one clear line and exit code 2, never with a stack trace.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psutil
import uvloop

from lab_runtime.env import Env
from lab_runtime.logs import configure_logs, get_logger
from metrics_core.errors import LabError
from metrics_core.snapshot import ProcessView

_log = get_logger("process")
_CANNOT_LISTEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def now_us() -> int:
    """The wall clock in µs since 1970. The only clock that samples, marks and latencies are measured with."""
    return time.time_ns() // 1000


def start(default_name: str, body: Callable[[Env, str], Any]) -> None:
    """Configure logs and run `body(env, process_name)`; a `LabError` becomes one line and exit code 2."""
    env = Env()
    name = os.environ.get("LAB_PROCESS_NAME") or default_name
    try:
        configure_logs(name, env.text("LAB_LOG"))
        body(env, name)
    except LabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _CANNOT_LISTEN:
            raise
        print(f"{name}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def run_async(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` on uvloop; `stop` is set by the first SIGTERM or SIGINT, the second ends the process."""

    async def with_signals() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if stop.is_set():
                os._exit(1)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        await main(stop)

    calm_garbage_collector()
    uvloop.run(with_signals())


def end_with(task: asyncio.Task[Any], stop: asyncio.Event) -> None:
    """End the process in order when a task fails that it cannot do without; its supervisor starts it again.

    Else it would answer that it lives, and never commit or publish anything again.
    """

    def on_done(done: asyncio.Task[Any]) -> None:
        if not done.cancelled() and (error := done.exception()):
            _log.error("task_failed", task=done.get_name(), exc_info=error)
            stop.set()

    task.add_done_callback(on_done)


def calm_garbage_collector() -> None:
    """Take what was imported out of the collector's sight, and let it look less often.

    It finds reference cycles, of which the lab makes next to none, by walking over every container there is. With the
    defaults it starts that walk every 700 containers: at 100,000 samples/s more than a hundred times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


class SelfMeter:
    """CPU and memory of this process, as differences between two looks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process = psutil.Process()
        self._before = (time.monotonic(), sum(self._process.cpu_times()[:2]))

    def observe(self) -> ProcessView:
        """The process since the last look: CPU in percent of one core, resident memory in bytes."""
        now, cpu_s = time.monotonic(), sum(self._process.cpu_times()[:2])
        then, cpu_before_s = self._before
        self._before = (now, cpu_s)
        percent = 100 * (cpu_s - cpu_before_s) / (now - then) if now > then else 0.0
        return ProcessView(self._name, self._process.pid, round(percent, 1), self._process.memory_info().rss)
