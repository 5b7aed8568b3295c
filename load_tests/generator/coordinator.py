"""Leads a run: waits for connections, warms up, measures, waits until all is processed, writes the result.

One per run, in the Locust process that has no other above it (local, or master). It measures the pipeline from outside:
its ledger, its histograms, its processes, its feed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import gevent
from msgspec import convert, to_builtins

from lab_runtime.process import now_us
from load_tests.generator.agent import DRAIN_S, GIVE_UP, MEASURED, WARM_UP, Phase, Report
from load_tests.generator.observer import Observer
from load_tests.generator.pipeline import Pipeline, PipelineSilent
from load_tests.generator.recorder import Total
from load_tests.generator.sampler import Sampler
from load_tests.runs.schema import Plan
from load_tests.target.cost import ProcessMeter, RedisMeter
from load_tests.target.target import Target
from metrics_core.errors import LabError
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, count, subtract

CONNECTED_WITHIN_S: Final = 20.0
SETTLED_WITHIN_S: Final = 20.0
SETTLED_AFTER_STOP_S: Final = 5.0  # somebody waits for the end
REPORTS_WITHIN_S: Final = 5.0
QUIET_S: Final = 2.0
TAKEN_UP_WITHIN_S: Final = 12.0  # jobs of a worker that died, by another one
LEAD_S: Final = 0.1  # from the order to start to the start: every agent has it by then
_LOOK_AGAIN_S: Final = 0.05

Tell = Callable[[dict[str, Any]], None]
"""Told how far a run is: `{"phase": …, "done": 0.5, …}`."""


class Broken(LabError):
    """A run cannot go on; the text says why. What was measured is kept."""


class Coordinator:
    """See the module. After `run`, or at any moment of it, its attributes are what is known.

    Args:
        target: What is loaded.
        plan: How.
        agents: How many generator processes there are.
        send_phase: Sends a phase to all agents.
        observer: A feed that is read already (of an agent in this process), or None.
        tell: Told how far the run is.

    Attributes:
        total: What the agents recorded.
        reports: The newest report of each agent.
        processed: The pipeline's ledger of the measured samples; None where it could not be asked.
        reasons: What went wrong.
        started_at_us: Start of the measured part; 0: it never started.
        measured_s: How long it lasted, drain included.
        cpu_s: Processor time of this process meanwhile, where no agent reports it.
    """

    def __init__(
        self,
        target: Target,
        plan: Plan,
        agents: int,
        send_phase: Callable[[Any], None],
        observer: Observer | None,
        tell: Tell,
    ) -> None:
        self.target, self.plan = target, plan
        self._agents, self._send_phase, self._tell = agents, send_phase, tell
        self.reports: dict[str, Report] = {}
        self.total = Total()
        self.pipeline = Pipeline(target)
        self.processes = ProcessMeter(target.processes)
        self.redis = RedisMeter(target.redis_url, target.disk)
        self._own_observer = observer is None
        self.observer = observer or Observer(target.feed_url, target.token, lambda snapshot, at_us: None)
        self.sampler = Sampler(self.pipeline, self.processes, self.observer)
        self.processed: Ledger | None = None
        self.reasons: list[str] = []
        self.started_at_us = 0
        self.measured_s = 0.0
        self.cpu_s = 0.0
        self.finished = False

    def on_report(self, value: Any) -> None:
        """A report of an agent."""
        report = convert(value, Report, strict=False)
        self.total.add(report.portion)
        self.reports[report.agent] = report

    # -- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """From the first connection to the settled end; what goes wrong is in `reasons`."""
        try:
            if self._own_observer:
                self.observer.start()
            self._until_connected()
            self.pipeline.check_ready()
            if self.plan.warmup_s > 0:
                self._run_phase(WARM_UP, self.plan.warmup_s, "steady", "warming up")
                self._until_processed(self._made_so_far(), "samples of the warm-up")
            self._measure()
            self.finished = True
        except Broken as error:
            self.reasons.append(str(error))
            self.stop_early()
        except PipelineSilent as error:
            self.reasons.append(str(error))
            self._memory_gone()
        finally:
            if self._own_observer:
                self.observer.stop()

    def _memory_gone(self) -> None:
        """Where a store was memory and its process has ended, nothing is held any more: that much is known."""
        in_memory = self.target.store == "memory" and self.target.own_lab
        if self.started_at_us and in_memory and set(self.processes.gone) >= set(self.target.processes):
            self.processed = {}

    def _measure(self) -> None:
        self.processed = None  # of the warm-up
        self.pipeline.begin()
        self.redis.begin()
        self.processes.begin()
        self.started_at_us = now_us() + int(LEAD_S * 1e6)
        begun_s, cpu_before_s = time.monotonic(), time.process_time()
        self.sampler.start(self.started_at_us)
        try:
            self._run_phase(MEASURED, self.plan.duration_s, self.plan.shape, "measuring")
            self._until_processed(self.acked(), "acknowledged samples")
        finally:
            self.processes.look()
            self.measured_s = time.monotonic() - begun_s
            if self._own_observer:
                self.cpu_s = time.process_time() - cpu_before_s
            self.sampler.stop()

    def stop_early(self) -> None:
        """Keep what was measured. What is acknowledged may be on its way still: it is not lost for that."""
        if not self.started_at_us or self.finished:
            return
        self.processed = None
        try:
            if not self._until_processed(self.acked(), "acknowledged samples", SETTLED_AFTER_STOP_S):
                self.processed = None
        except PipelineSilent as error:
            self.reasons.append(str(error))
            self._memory_gone()

    def _run_phase(self, number: int, duration_s: float, shape: str, words: str) -> None:
        start_us = now_us() + int(LEAD_S * 1e6)
        if number == MEASURED:
            self.started_at_us = start_us
        self._send_phase(to_builtins(Phase(number, start_us, duration_s, shape)))
        begun_s = time.monotonic()
        deadline_s = begun_s + LEAD_S + duration_s + DRAIN_S + REPORTS_WITHIN_S
        hopeless = False
        while sum(report.done >= number for report in self.reports.values()) < self._agents:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise Broken("a generator process does not report any more")
            if len(self.reports) < self._agents:
                raise Broken("a generator process is gone")
            if self.target.own_lab and self.processes.gone and not hopeless:
                hopeless = True  # nobody starts it again: the rest would tell nothing
                self._send_phase(to_builtins(Phase(GIVE_UP)))
            self._tell(
                {
                    "phase": words,
                    "done": min(1.0, (time.monotonic() - begun_s) / duration_s),
                    "created": self.total.size("created"),
                    "acked": self.total.size("acked"),
                    **self._so_far(),
                }
            )
            gevent.sleep(_LOOK_AGAIN_S)

    def _so_far(self) -> dict[str, float]:
        """What was not acknowledged, and the clock *accepted* up to now, corrected, in ms."""
        total = self.total
        p50_us, p99_us = total.histograms["accepted"].quantiles_us((0.5, 0.99))
        return {
            "failed": total.size("rejected") + total.refused + total.unanswered,
            "accepted_p50_ms": p50_us / 1000,
            "accepted_p99_ms": p99_us / 1000,
        }

    def _until_connected(self) -> None:
        deadline_s = time.monotonic() + CONNECTED_WITHIN_S
        while True:
            problem = next((report.problem for report in self.reports.values() if report.problem), "")
            if problem:
                raise Broken(f"{self.target.arm} cannot be reached: {problem}")
            connected = sum(report.connected for report in self.reports.values())
            if connected >= self.plan.producers and len(self.reports) >= self._agents:
                return
            if time.monotonic() > deadline_s:
                raise Broken(
                    f"{connected} of {self.plan.producers} producers are connected after {CONNECTED_WITHIN_S:.0f} s"
                )
            self._tell({"phase": "connecting", "done": connected / self.plan.producers})
            gevent.sleep(_LOOK_AGAIN_S)

    def _made_so_far(self) -> Ledger:
        return {
            name: {report.epoch: IntervalSet([(0, next_seq - 1)])}
            for report in self.reports.values()
            for name, next_seq in report.next_seq.items()
            if next_seq
        }

    def why_not(self) -> list[str]:
        """What went wrong, processes that ended included."""
        return self.reasons + [
            f"the process {name} ended during the run: its cost is not known" for name in self.processes.gone
        ]

    def acked(self) -> Ledger:
        """The identities that were acknowledged in the measured part."""
        return self.total.ledgers["acked"]

    def _held(self) -> tuple[bool, float]:
        """Whether jobs hold samples, and for how many seconds nothing may come until nothing will.

        Where Redis cannot be asked, jobs of a worker that died are not seen until another one takes them up.
        """
        if self.target.store == "memory":
            return False, QUIET_S
        unfinished = self.redis.unfinished()
        if unfinished is not None:
            return unfinished > 0, QUIET_S
        return (
            self.observer.newest is not None and self.observer.newest.backlog.waiting > 0,
            TAKEN_UP_WITHIN_S,
        )

    def _until_processed(self, wanted: Ledger, what: str, within_s: float = SETTLED_WITHIN_S) -> bool:
        """Until the pipeline's ledger holds them, or no more of them for a while: then they are lost.

        Returns:
            Whether that is known; False where they still came at the end.
        """
        deadline_s = time.monotonic() + within_s
        left, same_since_s = -1, time.monotonic()
        while True:
            self.processed = self.pipeline.ledger()
            missing = count(subtract(wanted, self.processed))
            self.processes.look()
            held, quiet_s = self._held()
            repeats = held and self.target.own_lab  # elsewhere the queue may never be empty
            if not missing and not repeats:
                return True
            if missing != left or held:
                left, same_since_s = missing, time.monotonic()
            elif time.monotonic() - same_since_s > quiet_s:
                return True  # nothing comes any more: the ledger of the run will name them
            if time.monotonic() > deadline_s:
                if not missing:
                    return True
                self.reasons.append(f"{missing} {what} were not processed within {within_s:.0f} s")
                return False
            self._tell({"phase": "settling", "done": 0.0, "waiting": missing})
            gevent.sleep(_LOOK_AGAIN_S)
