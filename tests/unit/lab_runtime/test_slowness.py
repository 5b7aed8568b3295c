"""How long something has lasted: from look to look, with a clock of the test's own."""

from __future__ import annotations

from lab_runtime.slowness import STOOD_STILL_S, Lasting, Taking


def test_the_same_thing_lasts_and_another_begins_anew() -> None:
    lasting = Lasting()
    assert [lasting.lasts_s("head 1", now) for now in (10.0, 11.0, 12.0)] == [0, 1, 2]
    assert lasting.lasts_s("head 2", 13.0) == 0
    assert lasting.lasts_s("head 2", 14.0) == 1
    assert lasting.lasts_s(None, 15.0) == 0
    assert lasting.lasts_s("head 2", 16.0) == 0, "it ended in between"


def test_what_lasts_while_nobody_looks_does_not_count() -> None:
    lasting, taking = Lasting(), Taking(enough=100)
    for now in (10.0, 11.0):
        lasting.lasts_s("head", now)
        taking.lasts_s(50, 50, now)
    after = 11.0 + STOOD_STILL_S + 0.1
    assert (lasting.lasts_s("head", after), taking.lasts_s(50, 50, after)) == (0, 0)
    assert (lasting.lasts_s("head", after + 1), taking.lasts_s(50, 50, after + 1)) == (1, 1)


def test_a_peer_that_takes_nothing() -> None:
    taking = Taking(enough=100)
    assert [taking.lasts_s(500, 500, now) for now in (0.0, 1.0, 2.0)] == [0, 1, 2]


def test_a_busy_peer_has_always_something_waiting_and_is_not_slow() -> None:
    """Each second ten bytes come to what waits and ten are taken: the marked byte is always taken soon."""
    taking = Taking(enough=1_000)
    assert max(taking.lasts_s(10 * now, 10, float(now)) for now in range(1, 100)) <= 1


def test_a_large_answer_may_take_its_time_and_a_trickle_may_not() -> None:
    steady, trickle = Taking(enough=100), Taking(enough=100)
    written = 10_000
    assert max(steady.lasts_s(written, written - 50 * now, float(now)) for now in range(60)) <= 2
    assert trickle.lasts_s(written, written, 0.0) == 0
    assert max(trickle.lasts_s(written, written - 10 * now, float(now)) for now in range(1, 9)) == 8


def test_all_taken_begins_anew() -> None:
    taking = Taking(enough=100)
    taking.lasts_s(50, 50, 0.0)
    assert taking.lasts_s(50, 0, 1.0) == 0
    assert taking.lasts_s(60, 10, 2.0) == 0
    assert taking.lasts_s(60, 10, 3.0) == 1
