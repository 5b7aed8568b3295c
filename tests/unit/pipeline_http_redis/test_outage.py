"""What counts as an outage of the store, and what is somebody else's fault."""

from __future__ import annotations

import pytest
import redis

from pipeline_http_redis.store.outage import is_outage, takes_no_writes


@pytest.mark.parametrize(
    "error, outage, answers",
    [
        (redis.ConnectionError("Connection refused"), True, False),
        (redis.BusyLoadingError("loading the dataset"), True, False),
        (redis.TimeoutError("reading"), True, False),
        (BrokenPipeError(), True, False),
        (redis.OutOfMemoryError("command not allowed"), True, True),
        (redis.ReadOnlyError("against a read only replica"), True, True),
        (redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True, True),
        (redis.ResponseError("user_script:12: attempt to index a nil value"), False, False),
        (redis.DataError("Invalid input"), False, False),
        (ValueError("not json"), False, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_outages(error: Exception, outage: bool, answers: bool) -> None:
    assert (is_outage(error), takes_no_writes(error)) == (outage, answers)
