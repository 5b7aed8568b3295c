"""The pacer wakes everyone, in order, and nobody early."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import pytest

from load_tests.generator.pacer import Pacer


@pytest.fixture(params=["timerfd", "gevent's timer"])
def pacer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pacer]:
    """Where there is a timerfd, and where there is none."""
    if request.param != "timerfd":
        monkeypatch.setattr(Pacer, "_open_timer", lambda self: -1)
    pacer = Pacer()
    yield pacer
    pacer.close()


def test_greenlets_wake_in_the_order_of_their_moments(pacer: Pacer) -> None:
    """Whatever the order in which they came to wait; several may have the same moment."""
    start_s = time.monotonic() + 0.02
    offsets_ms = [8, 1, 5, 1, 12, 3, 0]
    woken: list[tuple[float, float]] = []

    def wait(offset_ms: int) -> None:
        moment_s = start_s + offset_ms / 1000
        pacer.wait_until(moment_s)
        woken.append((moment_s, time.monotonic()))

    gevent.joinall([gevent.spawn(wait, offset) for offset in offsets_ms], timeout=5, raise_error=True)
    assert len(woken) == len(offsets_ms)
    moments = [moment_s for moment_s, _ in woken]
    assert moments == sorted(moments)
    assert all(at_s >= moment_s for moment_s, at_s in woken)


def test_a_moment_that_is_past_does_not_wait(pacer: Pacer) -> None:
    ran: list[str] = []
    other = gevent.spawn(ran.append, "another greenlet")
    pacer.wait_until(time.monotonic() - 1)
    assert ran == [], "nobody else had a turn"
    other.join()


def test_a_release_wakes_everyone_at_once(pacer: Pacer) -> None:
    waiting = [gevent.spawn(pacer.wait_until, time.monotonic() + 3_600 + number) for number in range(3)]
    gevent.sleep(0)
    pacer.release()
    gevent.joinall(waiting, timeout=5)
    assert all(greenlet.successful() for greenlet in waiting)
    pacer.wait_until(time.monotonic() + 0.001)  # it goes on


def test_a_pacer_can_be_closed_twice() -> None:
    pacer = Pacer()
    pacer.close()
    pacer.close()
