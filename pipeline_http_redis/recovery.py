"""How a worker brings back the jobs of workers that died, and sets aside batches that cannot be applied.

======================================  =======================================================================
a worker is killed …                    what brings the job back
======================================  =======================================================================
between pop and start                   `_sweep_popped`: unclaimed for `STUCK_AFTER_S`, pushed back
while the job runs                      its entry in the started registry runs out after `HEARTBEAT_S`; RQ retries
after `apply.lua`, before the clean-up  the same; the claim is gone, so the second run changes nothing
======================================  =======================================================================

Both sweeps run every second on every worker, so a batch waits `HEARTBEAT_S` + 1 s at most (`CLEANING_MS` more where a
worker dies while it brings jobs back), well under 10 s. A batch that kills its worker at each try is set aside.
"""

from __future__ import annotations

import time
from typing import Any, Final

from rq import Queue
from rq.job import Job
from rq.registry import clean_registries
from rq.worker_registration import clean_worker_registry

from lab_runtime.logs import get_logger
from pipeline_http_redis.rq_safe import samples_of
from pipeline_http_redis.store.applier import Applier

HEARTBEAT_S: Final = 5
"""A running job that gave no sign for so long is taken for lost. A job of the largest group takes under 0.3 s."""

STUCK_AFTER_S: Final = 3.0
"""A job popped and not started for so long is taken for lost."""

SWEEP_EVERY_S: Final = 1.0

CLEANING_MS: Final = 2_000
"""How long one worker may keep the others from bringing jobs back."""

_log = get_logger("worker")


class Recovery:
    """One worker's part in bringing jobs back.

    Args:
        queue: The one queue.
        applier: The store.
        worker_name: Who holds the lock while it cleans.
        handlers: RQ's exception handlers of the worker.
    """

    def __init__(self, queue: Queue, applier: Applier, worker_name: str, handlers: list[Any]) -> None:
        self._queue = queue
        self._applier = applier
        self._worker_name = worker_name
        self._handlers = handlers
        self._last_sweep = 0.0
        self._seen_stuck: dict[bytes, float] = {}

    @property
    def due(self) -> bool:
        """Every second, on every worker: a look costs one round trip."""
        return time.monotonic() - self._last_sweep >= SWEEP_EVERY_S

    def sweep(self) -> None:
        """Bring back jobs of workers that died."""
        self._last_sweep = time.monotonic()
        with self._queue.connection.pipeline(transaction=False) as pipe:
            pipe.zcount(self._queue.started_job_registry.key, 0, time.time())
            pipe.lrange(self._queue.intermediate_queue_key, 0, -1)
            overdue, popped = pipe.execute()
        if overdue:
            _log.warning("redelivering", jobs=overdue)
            self.clean_registries()
        self._sweep_popped(popped)

    def clean_registries(self) -> None:
        """Let RQ retry what ran out, one worker at a time.

        RQ's own lock outlives a worker killed while it holds it by 15 minutes, in which nothing would come back.
        """
        registry, key = self._queue.started_job_registry, self._queue.registry_cleaning_key
        if not self._queue.connection.set(key, self._worker_name, nx=True, px=CLEANING_MS):
            return
        for job_id in registry.get_expired_job_ids():
            job = self._queue.fetch_job(job_id)
            if job and not job.should_retry:  # its last try killed its worker, too: RQ would only file it
                self.set_aside(job)
        clean_registries(self._queue, self._handlers)
        clean_worker_registry(self._queue)
        self._queue.connection.delete(key)

    def _sweep_popped(self, popped: list[bytes]) -> None:
        now = time.monotonic()
        self._seen_stuck = {job_id: self._seen_stuck.get(job_id, now) for job_id in popped}
        for job_id, seen in self._seen_stuck.items():
            if now - seen >= STUCK_AFTER_S:
                _log.warning("redelivering_popped", job=job_id.decode())
                self._applier.push_back(job_id.decode())

    def set_aside(self, job: Job) -> None:
        """Move the batch of a job that failed for good to the dead list. A job that is not the lab's has none."""
        samples = samples_of(job)
        if self._applier.set_aside(job.id, samples):
            _log.error("batch_set_aside", batch=job.id, samples=samples)
