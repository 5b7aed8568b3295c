"""An RQ worker of pipeline A: stateless, on exactly one queue, with fewer round trips per job than RQ's own.

RQ 2.12's SimpleWorker sends about 60 Redis commands in about 15 round trips for one job. With `appendfsync always` each
round trip that writes waits for the disk. What RQ needs to find a lost job again stays: the intermediate list, the
started registry with its deadline, retries. What only feeds `rq info` is sent once a second instead of per job.

======================================  =======================================================================
a worker is killed …                    what brings the job back
======================================  =======================================================================
between pop and start                   `_sweep_intermediate`: unclaimed for `STUCK_AFTER_S`, pushed back
while the job runs                      its entry in the started registry runs out after `HEARTBEAT_S`; RQ retries
after `apply.lua`, before the clean-up  the same; the claim is gone, so the second run changes nothing
======================================  =======================================================================

Both sweeps run every second on every worker, so a batch waits `HEARTBEAT_S` + 1 s at most (`CLEANING_MS` more where a
worker dies while it brings jobs back), well under 10 s. A batch that kills its worker at each try is set aside.
"""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import uuid4

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.registry import StartedJobRegistry, clean_registries
from rq.worker.base import WorkerStatus
from rq.worker_registration import clean_worker_registry

from lab_runtime.logs import get_logger
from lab_runtime.process import SelfMeter, now_us
from pipeline_http_redis.config import Config
from pipeline_http_redis.rq_safe import BatchJob, JsonSerializer, samples_of
from pipeline_http_redis.store.applier import Applier
from pipeline_http_redis.store.keys import QUEUE_NAME

HEARTBEAT_S: Final = 5
"""A running job that gave no sign for so long is taken for lost. A job of the largest group takes under 0.3 s."""

STUCK_AFTER_S: Final = 3.0
"""A job popped and not started for so long is taken for lost."""

SWEEP_EVERY_S: Final = 1.0

CLEANING_MS: Final = 2_000
"""How long one worker may keep the others from bringing jobs back."""

_log = get_logger("worker")


class BatchWorker(SimpleWorker):
    """RQ's SimpleWorker with a short job protocol and recovery within seconds.

    The three overridden steps of a job write three times: start (MULTI), `apply.lua`, end (MULTI).
    """

    max_connection_wait_time = (
        1.0  # s; RQ's own grows to 60: an outage would last twice as long for the worker
    )

    def __init__(self, connection: redis.Redis, process_name: str) -> None:
        queue = Queue(QUEUE_NAME, connection=connection, job_class=BatchJob, serializer=JsonSerializer)
        super().__init__(
            [queue],
            name=f"{process_name}-{uuid4().hex[:8]}",
            connection=connection,
            job_class=BatchJob,
            serializer=JsonSerializer,
            worker_ttl=17,  # RQ blocks for worker_ttl - 15 s on an empty queue: that is how often an idle worker looks
            maintenance_interval=1,
            job_monitoring_interval=1,
            log_job_description=False,
        )
        self._applier = Applier(connection)
        self._meter = SelfMeter(process_name)
        self._queue = queue
        self._last_signs = self._last_look = self._last_sweep = 0.0
        self._seen_stuck: dict[bytes, float] = {}

    # -- what RQ would send per job, once a second instead -------------------------------------------------------

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell RQ, and the lab's feed, that this worker lives."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif time.monotonic() - self._last_signs >= 1.0:
            self._last_signs = time.monotonic()
            super().heartbeat(timeout)
            self._applier.report(self._meter.observe(), now_us())

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Busy and idle change a thousand times a second and are kept here; other states go to Redis."""
        self._state = state
        if state not in (WorkerStatus.IDLE, WorkerStatus.BUSY):
            super().set_state(state, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Honour `rq suspend` within a second."""
        if time.monotonic() - self._last_look >= 1.0:
            self._last_look = time.monotonic()
            super().check_for_suspension(burst)

    def procline(self, message: str) -> None:
        """The process keeps its title."""

    def _shutdown(self) -> None:
        """Stop now, or after the job in hand (SIGTERM, SIGINT).

        RQ's own asks Redis in between, but a signal may come in the middle of a command.
        """
        if self._state != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True

    # -- one job --------------------------------------------------------------------------------------------------

    def get_heartbeat_ttl(self, job: Job) -> int:
        """Seconds after which a running job without a sign is taken for lost."""
        return HEARTBEAT_S

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job. Busy from the start: a request to stop that comes now must not end the job half-way."""
        self._state = WorkerStatus.BUSY
        super().execute_job(job, queue)

    def prepare_execution(self, job: Job) -> Execution:
        """Start: enter the started registry and leave the intermediate list, in one transaction."""
        with self.connection.pipeline(transaction=True) as transaction:
            execution = Execution(uuid4().hex, job.id, self.connection, self.name)
            job.started_job_registry.add_execution(execution, transaction, ttl=HEARTBEAT_S)
            job.prepare_for_execution(self.name, pipeline=transaction)
            transaction.lrem(self._queue.intermediate_queue_key, 1, job.id)
            transaction.execute()
        self.execution = execution
        return execution

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

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Let RQ retry; after the last try set the batch aside, counted once."""
        final = not job.should_retry
        super().handle_job_failure(job, queue, *args, **kwargs)
        if final:
            self._set_aside(job)

    def _set_aside(self, job: Job) -> None:
        """Move the batch of a job that failed for good to the dead list. A job that is not the lab's has none."""
        samples = samples_of(job)
        if self._applier.set_aside(job.id, samples):
            _log.error("batch_set_aside", batch=job.id, samples=samples)

    # -- recovery -------------------------------------------------------------------------------------------------

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Every second, on every worker: a look costs one round trip."""
        return time.monotonic() - self._last_sweep >= SWEEP_EVERY_S

    def run_maintenance_tasks(self) -> None:
        """Bring back jobs of workers that died."""
        self._last_sweep = time.monotonic()
        registry = self._queue.started_job_registry
        with self.connection.pipeline(transaction=False) as pipe:
            pipe.zcount(registry.key, 0, time.time())
            pipe.lrange(self._queue.intermediate_queue_key, 0, -1)
            overdue, popped = pipe.execute()
        if overdue:
            _log.warning("redelivering", jobs=overdue)
            self.clean_registries()
        self._sweep_intermediate(popped)

    def clean_registries(self) -> None:
        """Let RQ retry what ran out, one worker at a time.

        RQ's own lock outlives a worker killed while it holds it by 15 minutes, in which nothing would come back.
        """
        registry, key = self._queue.started_job_registry, self._queue.registry_cleaning_key
        if not self.connection.set(key, self.name, nx=True, px=CLEANING_MS):
            return
        for job_id in registry.get_expired_job_ids():
            job = self._queue.fetch_job(job_id)
            if job and not job.should_retry:  # its last try killed its worker, too: RQ would only file it
                self._set_aside(job)
        clean_registries(self._queue, self._exc_handlers)
        clean_worker_registry(self._queue)
        self.connection.delete(key)

    def _sweep_intermediate(self, popped: list[bytes]) -> None:
        now = time.monotonic()
        self._seen_stuck = {job_id: self._seen_stuck.get(job_id, now) for job_id in popped}
        for job_id, seen in self._seen_stuck.items():
            if now - seen >= STUCK_AFTER_S:
                _log.warning("redelivering_popped", job=job_id.decode())
                self._applier.push_back(job_id.decode())


def work(config: Config) -> None:
    """Run one worker until it is asked to stop (SIGTERM: after the job in hand)."""
    connection = redis.Redis.from_url(config.redis_url, socket_connect_timeout=5)
    worker = BatchWorker(connection, config.name)
    _log.info("working", queue=QUEUE_NAME, worker=worker.name)
    worker.work(logging_level="WARNING")
