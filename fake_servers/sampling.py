"""The tasks that take readings: one per server that is in the fleet, their phases spread over the interval."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from fake_servers.producer import Producer


class Sampling:
    """The schedules of the fleet. None runs before `open`."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[Producer, asyncio.Task[None]] = {}

    def open(self, group: asyncio.TaskGroup) -> None:
        """Run schedules in this group from now on."""
        self._group = group

    def schedule(self, producers: Sequence[Producer], interval_s: float) -> None:
        """Let each take a reading every `interval_s`; for one that has a schedule this is the new one."""
        if self._group is None:
            return
        self.end(producers)
        begin_s = time.monotonic()
        for index, producer in enumerate(producers):
            first_s = begin_s + interval_s * index / len(producers)  # so that the load is even
            self._tasks[producer] = self._group.create_task(producer.run(first_s, interval_s))

    def end(self, producers: Iterable[Producer]) -> None:
        """Let these take no readings."""
        for producer in producers:
            if task := self._tasks.pop(producer, None):
                task.cancel()
