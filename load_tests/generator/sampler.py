"""Looks at the pipeline once a second while it is measured: latencies, backlog, processor and memory by process."""

from __future__ import annotations

import time
from typing import Any, Final

import gevent
from msgspec import Struct, field

from lab_runtime.process import now_us
from load_tests.generator.observer import Observer
from load_tests.generator.pipeline import Pipeline, PipelineSilent
from load_tests.target.cost import ProcessMeter
from metrics_core.histogram import Histogram

EVERY_S: Final = 1.0


class Look(Struct):
    """What one look saw, of the time since the one before."""

    at_s: float
    processed: Histogram | None
    backlog: float | None
    cpu_percent: dict[str, float] = field(default_factory=dict)
    rss_bytes: dict[str, float] = field(default_factory=dict)


class Sampler:
    """See the module. `looks` grows by one a second between `start` and `stop`."""

    def __init__(self, pipeline: Pipeline, processes: ProcessMeter, observer: Observer) -> None:
        self._pipeline, self._processes, self._observer = pipeline, processes, observer
        self._greenlet: Any = None
        self.looks: list[Look] = []

    def start(self, start_us: int) -> None:
        """Begin; looks happen on whole seconds after `start_us`."""
        self._before = Histogram()
        self._own_cpu_s = time.process_time()
        self._usage, self._at_s = self._processes.look(), time.monotonic()
        self._greenlet = gevent.spawn(self._run, start_us)

    def stop(self) -> None:
        """End."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self, start_us: int) -> None:
        number = 1
        while True:
            gevent.sleep(max(0.0, (start_us - now_us()) / 1e6 + number * EVERY_S))
            self.looks.append(self._look((now_us() - start_us) / 1e6))
            number += 1

    def _look(self, at_s: float) -> Look:
        try:
            total = self._pipeline.processed()
            processed = total.minus(self._before)
            self._before = total
        except PipelineSilent:
            processed = None
        now_s, usage = time.monotonic(), self._processes.look()
        passed_s = now_s - self._at_s
        cpu = {
            name: round(100 * max(0.0, seen.exact_s - self._usage[name].exact_s) / passed_s, 2)
            for name, seen in usage.items()
            if name in self._usage
        }
        own_cpu_s = time.process_time()
        cpu["generator"] = round(100 * (own_cpu_s - self._own_cpu_s) / passed_s, 2)
        self._usage, self._at_s, self._own_cpu_s = usage, now_s, own_cpu_s
        newest = self._observer.newest
        return Look(
            at_s,
            processed,
            newest.backlog.waiting if newest else None,
            cpu,
            {name: float(seen.rss_bytes) for name, seen in usage.items()},
        )
