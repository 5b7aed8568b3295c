"""Numbers that were given while a producer did not send to a pipeline: never created for it, never sent, never lost."""

from __future__ import annotations

from fake_servers.outbox import Outbox


def test_a_number_that_is_passed_over_was_never_created() -> None:
    outbox = Outbox(4)
    for meant in (True, False, False, True):
        outbox.add(meant)
    assert outbox.created.as_lists() == [[0, 0], [3, 3]]
    assert (outbox.pending_n, outbox.waiting, outbox.next_seq) == (2, 2, 4)
    assert outbox.take(10) == [(0, 0), (3, 3)]
    outbox.ack([(0, 0)])
    outbox.resume(0, [(0, 0)], replay=True)
    assert outbox.take(10) == [(3, 3)]
    assert outbox.crashed.as_lists() == [[3, 3]]
    for _ in range(4):
        outbox.add(meant=False)
    assert (outbox.dropped.as_lists(), outbox.waiting) == ([[3, 3]], 0)
    assert outbox.created.as_lists() == [[0, 0], [3, 3]]


def test_nothing_that_was_passed_over_is_replayed() -> None:
    outbox = Outbox(10)
    for meant in (True, False, True):
        outbox.add(meant)
    outbox.ack(outbox.take(10))
    outbox.resume(0, [], replay=True)
    assert outbox.take(10) == [(0, 0), (2, 2)]
    assert outbox.replayed == 2
