"""Processes for a measurement: both pipelines and the bare references, on free ports, over one Valkey of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psutil

from lab_runtime import valkey
from metrics_core.errors import LabError
from metrics_core.histogram import Histogram

_ROOT: Final = Path(__file__).resolve().parents[2]
_READY_WITHIN_S: Final = 15.0

PIPELINE_A: Final = ("ingest", "worker-1", "worker-2", "fanout", "valkey")
PIPELINE_B: Final = ("websocket",)


def free_block(size: int) -> int:
    """First of `size` consecutive ports that nobody listens on."""
    for base in range(30_000, 60_000, size):
        if all(_is_free(base + offset) for offset in range(size)):
            return base
    raise LabError("no block of free ports between 30000 and 60000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Rig:
    """Both pipelines (two workers) and the bare references, running; ends them all when left."""

    def __init__(self, fsync: str = "always") -> None:
        self._fsync = fsync
        self.base = free_block(8)
        self.bare_http, self.bare_websocket = self.base + 6, self.base + 7
        self.ingest, self.fanout, self.websocket = self.base + 1, self.base + 2, self.base + 3
        self._folder = Path(tempfile.mkdtemp(prefix="lab-bench-"))
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.redis_url = ""

    def __enter__(self) -> Rig:
        try:
            self._start_all()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start_all(self) -> None:
        sock, private = valkey.socket_path(self._folder)
        if private:
            shutil.rmtree(private)  # the folder is short; only a very long TMPDIR gets here
            raise LabError(f"the path of the temporary folder is too long for a socket: {self._folder}")
        self.redis_url = valkey.socket_url(sock)
        config = valkey.write_config(self._folder, sock, self._fsync)
        self._start("valkey", valkey.binary(), str(config))
        self._wait(sock.exists, "valkey")
        module = (sys.executable, "-m")
        self._start("ingest", *module, "pipeline_http_redis", "ingest")
        self._start("worker-1", *module, "pipeline_http_redis", "worker")
        self._start("worker-2", *module, "pipeline_http_redis", "worker")
        self._start("fanout", *module, "pipeline_http_redis", "fanout")
        self._start("websocket", *module, "pipeline_websocket")
        bare = (*module, "control_plane.bench.bare")
        self._start("bare-http", *bare, "http", str(self.bare_http))
        self._start("bare-websocket", *bare, "websocket", str(self.bare_websocket))
        self._start("bare-worker", *bare, "worker", self.redis_url)
        for name, port in (("ingest", self.ingest), ("fanout", self.fanout), ("websocket", self.websocket)):
            self._wait(lambda port=port: bool(self.get(port, "/readyz")), name)
        for name, port in (("bare-http", self.bare_http), ("bare-websocket", self.bare_websocket)):
            self._wait(lambda port=port: not _is_free(port), name)
        self._wait(lambda: self._workers_seen() == 2, "workers")

    def _workers_seen(self) -> int:
        import redis
        from rq import Worker

        connection = redis.Redis.from_url(self.redis_url)
        try:
            return len([key for key in Worker.all_keys(connection) if ":worker-" in key])
        finally:
            connection.close()

    def _start(self, name: str, *command: str) -> None:
        environ = {
            **{key: text for key, text in os.environ.items() if not key.startswith("LAB_")},
            "LAB_PORT_BASE": str(self.base),
            "LAB_REDIS_URL": self.redis_url,
            "LAB_RUN": "bench",
            "LAB_LOG": "json",
            "LAB_PROCESS_NAME": name,
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                command, cwd=_ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def _wait(self, ready: Any, name: str) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            if ready():
                return
            time.sleep(0.02)
        log = self._folder / f"{name}.log"
        tail = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        raise LabError(f"{name} is not ready after {_READY_WITHIN_S:.0f} s: {' '.join(tail)[:500]}")

    def get(self, port: int, path: str) -> Any:
        """JSON of a GET request; None where it is not answered with 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
                return json.load(reply)
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def histogram(self, port: int, clock: str = "processed") -> Histogram:
        """A pipeline's (or bare reference's) cumulative histogram."""
        answer = self.get(port, "/v1/histograms") or {}
        return Histogram({int(bucket): int(n) for bucket, n in answer.get(clock, [])})

    def cpu_seconds(self, names: Iterable[str]) -> float:
        """Processor time that these processes used so far."""
        return sum(sum(psutil.Process(self._children[name].pid).cpu_times()[:2]) for name in names)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        children = list(reversed(self._children.values()))
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
