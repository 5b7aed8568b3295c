"""Waits until a moment, to some ten µs, under gevent.

gevent's own timers count whole milliseconds (libev hands `epoll_wait` a rounded timeout): on average half a millisecond
late, four times what pipeline B takes for a sample. A timerfd becomes readable at the moment itself, and the loop sees
that like any other socket. One descriptor serves all producers of a process; a heap holds who waits for what.
Where there is no timerfd (macOS), gevent's timer is used; the lateness that every run records then tells.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import os
import time
from contextlib import suppress
from typing import Any, Final

from gevent.hub import Waiter, get_hub

_CLOCK_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1  # TFD_TIMER_ABSTIME


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Pacer:
    """Wakes greenlets at moments of `time.monotonic`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiter[Any]]] = []
        self._order = itertools.count()
        self._hub = get_hub()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._open_timer()
        self._spec = _TimerSpec()
        if self._fd >= 0:
            self._watcher = self._hub.loop.io(self._fd, 1)
            self._watcher.start(self._on_readable)

    def _open_timer(self) -> int:
        if not hasattr(self._libc, "timerfd_create"):
            return -1
        return int(self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))

    def close(self) -> None:
        """Let go of the descriptor; nobody may wait any more."""
        if self._fd >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._fd)
            self._fd = -1

    def wait_until(self, moment_s: float) -> None:
        """Block this greenlet until `time.monotonic()` is `moment_s`; returns at once where that is past."""
        if moment_s <= time.monotonic():
            return
        waiter: Waiter[Any] = Waiter(self._hub)
        heapq.heappush(self._heap, (moment_s, next(self._order), waiter))
        if self._heap[0][2] is waiter:
            self._arm()
        waiter.get()

    def release(self) -> None:
        """Wake everyone who waits, whatever their moment."""
        self._hub.loop.run_callback(self._release)

    def _release(self) -> None:
        waiting, self._heap = self._heap, []
        for _, _, waiter in sorted(waiting):
            waiter.switch(None)

    def _arm(self) -> None:
        moment_s = self._heap[0][0]
        if self._fd < 0:
            self._timer = self._hub.loop.timer(max(0.0, moment_s - time.monotonic()))
            self._timer.start(self._wake)
            return
        value = self._spec.value
        value.seconds, value.nanoseconds = divmod(int(moment_s * 1e9), 10**9)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(self._spec), None)

    def _on_readable(self) -> None:
        with suppress(BlockingIOError):  # it was set anew meanwhile
            os.read(self._fd, 8)
        self._wake()

    def _wake(self) -> None:
        """Runs in the hub: switch to everyone whose moment has come."""
        heap = self._heap
        while heap and heap[0][0] <= time.monotonic():
            heapq.heappop(heap)[2].switch(None)
        if heap:
            self._arm()
