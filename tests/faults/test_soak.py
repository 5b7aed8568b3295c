"""Both pipelines at a steady rate: what they hold stays what it is. A minute here; LAB_TEST_SOAK_S=1800: half an hour.

Each figure is looked at twice a second, and after a third of the time, when buffers of fixed size have filled up, a
straight line is laid through it. What grows by itself, however slowly, has a slope; what fluctuates has none.
"""

from __future__ import annotations

import faulthandler
import os
import statistics
import time
from collections import defaultdict
from functools import partial
from typing import Any, Final

import psutil

from metrics_core.ledger import audit
from tests.support.account import check_by_oracle
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.waiting import until

SOAK_S: Final = float(os.environ.get("LAB_TEST_SOAK_S") or 60)
HANGS_AFTER_S: Final = 240.0
LOOK_EVERY_S: Final = max(0.5, SOAK_S / 240)

LOAD: Final = {"TRANSPORT": "twin", "SERVERS": "40", "RATE": "10", "BATCH": "2"}
"""400 samples a second down each pipeline, in 200 batches: far below what they can do, so that nothing piles up."""

SMALL_BUFFERS: Final = {"OUTBOX_CAPACITY": "150", "RING_CAPACITY": "50"}
"""Full after 15 s, so that their filling up is not taken for a leak."""

POOL: Final = 32
"""Connections that the fleet's HTTP client may open; how many it needs depends on what else the machine does."""

MOST_GROWTH: Final = {"bytes": 4 * 1024 * 1024, "descriptors": 4 + POOL, "tasks": 8 + 3 * POOL, "keys": 20}
"""How much may come together over the time that is measured, by the straight line: noise, and a pool that fills up.

One descriptor or task left behind by one request in a hundred would be more.
"""


class Watch:
    """Figures over time: `<process> <what>` → readings."""

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self._begun_s = time.monotonic()
        self.times_s: list[float] = []
        self.readings: dict[str, list[float]] = defaultdict(list)

    def look(self) -> None:
        """Read every figure once."""
        self.times_s.append(time.monotonic() - self._begun_s)
        for name, child in self._pipelines.children.items():
            process = psutil.Process(child.pid)
            self.readings[f"{name} bytes"].append(process.memory_info().rss)
            self.readings[f"{name} descriptors"].append(process.num_fds())
        ports = {"ingest-1": self._pipelines.ingest_port, "websocket": self._pipelines.websocket_port}
        for name, port in ports.items():
            self.readings[f"{name} tasks"].append(self._pipelines.metric("tasks", port))
        connection: Any = self._pipelines.redis
        self.readings["store keys"].append(connection.dbsize())

    def slopes(self) -> dict[str, tuple[float, float]]:
        """What grows by how much: the slope per second, and what may come together in the time it was taken over."""
        first = next(i for i, at_s in enumerate(self.times_s) if at_s >= self.times_s[-1] / 3)
        times_s = self.times_s[first:]
        return {
            name: (
                statistics.linear_regression(times_s, values[first:]).slope,
                MOST_GROWTH[name.split()[-1]] / (times_s[-1] - times_s[0]),
            )
            for name, values in self.readings.items()
        }


def due(at_s: float) -> bool:
    """Whether it is time."""
    return time.monotonic() >= at_s


def test_nothing_grows_at_a_steady_rate() -> None:
    faulthandler.dump_traceback_later(
        SOAK_S + HANGS_AFTER_S, exit=True
    )  # pytest's own is made for shorter tests
    with temporary_pipelines(**LOAD, **SMALL_BUFFERS) as pipelines:
        pipelines.start_a(workers=2)
        pipelines.start("websocket", "fleet")
        watch = Watch(pipelines)
        end_s = time.monotonic() + SOAK_S
        while (now_s := time.monotonic()) < end_s:
            watch.look()
            until(partial(due, now_s + LOOK_EVERY_S), "the next look is due", within_s=LOOK_EVERY_S + 5)
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        until(pipelines.settled, "everything committed is applied")
        told = pipelines.ask_fleet("/api/ledger")["pipelines"]
        for pipeline in ("http_redis", "websocket"):
            found = audit(told[pipeline], pipelines.ledger_json(pipeline))
            assert found.ok, f"{pipeline}: {found}"
            assert found.created == found.processed > 200 * SOAK_S
            check_by_oracle(pipelines, pipeline)
        assert pipelines.stack_traces() == []
    grows = []
    for name, (slope, most) in watch.slopes().items():
        line = f"{name}: {slope:+.3g}/s, at most {most:.3g}/s (now {watch.readings[name][-1]:,.0f})"
        print(line)
        if slope > most:
            grows.append(line)
    assert grows == [], f"over {SOAK_S:g} s these grow: {grows}"
