"""`python -m pipeline_http_redis.health NAME`: exit code 0 where the process NAME reported to Redis a moment ago.

For workers, which serve no port that could be asked. A worker reports once a second while it waits for jobs and
between two jobs; so this also sees one that hangs, or that lost its way to Redis.
"""

from __future__ import annotations

import sys
import time
from typing import Final

import redis

from lab_runtime.env import Env
from metrics_core.errors import LabError
from pipeline_http_redis.store.presence import last_sign_us

SILENT_AFTER_S: Final = 10.0
"""Longer than a worker's longest wait for a job (2 s) plus its longest job."""

_ANSWERS_WITHIN_S: Final = 2.0


def failure_of(connection: redis.Redis, process_name: str, at_us: int) -> str:
    """Why the process is not taken for healthy; empty where it is."""
    try:
        told_at_us = last_sign_us(connection, process_name)
    except (redis.RedisError, OSError) as error:
        return f"Redis does not answer ({type(error).__name__})"
    if told_at_us is None:
        return f"{process_name} has not reported yet"
    silent_s = (at_us - told_at_us) / 1e6
    return f"{process_name} has been silent for {silent_s:.0f} s" if silent_s > SILENT_AFTER_S else ""


def main(arguments: list[str]) -> int:
    """Look once and give the exit code."""
    if len(arguments) != 1:
        print("usage: python -m pipeline_http_redis.health NAME", file=sys.stderr)
        return 2
    try:
        url = Env().redis_url()
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    limits = {"socket_timeout": _ANSWERS_WITHIN_S, "socket_connect_timeout": _ANSWERS_WITHIN_S}
    at_us = (
        time.time_ns() // 1000
    )  # `now_us` lives beside the logs, whose import costs more than all the rest
    with redis.Redis.from_url(url, **limits) as connection:
        failure = failure_of(connection, arguments[0], at_us)
    if failure:
        print(failure, file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
