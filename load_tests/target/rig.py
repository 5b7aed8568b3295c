"""Processes of a measurement's own: a pipeline, or a crossover, on free ports over a Valkey of its own.

Nothing else speaks to them, so what they use is what the load costs. Their files lie where the lab keeps its runs, on a
real disk: a temporary folder may be memory, where an fsync is free.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import psutil

from lab_runtime import valkey
from lab_runtime.env import Env
from metrics_core.errors import LabError
from metrics_core.histogram import Histogram

ROOT: Final = Path(__file__).resolve().parents[2]
READY_WITHIN_S: Final = 20.0
STOPS_WITHIN_S: Final = 6.0
_FIRST_PORT: Final = 30_000
_PR_SET_PDEATHSIG: Final = 1

Kind = Literal["pipelines", "http-redis", "websocket-memory", "http-memory", "websocket-redis"]

PIPELINE_A: Final = ("ingest", "worker-1", "worker-2", "fanout", "redis")
PIPELINE_B: Final = ("websocket",)


def free_block(size: int) -> int:
    """First of `size` consecutive ports that nobody listens on.

    Raises:
        LabError: There is no such block.
    """
    for base in range(_FIRST_PORT, 60_000, size):
        if all(is_free(base + offset) for offset in range(size)):
            return base
    raise LabError(f"no block of free ports between {_FIRST_PORT} and 60000")


def reserve_block(size: int) -> tuple[int, socket.socket]:
    """First of `size` ports that nobody listens on, and that no other rig takes while the socket is open.

    Two rigs that start at the same moment would else choose the same ports, and one would measure the other. The socket
    listens on the first port, which no rig uses.

    Raises:
        LabError: There is no such block.
    """
    for base in range(_FIRST_PORT, 60_000, size):
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", base))
            guard.listen()
        except OSError:
            guard.close()
            continue
        if all(is_free(base + offset) for offset in range(1, size)):
            return base, guard
        guard.close()
    raise LabError(f"no block of free ports between {_FIRST_PORT} and 60000")


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Rig:
    """Starts processes when entered, ends them all when left.

    Args:
        kind: Both pipelines, one of them (`http-redis` is A, `websocket-memory` is B), or one of the crossovers.
        settings: `LAB_…` variables on top of the defaults (`LAB_WORKERS`, `LAB_FSYNC`, …).
        build: The folder whose code runs.
    """

    def __init__(
        self,
        kind: Kind = "pipelines",
        settings: Mapping[str, str] | None = None,
        build: Path = ROOT,
    ) -> None:
        self.kind, self.build = kind, build
        self.settings = dict(settings or {})
        env = Env(self.settings)
        self.fsync, self.workers = env.text("LAB_FSYNC"), env.integer("LAB_WORKERS")
        self.ingest_processes = env.integer("LAB_INGEST_PROCESSES")
        self.folder = _new_folder()
        self.base, self._guard = reserve_block(8)
        self.ingest, self.fanout, self.websocket = self.base + 1, self.base + 2, self.base + 3
        self.redis_url = ""
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self.start_all()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @property
    def has_redis(self) -> bool:
        """Whether pipeline A's store and workers are part of it."""
        return self.kind not in ("http-memory", "websocket-memory")

    def start_all(self) -> None:
        """Start what this rig consists of, and wait until it is ready.

        Raises:
            LabError: Something does not start; the text has the last line of its log.
        """
        if self.has_redis:
            self._start_redis()
            for number in range(1, self.workers + 1):
                self.start_module(f"worker-{number}", "pipeline_http_redis", "worker")
            self.start_module("fanout", "pipeline_http_redis", "fanout")
        if self.kind in ("pipelines", "http-redis"):
            for name in self.ingest_names():
                self.start_module(name, "pipeline_http_redis", "ingest")
        if self.kind in ("pipelines", "websocket-memory"):
            self.start_module("websocket", "pipeline_websocket")
        if self.kind in ("http-memory", "websocket-redis"):
            self.start_module(self.kind, "load_tests.crossovers", self.kind)
        served = {
            "ingest": self.ingest,
            "http-memory": self.ingest,
            "fanout": self.fanout,
            "websocket": self.websocket,
            "websocket-redis": self.websocket,
        }
        for name in self.children:
            port = served.get("ingest" if name.startswith("ingest") else name)
            if port is not None:
                self.wait(partial(self._is_ready, port), name)
        if self.has_redis:
            self.wait(lambda: self._workers_seen() == self.workers, "workers")

    def _is_ready(self, port: int) -> bool:
        return bool(self.get(port, "/readyz"))

    def ingest_names(self) -> list[str]:
        """Names of the ingest processes."""
        n = self.ingest_processes
        return ["ingest"] if n == 1 else [f"ingest-{i}" for i in range(1, n + 1)]

    def _start_redis(self) -> None:
        sock, private = valkey.socket_path(self.folder)
        self._private = private
        self.redis_url = valkey.socket_url(sock)
        config = valkey.write_config(self.folder, sock, self.fsync)
        self.start("redis", valkey.binary(), str(config))
        self.wait(sock.exists, "redis")

    _private = ""

    def _workers_seen(self) -> int:
        import redis
        from rq import Worker

        connection = redis.Redis.from_url(self.redis_url)
        try:
            return len([key for key in Worker.all_keys(connection) if ":worker-" in key])
        finally:
            connection.close()

    def start_module(self, name: str, *module: str) -> None:
        """Start `python -m MODULE …` as a process of this rig."""
        self.start(name, sys.executable, "-m", *module)

    def start(self, name: str, *command: str) -> None:
        """Start a process of this rig."""
        environ = {
            **{key: text for key, text in os.environ.items() if not key.startswith(("LAB_", "PYTHON"))},
            "LAB_PRODUCER_RATE": "0",  # what is measured is the pipeline, not its limit
            **self.settings,
            "PYTHONPATH": str(self.build),
            "LAB_PORT_BASE": str(self.base),
            "LAB_REDIS_URL": self.redis_url,
            "LAB_RUN": "measurement",
            "LAB_LOG": "json",
            "LAB_PROCESS_NAME": name,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                command,
                cwd=self.build,
                env=environ,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the measurement; it ends these in order
                preexec_fn=end_with_parent,
            )

    def wait(self, ready: Callable[[], bool], name: str) -> None:
        """Wait until a process is ready.

        Raises:
            LabError: It is not, in time, or has ended.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            child = self.children.get(name)
            if child is not None and child.poll() is not None:
                break
            if ready():
                return
            time.sleep(0.02)
        log = self.folder / f"{name}.log"
        tail = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        raise LabError(f"{name} does not start: {' '.join(tail)[:500] or 'it says nothing'}")

    def pids(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Process ids by name; all, or those named."""
        return {
            name: child.pid for name, child in self.children.items() if names is None or name in set(names)
        }

    def get(self, port: int, path: str) -> Any:
        """JSON of a GET request; None where it is not answered with 200."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
                return json.load(reply)
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def histogram(self, port: int, clock: str = "processed") -> Histogram:
        """A pipeline's cumulative histogram, µs."""
        answer = self.get(port, "/v1/histograms") or {}
        return Histogram({int(bucket): int(n) for bucket, n in answer.get(clock, [])})

    def cpu_seconds(self, names: Iterable[str]) -> float:
        """Processor time that these processes used so far."""
        return sum(sum(psutil.Process(self.children[name].pid).cpu_times()[:2]) for name in names)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        children = list(reversed(self.children.values()))
        for child in children:
            child.send_signal(signal.SIGCONT)  # a process that a test has stopped cannot end
            child.terminate()
        for child in children:
            try:
                child.wait(timeout=STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._guard.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)


def end_with_parent() -> None:
    """In a child: be ended by the kernel if the measurement is killed (Linux; elsewhere nothing)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _new_folder() -> Path:
    """A folder for the rig's files; those of measurements that were killed are removed."""
    state = ROOT / Env().text("LAB_STATE_DIR")
    try:
        state.mkdir(parents=True, exist_ok=True)
        for left in state.glob("rig-*"):
            if not psutil.pid_exists(int(left.name.split("-")[1])):
                shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"rig-{os.getpid()}-", dir=state))
    except OSError as error:
        raise LabError(f"{state}: cannot keep the files of a measurement there ({error.strerror})") from None
