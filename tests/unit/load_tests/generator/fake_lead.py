"""A coordinator whose pipeline, meters, feed and agents are scripted: no process, no socket, a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import to_builtins

from load_tests.generator import coordinator as module
from load_tests.generator.agent import MEASURED, Report
from load_tests.generator.coordinator import Coordinator
from load_tests.generator.observer import Backlog, Snapshot
from load_tests.generator.pipeline import PipelineSilent
from load_tests.generator.recorder import Portion
from load_tests.runs.schema import Plan
from load_tests.target.target import Target
from metrics_core.histogram import Histogram
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger

START_US = 1_766_200_000_000_000


def ledger(*runs: tuple[int, int], producer: str = "load-http1-1-0000", epoch: int = 7) -> Ledger:
    """Of one producer."""
    return {producer: {epoch: IntervalSet(runs)}} if runs else {}


def a_target(**fields: Any) -> Target:
    plain: dict[str, Any] = {
        "arm": "http1",
        "protocol": "http1",
        "store": "redis",
        "host": "127.0.0.1",
        "port": 1,
        "http_url": "http://127.0.0.1:1",
        "feed_url": "ws://127.0.0.1:1/v1/feed",
        "fsync": "always",
        "workers": 2,
        "ingest_processes": 1,
    }
    return Target(**(plain | fields))


def a_plan(**fields: Any) -> Plan:
    plain: dict[str, Any] = {
        "arm": "http1",
        "protocol": "http1",
        "store": "redis",
        "rate_per_s": 100.0,
        "batch": 1,
        "producers": 2,
        "shape": "steady",
        "schedule": "poisson",
        "duration_s": 5.0,
        "warmup_s": 0.0,
        "seed": 1,
    }
    return Plan(**(plain | fields))


class FakePipeline:
    """Answers from scripts; an exception in a script is raised, the last entry stays."""

    def __init__(self) -> None:
        self.ledgers: list[Ledger | Exception] = [{}]
        self.histogram: Histogram | Exception = Histogram()
        self.not_ready = ""
        self.risen: dict[str, int] = {}
        self.asked = 0

    def check_ready(self) -> None:
        if self.not_ready:
            raise PipelineSilent(self.not_ready)

    def begin(self) -> None:
        """Nothing was counted before."""

    def ledger(self) -> Ledger:
        self.asked += 1
        answer = self.ledgers.pop(0) if len(self.ledgers) > 1 else self.ledgers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def processed(self) -> Histogram:
        if isinstance(self.histogram, Exception):
            raise self.histogram
        return self.histogram

    def since_begin(self, counter: str) -> int:
        return self.risen.get(counter, 0)


class FakeRedis:
    """Counts of unfinished jobs, one after the other; the last one stays. None: it cannot be asked."""

    def __init__(self) -> None:
        self.jobs: Sequence[int | None] = [0]

    def begin(self) -> None:
        """There is no bill."""

    def bill(self) -> None:
        """There is none."""

    def unfinished(self) -> int | None:
        first, self.jobs = self.jobs[0], self.jobs[1:] or self.jobs
        return first


class FakeObserver:
    """A feed whose newest snapshot has so much waiting."""

    def __init__(self) -> None:
        self.newest: Snapshot | None = Snapshot("http_redis", {}, Backlog(0, 100), [])

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""


class Jumping:
    """Stands for `time` and `gevent`: a sleep takes no time and moves the clock."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def process_time(self) -> float:
        return self.now_s / 10

    def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.001)

    def now_us(self) -> int:
        return START_US + int(self.now_s * 1e6)


class Led:
    """A coordinator and all that it sees.

    Attributes:
        on_phase: What the agents do when a phase begins; by default they finish it, and report `portion`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Target, plan: Plan, agents: int = 1) -> None:
        self.clock = Jumping()
        monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(module, "gevent", self.clock)
        monkeypatch.setattr(module, "now_us", self.clock.now_us)
        self.told: list[dict[str, Any]] = []
        self.phases: list[dict[str, Any]] = []
        self.portion = Portion()
        self.on_phase: Callable[[dict[str, Any]], None] = self.finish
        self.observer = FakeObserver()
        observer: Any = self.observer
        self.lead = Coordinator(target, plan, agents, self._phase, observer, self.told.append)
        self.pipeline, self.redis = FakePipeline(), FakeRedis()
        lead: Any = self.lead
        lead.pipeline, lead.redis = self.pipeline, self.redis
        lead.sampler.start = lambda start_us: None
        lead.sampler.stop = lambda: None
        self.report("a", connected=plan.producers)

    def report(self, agent: str, **fields: Any) -> None:
        """A report of an agent, as it comes over Locust."""
        self.lead.on_report(to_builtins(Report(agent, **({"connected": 0} | fields)), str_keys=True))

    def _phase(self, value: dict[str, Any]) -> None:
        self.phases.append(value)
        self.on_phase(value)

    def finish(self, phase: dict[str, Any]) -> None:
        """Every agent is through at once."""
        measured = phase["number"] == MEASURED
        for agent in list(self.lead.reports):
            portion = self.portion if measured and agent == "a" else Portion()
            self.report(
                agent,
                connected=self.lead.plan.producers,
                done=phase["number"],
                portion=portion,
                cpu_s=0.5 if measured else 0.0,
                seconds=5.0 if measured else 0.0,
                negotiated="HTTP/1.1",
            )
