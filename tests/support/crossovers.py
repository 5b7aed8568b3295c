"""The crossovers as real processes, on the ports of the pipelines that they are made of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.folders import short_folder
from tests.support.pipelines import Pipelines
from tests.support.waiting import until

HTTP_MEMORY: Final = "http-memory"
WEBSOCKET_REDIS: Final = "websocket-redis"
CROSSOVERS: Final = (HTTP_MEMORY, WEBSOCKET_REDIS)


class Crossover(Pipelines):
    """The processes of one crossover; with Redis, pipeline A's workers and fan-out among them."""

    def start_all(self, which: str, workers: int = 2) -> None:
        """Start it with all that it needs."""
        if which == WEBSOCKET_REDIS:
            self.start("store", which, "fanout", *(f"worker-{n}" for n in range(1, workers + 1)))
        else:
            self.start(which)

    def _command(self, name: str) -> list[str]:
        if name in CROSSOVERS:
            return [sys.executable, "-m", "load_tests.crossovers", name]
        return super()._command(name)

    def wait_ready(self, name: str) -> None:
        if name not in CROSSOVERS:
            super().wait_ready(name)
            return
        ports = (self.ingest_port, self.fanout_port) if name == HTTP_MEMORY else (self.websocket_port,)

        def ready() -> bool:
            assert self[name].alive, f"{name} ended: {self[name].said()[-2000:]}"
            return all(self.get(port, "/readyz") for port in ports)

        until(ready, f"{name} is ready")

    def settled(self) -> bool:
        """Whether all that is held is applied; in memory that is one."""
        return "store" not in self.children or super().settled()


@contextmanager
def crossover(**settings: str) -> Iterator[Crossover]:
    """A crossover of which nothing runs yet."""
    with short_folder() as folder:
        processes = Crossover(folder, **settings)
        with processes:
            yield processes
