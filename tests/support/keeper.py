"""What a supervisor does, for tests without one: starts again what ended, after a short pause."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final

from tests.support.pipelines import Pipelines

PAUSE_S: Final = 0.2


class Keeper(threading.Thread):
    """Keeps processes alive while it is entered.

    Attributes:
        restarts: How often each was started again.
    """

    def __init__(self, pipelines: Pipelines, *names: str) -> None:
        super().__init__(daemon=True)
        self.restarts = dict.fromkeys(names, 0)
        self._pipelines = pipelines
        self._ended = threading.Event()

    def run(self) -> None:
        ended: set[str] = set()
        while not self._ended.wait(PAUSE_S):
            for name in ended:
                self._pipelines[name].restart()
                self.restarts[name] += 1
            ended = {name for name in self.restarts if not self._pipelines[name].alive}

    def __enter__(self) -> Keeper:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join()
