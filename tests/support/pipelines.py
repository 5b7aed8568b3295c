"""Both pipelines as real processes on free ports, over a Redis or Valkey of their own that keeps every write."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import RedisError

from control_plane.ports import free_block
from lab_runtime import valkey
from metrics_core.histogram import Histogram
from metrics_core.ledger import Ledger, parse_ledger
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.counters import unfinished_jobs
from tests.support.child import Child, clean_environ
from tests.support.folders import short_folder
from tests.support.ports import first_port
from tests.support.waiting import until

FIRST_PORT: Final = 26_000
TOKEN: Final = "a-token-of-the-tests"


def redis_server() -> str:
    """Debian's redis-server, which the lab must work with as well as with Valkey."""
    found = shutil.which("redis-server")
    assert found, "these tests need a redis-server too: apt-get install redis-server"
    return found


@contextmanager
def temporary_pipelines(store: str | None = None, **settings: str) -> Iterator[Pipelines]:
    """Pipelines of which nothing runs yet, in a folder of their own; all is gone afterwards."""
    with short_folder() as folder, Pipelines(folder, store, **settings) as pipelines:
        yield pipelines


class Pipelines:
    """The processes of both pipelines, each started when a test asks for it.

    Args:
        folder: An empty folder for logs, sockets and the append-only file; its path must be short.
        store: The server program; None: the embedded Valkey.
        settings: `LAB_…` variables without the prefix, for all processes.
    """

    def __init__(self, folder: Path, store: str | None = None, **settings: str) -> None:
        self.folder = folder
        self.base = free_block("127.0.0.1", first_port(FIRST_PORT))
        self.ingest_port, self.fanout_port, self.websocket_port = self.base + 1, self.base + 2, self.base + 3
        socket, private = valkey.socket_path(folder)
        assert not private, f"too long for a socket: {folder}"
        self.redis_url = valkey.socket_url(socket)
        self.socket = socket
        self._store = store or valkey.binary()
        self._settings = {
            "LAB_PORT_BASE": str(self.base),
            "LAB_REDIS_URL": self.redis_url,
            "LAB_RUN": "test",
            "LAB_STATE_DIR": str(folder),
            "LAB_LOG": "json",
            "LAB_FSYNC": "always",
            "LAB_PRODUCER_RATE": "0",
        } | {f"LAB_{name}": text for name, text in settings.items()}
        self.token = self._settings.get("LAB_TOKEN", "")
        self.children: dict[str, Child] = {}
        self.redis = redis.Redis.from_url(self.redis_url)

    # -- processes -----------------------------------------------------------------------------------------------

    def start(self, *names: str, **settings: str) -> None:
        """Start processes by name: `store`, `ingest`, `ingest-2`, `worker-1`, `fanout`, `websocket`, `fleet`.

        Args:
            names: A role, and a number where there may be several.
            settings: `LAB_…` variables without the prefix, for these processes only.
        """
        own = {f"LAB_{name}": text for name, text in settings.items()}
        for name in names:
            self.children[name] = Child(
                name,
                self._command(name),
                clean_environ(**(self._settings | own | {"LAB_PROCESS_NAME": name})),
                self.folder / f"{name}.log",
            )
        for name in names:
            self.wait_ready(name)

    def start_a(self, workers: int = 2, ingests: int = 1, **settings: str) -> None:
        """Start all of pipeline A; `settings` are for all but the store."""
        self.start("store")
        self.start(*(f"ingest-{n}" for n in range(1, ingests + 1)), "fanout", **settings)
        self.start(*(f"worker-{n}" for n in range(1, workers + 1)), **settings)

    def _command(self, name: str) -> list[str]:
        role = name.partition("-")[0]
        if role == "store":
            return [
                self._store,
                str(valkey.write_config(self.folder, self.socket, self._settings["LAB_FSYNC"])),
            ]
        modules = {"websocket": ["pipeline_websocket"], "fleet": ["fake_servers"]}
        return [sys.executable, "-m", *modules.get(role, ["pipeline_http_redis", role])]

    def wait_ready(self, name: str) -> None:
        """Wait until a process can do its work."""
        role, child = name.partition("-")[0], self.children[name]
        ports = {"fanout": self.fanout_port, "websocket": self.websocket_port}

        def ready() -> bool:
            assert child.alive, f"{name} ended: {child.said()[-2000:]}"
            if role == "store":
                return self.store_answers()
            if role in ("worker", "ingest"):  # several may share a port: its own sign of life counts
                sign = self.redis.hget(keys.PROCESSES, name)
                return isinstance(sign, bytes) and keys.unpack_process(sign)[0] == child.pid
            return role == "fleet" or self.get(ports[role], "/readyz") is not None

        until(ready, f"{name} is ready")

    def revive(self, *names: str) -> None:
        """Start again what ended, as the supervisor does."""
        for name in names:
            if not self.children[name].alive:
                self.children[name].restart()

    def store_answers(self) -> bool:
        """Whether Redis answers (not while it loads its file)."""
        try:
            return bool(self.redis.ping())
        except (RedisError, OSError):
            return False

    def __getitem__(self, name: str) -> Child:
        return self.children[name]

    # -- what the pipelines say ----------------------------------------------------------------------------------

    def get(self, port: int, path: str) -> Any:
        """JSON of a GET request; None where it is not answered with 200."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return json.load(reply)
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def ask_fleet(self, path: str, method: str = "GET") -> Any:
        """JSON of the fleet's control."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.base + 4}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def ledger_json(self, pipeline: str = "http_redis") -> dict[str, Any]:
        """The answer of `GET /v1/ledger`."""
        port = self.ingest_port if pipeline == "http_redis" else self.websocket_port
        answer: dict[str, Any] | None = self.get(port, "/v1/ledger")
        assert answer is not None, f"no ledger from {pipeline}"
        return answer

    def totals(self, pipeline: str = "http_redis") -> dict[str, int]:
        """The pipeline's counters."""
        totals: dict[str, int] = self.ledger_json(pipeline)["totals"]
        return totals

    def ledger(self, pipeline: str = "http_redis") -> Ledger:
        """Which identities are processed."""
        return parse_ledger(self.ledger_json(pipeline)["producers"])

    def processed(self, producer: str, pipeline: str = "http_redis") -> list[list[int]]:
        """The sequence numbers of epoch 1 of a producer, as intervals."""
        found = self.ledger(pipeline)
        return found[producer][1].as_lists() if producer in found else []

    def histogram(self, clock: str, pipeline: str = "http_redis") -> Histogram:
        """The cumulative histogram of a clock."""
        port = self.ingest_port if pipeline == "http_redis" else self.websocket_port
        answer = self.get(port, "/v1/histograms")
        assert answer is not None, f"no histograms from {pipeline}"
        return Histogram(dict(answer[clock]))

    def metric(self, name: str, port: int) -> float:
        """One value of a process's `/metrics`, by its name without `lab_`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        values = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
        return float(values[f"lab_{name}"])

    def settled(self) -> bool:
        """Whether pipeline A has applied all that it committed."""
        return not any(unfinished_jobs(self.redis))

    def stack_traces(self) -> list[str]:
        """Names of processes that wrote a stack trace."""
        return [name for name, child in self.children.items() if "Traceback" in child.said()]

    # -- the end -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Pipelines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.redis.close()
        for child in reversed(self.children.values()):
            child.close()
