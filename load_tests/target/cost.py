"""What a pipeline's processes and its Redis use between two looks.

Processor time comes from the scheduler's own clock (`/proc/PID/task/*/schedstat`, ns) where there is one: `utime` and
`stime` count in ticks of 10 ms, 2 % of what pipeline B uses in a block of five seconds. They give the split between
user and system. Elsewhere psutil tells both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import redis
from msgspec import Struct

from load_tests.runs.schema import ProcessCost, RedisCost
from pipeline_http_redis.store.counters import unfinished_jobs

_PROC: Final = Path("/proc")
_FLUSHES_FIELD: Final = 18  # of /proc/diskstats, since Linux 5.5: flush requests completed
_REDIS_ANSWERS_WITHIN_S: Final = 5.0


class Usage(Struct, frozen=True):
    """A process so far: processor time in s, context switches; resident memory in bytes now.

    Attributes:
        exact_s: User and system time together, as exact as the machine tells; never goes back.
        user_s, system_s: In ticks.
    """

    exact_s: float
    user_s: float
    system_s: float
    rss_bytes: int
    voluntary: int
    involuntary: int


def usage(process: psutil.Process) -> Usage | None:
    """What a process used so far; None where it is gone, if only its parent has not noticed yet."""
    try:
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            times, rss_bytes = process.cpu_times(), process.memory_info().rss
            switches = process.num_ctx_switches()
        exact_s = max(_scheduled_s(process.pid), times.user + times.system)
        return Usage(exact_s, times.user, times.system, rss_bytes, switches.voluntary, switches.involuntary)
    except psutil.Error:
        return None


def _scheduled_s(pid: int) -> float:
    """Time on a processor of all threads that live (ticks count those that ended, too), s; 0: it is not told."""
    total = 0
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            total += int((task / "schedstat").read_text().split(" ", 1)[0])
    except (OSError, ValueError):
        return 0.0
    return total / 1e9


class ProcessMeter:
    """The processes of a target.

    Args:
        pids: By name.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes: dict[str, psutil.Process] = {}
        self.gone: list[str] = []
        for name, pid in pids.items():
            try:
                self._processes[name] = psutil.Process(pid)
            except psutil.Error:
                self.gone.append(name)
        self._first: dict[str, Usage] = {}
        self._last: dict[str, Usage] = {}
        self._highest: dict[str, int] = {}

    def begin(self) -> None:
        """Start the bill."""
        self._highest, self._last = {}, {}
        self.look()
        self._first = dict(self._last)

    def look(self) -> dict[str, Usage]:
        """Look at every process that lives; the bill runs to the last look."""
        for name, process in self._processes.items():
            seen = usage(process)
            if seen is None:
                if name not in self.gone:
                    self.gone.append(name)
                continue
            self._last[name] = seen
            self._highest[name] = max(self._highest.get(name, 0), seen.rss_bytes)
        return {name: seen for name, seen in self._last.items() if name not in self.gone}

    def bill(self) -> list[ProcessCost]:
        """From `begin` to the last look."""
        return [
            ProcessCost(
                name,
                *_split(first, last),
                self._highest[name],
                last.voluntary - first.voluntary,
                last.involuntary - first.involuntary,
            )
            for name, first in self._first.items()
            if (last := self._last.get(name))
        ]


def _split(first: Usage, last: Usage) -> tuple[float, float]:
    """User and system time: the exact sum, divided as the ticks say."""
    total_s = last.exact_s - first.exact_s
    user_s, system_s = last.user_s - first.user_s, last.system_s - first.system_s
    in_user_s = total_s * user_s / (user_s + system_s) if user_s + system_s > 0 else total_s
    return in_user_s, max(0.0, total_s - in_user_s)  # rounding may leave it a hair below 0


class RedisMeter:
    """Redis's own counters; nothing where it cannot be asked.

    Args:
        url: Empty: there is none, or it is out of reach.
        disk: Folder of its append-only file; empty: unknown.
    """

    def __init__(self, url: str, disk: str = "") -> None:
        self._client = (
            redis.Redis.from_url(url, socket_timeout=_REDIS_ANSWERS_WITHIN_S, retry=None) if url else None
        )
        self._disk = disk
        self._before: RedisCost | None = None

    def begin(self) -> None:
        """Start the bill."""
        self._before = self._look()

    def bill(self) -> RedisCost | None:
        """Since `begin`; None where it could not be asked."""
        before, now = self._before, self._look()
        if before is None or now is None:
            return None
        flushes = None if now.flushes is None or before.flushes is None else now.flushes - before.flushes
        return RedisCost(
            now.commands - before.commands,
            now.transactions - before.transactions,
            now.input_bytes - before.input_bytes,
            now.output_bytes - before.output_bytes,
            max(0, now.aof_bytes - before.aof_bytes),  # a rewrite makes the file smaller
            flushes,
        )

    def unfinished(self) -> int | None:
        """Jobs that wait or run, those of a dead worker included; None where it cannot be asked."""
        if self._client is None:
            return None
        try:
            return sum(unfinished_jobs(self._client))
        except (redis.RedisError, OSError):
            return None

    def _look(self) -> RedisCost | None:
        if self._client is None:
            return None
        try:
            info: dict[str, Any] = self._client.info("everything")
        except (redis.RedisError, OSError):
            return None
        return RedisCost(
            int(info["total_commands_processed"]),
            int(info.get("cmdstat_exec", {}).get("calls", 0)),
            int(info["total_net_input_bytes"]),
            int(info["total_net_output_bytes"]),
            int(info.get("aof_current_size", 0)),
            disk_flushes(self._disk) if self._disk else None,
        )


def disk_flushes(folder: str) -> int | None:
    """Flush requests that the device of a folder has completed since the machine started; None where unknown."""
    try:
        number = Path(folder).stat().st_dev
        for line in (_PROC / "diskstats").read_text().splitlines():
            fields = line.split()
            if (int(fields[0]), int(fields[1])) == (os.major(number), os.minor(number)):
                return int(fields[_FLUSHES_FIELD]) if len(fields) > _FLUSHES_FIELD else None
    except (OSError, ValueError, IndexError):
        pass
    return None
