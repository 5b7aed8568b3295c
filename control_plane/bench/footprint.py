"""The default lab as a user starts it: time until both feeds move, memory, CPU. Measured from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson
import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect as connect_websocket

from control_plane.bench.figure import Figure, Void
from control_plane.bench.runs import dashboard
from load_tests.target.rig import free_block

_ROOT: Final = Path(__file__).resolve().parents[2]
_MOVING_WITHIN_S: Final = 30.0


def footprint(rounds: int, seconds: float) -> Iterator[Figure]:
    """Start the default lab `rounds` times; each figure is absolute, not a ratio."""
    starts, memory, cpu = [], [], []
    for _ in range(rounds):
        start_s, rss_mb, core_percent = _one_start(seconds)
        starts.append(start_s)
        memory.append(rss_mb)
        cpu.append(core_percent)
    yield Figure("up_seconds", "`up`, from installed to both feeds moving", starts, 4.0, False, "s")
    yield Figure("up_memory", "default lab, resident memory of all its processes", memory, 450, False, "MB")
    yield Figure("up_cpu", "default lab, CPU of all its processes", cpu, 40, False, "% of a core")


def _one_start(seconds: float) -> tuple[float, float, float]:
    base = free_block(8)
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        started = time.perf_counter()
        lab = subprocess.Popen(
            [sys.executable, str(_ROOT / "lab.py"), "up", "--no-open", "--port-base", str(base)],
            cwd=_ROOT,
            env={**_environ(), "LAB_STATE_DIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            for port in (base + 2, base + 3):
                _wait_until_moving(port, started)
            start_s = time.perf_counter() - started
            time.sleep(5)  # what a start costs is not what running costs
            tree = [psutil.Process(lab.pid), *psutil.Process(lab.pid).children(recursive=True)]
            before, clock = _cpu_seconds(tree), time.perf_counter()
            with dashboard(base + 2), dashboard(base + 3):  # one dashboard connected
                time.sleep(seconds)
                used, elapsed = _cpu_seconds(tree) - before, time.perf_counter() - clock
            rss_mb = sum(process.memory_info().rss for process in tree) / 1e6
            return start_s, rss_mb, 100 * used / elapsed
        finally:
            lab.send_signal(signal.SIGINT)
            try:
                lab.wait(timeout=20)
            except subprocess.TimeoutExpired:
                lab.kill()
                lab.wait()


def _environ() -> dict[str, str]:
    return {key: text for key, text in os.environ.items() if not key.startswith("LAB_")}


def _cpu_seconds(tree: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def _wait_until_moving(port: int, started: float) -> None:
    """Until a feed's snapshot counts a processed sample."""
    while time.perf_counter() - started < _MOVING_WITHIN_S:
        try:
            with connect_websocket(f"ws://127.0.0.1:{port}/v1/feed", compression=None, max_size=None) as feed:
                while orjson.loads(feed.recv(timeout=5, decode=False))["totals"]["processed"] == 0:
                    pass
                return
        except (OSError, TimeoutError, WebSocketException):
            time.sleep(0.02)
    raise Void(f"the feed on port {port} does not move after {_MOVING_WITHIN_S:.0f} s")
