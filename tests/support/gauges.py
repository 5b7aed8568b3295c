"""What a process holds, before and after: tasks, open files. An attack that is over leaves no trace there."""

from __future__ import annotations

from typing import Final

from tests.support.pipelines import Pipelines
from tests.support.waiting import until

_MORE: Final = {"tasks": 3, "open_files": 3}
"""What may come and go by itself: the connection that asks, a background task."""


class Held:
    """Takes the gauges of the process behind a port when it is made."""

    def __init__(self, pipelines: Pipelines, port: int) -> None:
        self._pipelines, self._port = pipelines, port
        self.before = self.now()

    def now(self) -> dict[str, float]:
        """The gauges of the moment."""
        return {name: self._pipelines.metric(name, self._port) for name in _MORE}

    def comes_back(self, within_s: float = 12.0) -> None:
        """Wait until the process holds no more than before.

        Raises:
            AssertionError: It does not come back to that.
        """

        def too_much() -> dict[str, float]:
            now = self.now()
            return {name: now[name] for name in now if now[name] > self.before[name] + _MORE[name]}

        last: list[dict[str, float]] = []

        def back() -> bool:
            last[:] = [too_much()]
            return not last[0]

        try:
            until(back, "what it held before", within_s)
        except AssertionError as error:
            raise AssertionError(f"held before: {self.before}, more of it now: {last[0]}") from error
