"""Ctrl-C and SIGTERM in the middle of a measurement: heard always, obeyed where nothing is torn.

Python raises `KeyboardInterrupt` wherever it happens to be. While a process is being started that may be a place where
exceptions are printed and dropped, and the measurement would go on as if nobody had asked. So the wish is noted, and
`KeyboardInterrupt` raised at the next point that can bear it; a second Ctrl-C is raised at once.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Final, Self

from load_tests.measure import Tell

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """While entered, takes the place of the signals' handlers.

    Attributes:
        gently: Whether the first wish waits for `check`; else it is raised at once, too.
    """

    def __init__(self) -> None:
        self.gently = False
        self._asked = False
        self._pid = os.getpid()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if (
            threading.current_thread() is threading.main_thread()
        ):  # no other may set handlers, nor is interrupted
            self._before = {each: signal.signal(each, self._note) for each in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return  # a child between fork and exec: the wish is for its parent
        again, self._asked = self._asked, True
        if again or not self.gently:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if a stop was asked for."""
        if self._asked:
            raise KeyboardInterrupt

    def checked(self, tell: Tell) -> Tell:
        """The same `tell`, which `measure` calls several times a second, with a check before."""

        def checked(said: dict[str, Any]) -> None:
            self.check()
            tell(said)

        return checked
