"""A worker that also takes the fault engine's orders, on RQ's command channel; started only with `LAB_FAULTS=inside`.

RQ listens in a thread of its own, so an order is heard while a job runs. `kill-mid-batch` is exact: the process ends
after its start of a job is in the store and before the batch is applied. `pause` holds the thread that works, where it
next touches the store, with whatever it has in hand; the thread that listens goes on, so that it can be ended early.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Final

import msgspec
from rq.executions import Execution
from rq.job import Job

from lab_runtime.logs import get_logger
from pipeline_http_redis.store.breaking import COMMAND
from pipeline_http_redis.worker import BatchWorker

_LOOK_EVERY_S: Final = 0.05
_log = get_logger("worker")


class _Told(msgspec.Struct):
    command: str
    kind: str = ""
    for_s: float = 0.0
    within_s: float = 0.0


class ObedientWorker(BatchWorker):
    """A worker that breaks when it is told to."""

    _dies_mid_batch_until_s = 0.0
    _stands_still_until_s = 0.0

    def handle_payload(self, message: dict[str, Any]) -> None:
        """Carry out an order of the lab's; leave RQ's to RQ."""
        try:
            told = msgspec.json.decode(message["data"], type=_Told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            _log.warning("order_not_understood")  # raising would end the thread that listens
            return
        if told.command != COMMAND:
            super().handle_payload(message)  # type: ignore[no-untyped-call]
            return
        _log.warning("fault", kind=told.kind)
        match told.kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "restart":
                os.kill(os.getpid(), signal.SIGTERM)
            case "kill-mid-batch":
                self._dies_mid_batch_until_s = time.monotonic() + told.within_s
            case "pause":
                self._stands_still_until_s = time.monotonic() + told.for_s
            case "go-on":
                self._stands_still_until_s = 0.0

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say nothing, and take no job, while it stands still."""
        self._stand_still()
        super().heartbeat(timeout, pipeline)

    def prepare_execution(self, job: Job) -> Execution:
        """Start a job, and end in the middle of it where that was ordered."""
        self._stand_still()
        execution = super().prepare_execution(job)
        if time.monotonic() < self._dies_mid_batch_until_s:
            os.kill(os.getpid(), signal.SIGKILL)
        return execution

    def _stand_still(self) -> None:
        while time.monotonic() < self._stands_still_until_s and not self._stop_requested:
            time.sleep(_LOOK_EVERY_S)
