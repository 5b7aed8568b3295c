"""What the workers of pipeline A have in hand, as Redis knows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import redis

from pipeline_http_redis.store import keys
from tests.support.pipelines import Pipelines
from tests.support.waiting import until

Look = Callable[[redis.Redis], set[str]]


def popped(store: redis.Redis) -> set[str]:
    """Jobs taken from the queue and not started."""
    connection: Any = store
    return {job.decode() for job in connection.lrange(keys.INTERMEDIATE, 0, -1)}


def executions(store: redis.Redis) -> set[str]:
    """Jobs started and not finished, each try by itself: `<job>:<try>`."""
    connection: Any = store
    return {entry.decode() for entry in connection.zrange(keys.STARTED, 0, -1)}


def running(store: redis.Redis) -> set[str]:
    """Jobs started and not finished."""
    return {entry.partition(":")[0] for entry in executions(store)}


def stand_still(pipelines: Pipelines, name: str, look: Look, but: Iterable[str] = ()) -> set[str]:
    """Stop a worker in its tracks where it holds a job of this kind; gives the job.

    The others finish theirs within a moment, so what stays there for longer is in the hands of this one; `but` what
    lies there since an earlier kill.
    """

    def held() -> set[str]:
        pipelines[name].pause()
        found = look(pipelines.redis).difference(but)
        deadline_s = time.monotonic() + 0.25
        while found and time.monotonic() < deadline_s:
            found &= look(pipelines.redis)
        if not found:
            pipelines[name].resume()
        return found

    return until(held, f"{name} stands still with a job {look.__name__}", within_s=60)
