"""Ties the generator to Locust: options, users, messages between its processes, the end of a run.

Locust spawns one user per producer and keeps its own statistics. Everything that is measured to the µs goes past them.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import gevent
import msgspec
from locust import User, constant, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from lab_runtime.process import calm_garbage_collector
from load_tests.generator.agent import PHASE, REPORT, Agent
from load_tests.generator.coordinator import Coordinator
from load_tests.generator.options import add_options, plan_of, target_of
from load_tests.generator.outcome import write_outcome
from load_tests.runs.folder import create, new_id
from load_tests.runs.schema import Run
from load_tests.runs.summary import headline
from metrics_core.errors import LabError

COMMAND_ERROR = 2
NOT_COMPLETE = 1
_AGAIN_AFTER_S = 0.5


class ProducerUser(User):
    """One producer; it sends by its own schedule, so Locust's wait time is none."""

    abstract = True
    wait_time = constant(0)
    session: ClassVar[Session]

    def on_start(self) -> None:
        """Take the next number of this process."""
        self.number = self.session.next_number()

    @task
    def produce(self) -> None:
        """Be a producer until Locust stops this user."""
        self.session.serve(self.number)


class Session:
    """One Locust process: its agent (where it has users), its coordinator (where it leads)."""

    def __init__(self, environment: Any, arm: str) -> None:
        self._environment = environment  # untyped: Locust's own types promise less than there is
        self._runner = environment.runner
        self._arm = arm
        self._leads = not isinstance(self._runner, WorkerRunner)
        self._has_users = not isinstance(self._runner, MasterRunner)
        self._agent: Agent | None = None
        self._lead: Coordinator | None = None
        self._leading: Any = None
        self._number, self._turns = 0, 1
        self._run: Run | None = None
        register: Any = self._runner.register_message
        if self._has_users:
            register(PHASE, lambda environment, msg, **_: self._on_phase(msg.data))
        if self._leads:
            register(REPORT, lambda environment, msg, **_: self._on_report(msg.data))

    # -- in processes with users ---------------------------------------------------------------------------------------

    def next_number(self) -> int:
        """Number of the next producer, over all processes: they take turns, so that none comes twice."""
        number: int = self._number * self._turns + max(0, self._runner.worker_index)
        self._number += 1
        return number

    def _agents(self) -> int:
        """How many processes have users; a master also tells its workers how many take turns with numbers.

        Locust's `--expect-workers` says neither: more may have come, and one that comes again gets a new index.
        """
        options = self._environment.parsed_options
        if isinstance(self._runner, MasterRunner):
            options.turns = max(1, self._runner.worker_index_max)
            return max(1, self._runner.worker_count)
        self._turns = max(1, getattr(options, "turns", 1)) if isinstance(self._runner, WorkerRunner) else 1
        return 1

    def serve(self, number: int) -> None:
        """Be producer `number`."""
        if self._agent is not None:
            self._agent.serve(number)
        gevent.sleep(_AGAIN_AFTER_S)  # it could not connect, or there is nothing to load: the end is near

    def _on_phase(self, value: Any) -> None:
        if self._agent is not None:
            self._agent.on_phase(value)

    def _send_report(self, value: Any) -> None:
        self._runner.send_message(REPORT, value)

    def _on_reply(self, latency_ms: float, size: int, error: str) -> None:
        self._environment.events.request.fire(
            request_type=self._arm,
            name="samples",
            response_time=latency_ms,
            response_length=size,
            exception=RuntimeError(error) if error else None,
            context={},
        )

    # -- the life of a run ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A test starts (in the web UI: again)."""
        options = self._environment.parsed_options
        try:
            agents = self._agents()
            target = target_of(options, self._arm)
            plan = plan_of(options, target, max(1, options.num_users or 1), agents)
        except LabError as error:
            self._give_up(str(error))
            return
        self._number, self._run = 0, None
        calm_garbage_collector()
        if self._has_users:
            name = str(getattr(self._runner, "client_id", "local"))
            self._agent = Agent(target, plan, name, self._send_report, self._on_reply)
        if self._leads:
            observer = self._agent.observer if self._agent else None
            self._lead = Coordinator(target, plan, agents, self._send_phase, observer, self._tell)
            self._leading = gevent.spawn(self._lead_to_the_end)

    def _send_phase(self, value: Any) -> None:
        self._runner.send_message(PHASE, value)

    def _on_report(self, value: Any) -> None:
        if self._lead is not None:
            self._lead.on_report(value)

    def _lead_to_the_end(self) -> None:
        assert self._lead is not None
        try:
            self._lead.run()
        except Exception as error:  # a fault of ours; without this Locust would run for ever
            logging.getLogger(__name__).exception("the run cannot be led to its end")
            self._lead.reasons.append(f"the load generator failed: {type(error).__name__}: {error}")
        self._finish(interrupted=False)
        self._end()

    def _end(self) -> None:
        """End the process, or, with a web UI, the test: the next one may go better. Workers end with their master."""
        if not self._leads:
            return
        if self._environment.parsed_options.headless:
            self._runner.quit()
        else:
            self._runner.stop()

    def stop(self) -> None:
        """A test stops, or Locust quits: what was measured up to now is kept."""
        if self._lead is not None and self._leading is not gevent.getcurrent():
            self._leading.kill()
            if self._agent is not None:
                self._lead.on_report(msgspec.to_builtins(self._agent.take_report(), str_keys=True))
        if self._agent is not None:
            agent, self._agent = self._agent, None
            agent.close()
        if self._lead is not None and self._leading is not gevent.getcurrent():
            self._lead.stop_early()
            self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        lead, self._lead = self._lead, None
        if lead is None or self._run is not None:
            return
        environment, options = self._environment, self._environment.parsed_options
        total = environment.stats.total
        try:
            if not lead.total.size("created"):
                raise LabError("; ".join(lead.why_not()) or "stopped before anything was measured")
            folder = (
                Path(options.run_folder)
                if options.run_folder
                else _new_folder(Path(options.results), self._arm)
            )
            self._run = write_outcome(folder, lead, interrupted, (total.num_requests, total.num_failures))
        except LabError as error:
            self._give_up(str(error))
            return
        whole = self._run.status == "complete" and not self._run.counts.lost
        environment.process_exit_code = 0 if whole else NOT_COMPLETE
        self._tell({"phase": "saved", "done": 1.0, "run": str(folder)})
        if not options.tell:
            for line in (headline(self._run), *self._run.reasons, f"saved: {folder}"):
                print(line, flush=True)

    def _give_up(self, text: str) -> None:
        self._environment.process_exit_code = COMMAND_ERROR
        self._tell({"phase": "failed", "done": 1.0, "error": text})
        if not self._environment.parsed_options.tell:
            print(f"load: {text}", flush=True)
        gevent.spawn_later(0.05, self._end)

    _last_told_s = 0.0

    def _tell(self, what: dict[str, Any]) -> None:
        """To whoever started this; now and then, but ends of a run always."""
        options = self._environment.parsed_options
        urgent = what["phase"] in ("saved", "failed")
        if not options.tell or (not urgent and time.monotonic() - self._last_told_s < 0.2):
            return
        self._last_told_s = time.monotonic()
        try:
            os.write(int(options.tell), msgspec.json.encode(what) + b"\n")
        except OSError:
            return  # nobody listens any more


def _new_folder(results: Path, arm: str) -> Path:
    from datetime import UTC, datetime

    return create(results, new_id(arm, datetime.now(UTC)))


def _interrupt_only(main: Any) -> None:
    """Let Ctrl-C reach Locust's main greenlet alone, which ends the run in order.

    Python would raise it in whichever greenlet runs: in the middle of counting an answer, or of writing the run.
    """
    gevent.signal_handler(
        signal.SIGINT, lambda: gevent.get_hub().loop.run_callback(main.throw, KeyboardInterrupt)
    )


def install(arm: str) -> None:
    """Make the locustfile that calls this load `arm`."""

    hooks: Any = events  # untyped decorators
    hooks.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))

    def on_init(environment: Environment, **_: Any) -> None:
        _interrupt_only(gevent.getcurrent())
        ProducerUser.session = session = Session(environment, arm)
        hooks.test_start.add_listener(lambda **_: session.start())
        hooks.test_stopping.add_listener(lambda **_: session.stop())
        hooks.quitting.add_listener(lambda **_: session.stop())

    hooks.init.add_listener(on_init)
