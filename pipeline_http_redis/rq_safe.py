"""RQ with JSON for arguments and an allow-list of functions.

RQ pickles by default, and even with JSON a job may name any importable function: whoever can write to Redis could run
`os.system`. Here a job names one of `ALLOWED` or it fails, and its callbacks and webhooks are never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson
from rq.exceptions import DeserializationError
from rq.job import Job

from metrics_core.errors import LabError

ALLOWED: Final = frozenset({"pipeline_http_redis.jobs.apply_batch"})


class ForeignFunction(LabError):
    """A job names a function that the lab did not put there."""


class JsonSerializer:
    """RQ's serializer protocol by orjson."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        """Encode a job's data."""
        return orjson.dumps(value)

    @staticmethod
    def loads(text: bytes) -> Any:
        """Decode a job's data."""
        return orjson.loads(text)


class BatchJob(Job):
    """A job of the lab: one committed group of batches, by its id."""

    dequeued_us = 0
    """When this worker got it, µs since 1970."""

    @property
    def func(self) -> Callable[..., Any] | None:
        """The function to call.

        Raises:
            ForeignFunction: It is not on the allow-list.
        """
        if self.func_name not in ALLOWED or self.instance is not None:
            raise ForeignFunction(f"job {self.id} names {str(self.func_name)[:80]!r}, which is not allowed")
        return super().func  # type: ignore[no-any-return]

    def execute_success_callback(self, *_: Any) -> None:
        """None: a callback is one more function that a job may name."""

    def execute_failure_callback(self, *_: Any) -> None:
        """None, likewise."""

    def execute_stopped_callback(self, *_: Any) -> None:
        """None, likewise."""

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """None: a job may not name an address to call either."""

    def perform(self) -> Any:
        """Run the job. Unlike RQ's own it sends no PERSIST first: these jobs never have a time to live."""
        from rq.job import _job_stack

        _job_stack.push(self)  # type: ignore[no-untyped-call]
        try:
            self._result = self._execute()
        finally:
            _job_stack.pop()  # type: ignore[no-untyped-call]
        return self._result


def samples_of(job: Job) -> int:
    """How many samples a job says that its batch holds; 0 where it says nothing readable."""
    try:
        said = job.args[1]
    except (DeserializationError, IndexError, TypeError, KeyError):
        return 0
    return said if isinstance(said, int) else 0
