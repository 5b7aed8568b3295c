"""An RQ worker of pipeline A: stateless, on exactly one queue, with fewer round trips per job than RQ's own.

RQ 2.12's SimpleWorker sends about 60 Redis commands in about 15 round trips for one job. With `appendfsync always` each
round trip that writes waits for the disk. What RQ needs to find a lost job again stays: the intermediate list, the
started registry with its deadline, retries (`recovery.py`). What only feeds `rq info` is sent once a second instead of
per job.

Stopping: SIGTERM never cuts a job. The worker waits for jobs in waits of `POP_WAIT_S` and looks between two of them,
when it has nothing in hand; a job that was popped meanwhile is done first. After `STOP_WITHIN_S`, or at a second
signal, the process ends as it is, and the job in hand comes back as after a SIGKILL.

Outages: a worker outlives its store. A job cut by an outage is no failure of its batch: it is not counted as a try and
goes back to the queue as soon as the store answers.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final
from uuid import uuid4

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.worker.base import WorkerStatus

from lab_runtime.logs import get_logger
from lab_runtime.process import SelfMeter, now_us
from pipeline_http_redis.config import Config
from pipeline_http_redis.recovery import HEARTBEAT_S, Recovery
from pipeline_http_redis.rq_safe import BatchJob, JsonSerializer
from pipeline_http_redis.store.applier import Applier
from pipeline_http_redis.store.keys import QUEUE_NAME
from pipeline_http_redis.store.outage import is_outage

POP_WAIT_S: Final = 0.2
"""How long one wait for a job lasts, and with it how long an idle worker may take to stop."""

RETRY_EVERY_S: Final = 0.25
"""How often a worker looks whether the store is back."""

STOP_WITHIN_S: Final = 3.0
"""Longer than any job takes; shorter than the patience of whoever asked."""

_log = get_logger("worker")


class BatchWorker(SimpleWorker):
    """RQ's SimpleWorker with a short job protocol and recovery within seconds.

    The three overridden steps of a job write three times: start (MULTI), `apply.lua`, end (MULTI).
    """

    def __init__(self, connection: redis.Redis, process_name: str) -> None:
        queue = Queue(QUEUE_NAME, connection=connection, job_class=BatchJob, serializer=JsonSerializer)
        super().__init__(
            [queue],
            name=f"{process_name}-{uuid4().hex[:8]}",
            connection=connection,
            job_class=BatchJob,
            serializer=JsonSerializer,
            worker_ttl=17,  # RQ forgets a silent worker after that; its socket timeout is 5 s shorter
            maintenance_interval=1,
            job_monitoring_interval=1,
            log_job_description=False,
        )
        self._applier = Applier(connection)
        self._recovery = Recovery(queue, self._applier, self.name, self._exc_handlers)
        self._meter = SelfMeter(process_name)
        self._queue = queue
        self._last_signs = self._last_look = 0.0
        self._store_away = False
        self._cut: tuple[str, str] | None = (
            None  # a job that an outage cut, and its entry in the started registry
        )

    # -- what RQ would send per job, once a second instead -------------------------------------------------------

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell RQ, and the lab's feed, that this worker lives."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif time.monotonic() - self._last_signs >= 1.0:
            with self._outliving_outages():
                super().heartbeat(timeout)
                self._applier.report(self._meter.observe(), now_us())
                self._last_signs = time.monotonic()

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Busy and idle change a thousand times a second and are kept here; other states go to Redis."""
        self._state = state
        if state not in (WorkerStatus.IDLE, WorkerStatus.BUSY):
            super().set_state(state, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Honour `rq suspend` within a second."""
        if time.monotonic() - self._last_look >= 1.0:
            self._last_look = time.monotonic()
            with self._outliving_outages():
                super().check_for_suspension(burst)

    def procline(self, message: str) -> None:
        """The process keeps its title."""

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Whether it is time to look for jobs of workers that died."""
        return self._recovery.due

    def run_maintenance_tasks(self) -> None:
        """Bring back jobs of workers that died."""
        with self._outliving_outages():
            self._recovery.sweep()

    def clean_registries(self) -> None:
        """Let RQ retry what ran out."""
        self._recovery.clean_registries()

    # -- the way of a job to this worker -------------------------------------------------------------------------

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job, through outages of the store.

        Raises:
            StopRequested: A signal came, and nothing is in hand.
        """
        self._state = WorkerStatus.IDLE
        while not self._stop_requested:
            with self._outliving_outages():
                self._return_cut_job()
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()
                try:
                    found: tuple[Job, Queue] | None = self.queue_class.dequeue_any(
                        [self._queue],
                        POP_WAIT_S,  # type: ignore[arg-type]  # BLMOVE takes fractions of a second
                        connection=self.connection,
                        job_class=self.job_class,
                        serializer=self.serializer,
                        death_penalty_class=self.death_penalty_class,
                    )
                except DequeueTimeout:
                    found = None
                self._store_is_back()
                if found:
                    found[0].dequeued_us = now_us()  # type: ignore[attr-defined]  # a BatchJob
                    found[0].redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]
                    return found
            if self._store_away:
                time.sleep(RETRY_EVERY_S)
        raise StopRequested

    def _return_cut_job(self) -> None:
        """Back to the front of the queue, unless somebody has brought it back already."""
        if self._cut:
            if self._applier.push_back(*self._cut):
                _log.warning("cut_job_returned", job=self._cut[0])
            self._cut = None

    @contextmanager
    def _outliving_outages(self) -> Iterator[None]:
        """Nothing of what is done here needs to be done now: it is tried again when the store is back."""
        try:
            yield
        except (redis.RedisError, OSError) as error:
            if not is_outage(error):
                raise
            self._note_outage(error)

    def _note_outage(self, error: BaseException) -> None:
        if not self._store_away:
            _log.warning("store_away", error=type(error).__name__, detail=str(error)[:200])
        self._store_away = True

    def _store_is_back(self) -> None:
        if self._store_away:
            _log.info("store_back")
        self._store_away = False

    # -- one job --------------------------------------------------------------------------------------------------

    def get_heartbeat_ttl(self, job: Job) -> int:
        """Seconds after which a running job without a sign is taken for lost."""
        return HEARTBEAT_S

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job; where the store goes away meanwhile, keep in mind that it must go back."""
        self._state = WorkerStatus.BUSY
        self._entry = ""
        try:
            super().execute_job(job, queue)
        except (redis.RedisError, OSError) as error:
            if not is_outage(error):
                raise
            self._note_outage(error)
            self._cut = (job.id, self._entry)
        self._state = WorkerStatus.IDLE

    def prepare_execution(self, job: Job) -> Execution:
        """Start: enter the started registry and leave the intermediate list, in one transaction."""
        self.execution = Execution(uuid4().hex, job.id, self.connection, self.name)
        self._entry = self.execution.composite_key
        with self.connection.pipeline(transaction=True) as transaction:
            job.started_job_registry.add_execution(self.execution, transaction, ttl=HEARTBEAT_S)
            job.prepare_for_execution(self.name, pipeline=transaction)
            transaction.lrem(self._queue.intermediate_queue_key, 1, job.id)
            transaction.execute()
        return self.execution

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """Done by `prepare_execution`."""

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Note the time; Redis learns of the end with the clean-up."""
        from rq.utils import now

        job.ended_at = now()

    def handle_job_success(self, job: Job, queue: Queue, started_job_registry: StartedJobRegistry) -> None:
        """End: leave the started registry and drop the job, in one transaction. It has no dependents to enqueue."""
        assert self.execution is not None
        with self.connection.pipeline(transaction=True) as transaction:
            started_job_registry.remove_execution(self.execution, pipeline=transaction)
            transaction.delete(job.key)
            transaction.execute()
        self.execution = None

    def handle_exception(
        self, job: Job, kind: type[BaseException], error: BaseException, trace: TracebackType
    ) -> None:
        """Log what ended a job, unless it was an outage."""
        if not is_outage(error):
            super().handle_exception(job, kind, error, trace)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Let RQ retry; after the last try set the batch aside, counted once. An outage is not the batch's failure."""
        error = sys.exc_info()[1]
        if error is not None and is_outage(error):
            raise error
        if not job.should_retry:
            self._recovery.set_aside(
                job
            )  # first: a worker killed in between would leave it in no list at all
        super().handle_job_failure(job, queue, *args, **kwargs)

    # -- the end --------------------------------------------------------------------------------------------------

    def _shutdown(self) -> None:
        """Stop when nothing is in hand (first SIGTERM or SIGINT), and in any case within `STOP_WITHIN_S`."""
        self._stop_requested = True
        insisting = threading.Timer(STOP_WITHIN_S, os._exit, (1,))  # Redis may stand still
        insisting.daemon = True
        insisting.start()

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """The second signal ends the process at once, as everywhere in the lab."""
        os._exit(1)

    def teardown(self) -> None:
        """Sign off; where the store is away, RQ forgets this worker by itself."""
        with self._outliving_outages():
            super().teardown()  # type: ignore[no-untyped-call]


def work(config: Config, kind: type[BatchWorker] = BatchWorker) -> None:
    """Run one worker until it is asked to stop (SIGTERM: after the job in hand)."""
    connection = redis.Redis.from_url(config.redis_url, socket_connect_timeout=5)
    while True:
        try:
            worker = kind(connection, config.name)
            _log.info("working", queue=QUEUE_NAME, worker=worker.name)
            worker.work(logging_level="WARNING")
            return
        except (redis.RedisError, OSError) as error:  # before its first job; later ones it outlives itself
            if not is_outage(error):
                raise
            _log.warning("store_away", error=type(error).__name__, detail=str(error)[:200])
            time.sleep(RETRY_EVERY_S)
