"""A wish to stop: noted, obeyed at the next check, at once the second time."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from load_tests.stopping import Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_one_waits_for_a_check(number: signal.Signals) -> None:
    reached = False
    with Stopping() as stopping:
        stopping.gently = True
        stopping.check()
        signal.raise_signal(number)
        reached = True
        with pytest.raises(KeyboardInterrupt):
            stopping.check()
    assert reached


def test_the_second_one_does_not_wait() -> None:
    with Stopping() as stopping:
        stopping.gently = True
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_until_it_is_gentle_it_is_raised_at_once_and_noted_as_well() -> None:
    with Stopping() as stopping:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stopping.check()


def test_telling_is_a_check() -> None:
    told: list[dict[str, Any]] = []
    with Stopping() as stopping:
        stopping.gently = True
        tell = stopping.checked(told.append)
        tell({"done": 0.1})
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            tell({"done": 0.2})
    assert told == [{"done": 0.1}]


def test_in_a_child_that_is_being_started_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stopping() as stopping:
        pid = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        signal.raise_signal(signal.SIGINT)
        stopping.check()


def test_afterwards_all_is_as_before() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with Stopping():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_another_thread_it_does_nothing() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def look() -> None:
        with Stopping() as stopping:
            stopping.check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
