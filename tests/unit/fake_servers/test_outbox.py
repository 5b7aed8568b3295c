"""Every identity has one fate, the outbox stays bounded, and a resume sends exactly what the pipeline lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_servers.outbox import Outbox, Parcel, parcel_size
from metrics_core.intervals import IntervalSet


def members(intervals: IntervalSet | Parcel) -> set[int]:
    return {seq for low, high in intervals for seq in range(low, high + 1)}


def filled(samples: int, capacity: int = 100) -> Outbox:
    outbox = Outbox(capacity)
    for _ in range(samples):
        outbox.add()
    return outbox


def test_numbers_count_from_zero_without_gaps() -> None:
    outbox = Outbox(10)
    assert [outbox.add() for _ in range(3)] == [0, 1, 2]
    assert outbox.created.as_lists() == [[0, 2]]


def test_the_oldest_is_taken_first_and_only_once() -> None:
    outbox = filled(5)
    assert outbox.take(2) == [(0, 1)]
    assert outbox.take(10) == [(2, 4)]
    assert outbox.take(10) == []
    assert (outbox.pending_n, outbox.waiting) == (0, 5)


def test_chosen_ones_are_taken_in_the_order_asked_for() -> None:
    outbox = filled(6)
    assert outbox.oldest_pending(4) == [0, 1, 2, 3]
    assert outbox.oldest_pending(100) == [0, 1, 2, 3, 4, 5]
    assert outbox.take_these([5, 1, 9, 1000]) == [(5, 5), (1, 1)]
    assert (outbox.pending_n, outbox.waiting) == (4, 6)
    assert outbox.take_these([1, 5]) == []
    outbox.give_back([(5, 5)])
    outbox.ack([(1, 1)])
    assert outbox.take(10) == [(0, 0), (2, 5)]


def test_what_has_no_fate_dies_with_its_producer() -> None:
    outbox = filled(7, capacity=5)
    outbox.ack(outbox.take(1))
    outbox.reject(outbox.take(1))
    outbox.take(1)
    assert outbox.crashed.as_lists() == [[4, 6]]  # in flight or pending; 0 and 1 were dropped


def test_what_failed_is_sent_again_before_the_rest() -> None:
    outbox = filled(6)
    first, second = outbox.take(2), outbox.take(2)
    outbox.ack(second)
    outbox.give_back(first)
    assert outbox.take(10) == [(0, 1), (4, 5)]
    assert outbox.acked.as_lists() == [[2, 3]]


def test_a_full_outbox_drops_its_oldest_by_name() -> None:
    outbox = filled(7, capacity=4)
    assert outbox.dropped.as_lists() == [[0, 2]]
    assert (outbox.waiting, outbox.pending_n) == (4, 4)
    assert outbox.take(10) == [(3, 6)]


def test_what_is_settled_is_not_dropped() -> None:
    outbox = filled(4, capacity=4)
    outbox.ack(outbox.take(2))
    outbox.reject(outbox.take(1))
    for _ in range(4):
        outbox.add()
    assert outbox.dropped.as_lists() == [[3, 3]]
    assert outbox.acked.as_lists() == [[0, 1]]
    assert outbox.rejected.as_lists() == [[2, 2]]


def test_an_ack_that_comes_after_the_drop_counts() -> None:
    outbox = filled(3, capacity=2)
    late = [(0, 0)]
    assert outbox.dropped.as_lists() == [[0, 0]]
    outbox.ack(late)
    assert outbox.dropped.as_lists() == []
    assert outbox.acked.as_lists() == [[0, 0]]
    assert outbox.waiting == 2


def test_a_parcel_that_was_dropped_on_its_way_does_not_come_back() -> None:
    outbox = filled(2, capacity=2)
    parcel = outbox.take(2)
    outbox.add()
    outbox.give_back(parcel)
    assert outbox.take(10) == [(1, 2)]
    assert outbox.dropped.as_lists() == [[0, 0]]


def test_a_rejected_batch_is_never_sent_again() -> None:
    outbox = filled(4)
    outbox.reject(outbox.take(2))
    outbox.resume(0, [], replay=True)
    assert outbox.take(10) == [(2, 3)]


def test_a_crashed_pipeline_gets_back_what_it_acked() -> None:
    outbox = filled(6)
    outbox.ack(outbox.take(4))
    outbox.resume(0, [], replay=True)
    assert outbox.replayed == 4
    assert outbox.take(10) == [(0, 5)]
    assert outbox.waiting == 2


def test_without_replay_only_the_unacked_is_sent_again() -> None:
    outbox = filled(6)
    outbox.ack(outbox.take(4))
    outbox.resume(0, [], replay=False)
    assert outbox.replayed == 0
    assert outbox.gone.as_lists() == [[0, 3]]
    assert outbox.take(10) == [(4, 5)]


def test_what_is_held_is_acked_though_its_ack_was_lost() -> None:
    outbox = filled(6)
    outbox.take(6)
    outbox.resume(2, [[0, 1], [4, 4]], replay=True)
    assert outbox.acked.as_lists() == [[0, 1], [4, 4]]
    assert outbox.take(10) == [(2, 3), (5, 5)]


def test_without_held_it_goes_on_from_next_seq_and_keeps_the_unsettled() -> None:
    outbox = filled(6)
    first, second = outbox.take(2), outbox.take(2)
    outbox.ack(second)
    assert first == [(0, 1)]
    outbox.resume(3, None, replay=True)
    assert outbox.take(10) == [(0, 1), (3, 5)]  # 2 was acked and is held; 3 was acked and is not


def test_held_numbers_that_were_never_made_are_ignored() -> None:
    outbox = filled(2)
    outbox.resume(9, [[0, 8]], replay=True)
    assert outbox.acked.as_lists() == [[0, 1]]
    assert outbox.waiting == 0


def test_what_is_beyond_the_outbox_is_gone_and_says_so() -> None:
    outbox = Outbox(3)
    for _ in range(5):
        outbox.add()
        outbox.ack(outbox.take(1))
    outbox.resume(0, [], replay=True)
    assert outbox.gone.as_lists() == [[0, 1]]
    assert outbox.replayed == 3
    outbox.add()
    assert outbox.gone.as_lists() == [[0, 2]]  # dropped while it waited for its replay
    assert outbox.dropped.as_lists() == []
    outbox.resume(0, [[0, 5]], replay=True)
    assert outbox.gone.as_lists() == []


def test_an_acked_sample_that_is_refused_on_replay_stays_acked() -> None:
    outbox = filled(2)
    outbox.ack(outbox.take(1))
    outbox.resume(0, [], replay=True)
    outbox.reject(outbox.take(2))
    assert outbox.acked.as_lists() == [[0, 0]]
    assert outbox.rejected.as_lists() == [[1, 1]]
    assert outbox.waiting == 0


@pytest.mark.parametrize("capacity", [1, 2, 7])
@given(acked=st.sets(st.integers(0, 20)), held=st.sets(st.integers(0, 25)), replay=st.booleans())
def test_resume_sends_exactly_what_is_lacking(
    capacity: int, acked: set[int], held: set[int], replay: bool
) -> None:
    outbox = filled(20, capacity)
    outbox.ack([(seq, seq) for seq in sorted(acked) if seq < 20])
    rejected = set(range(0, 20, 7)) - acked
    outbox.reject([(seq, seq) for seq in sorted(rejected)])
    outbox.resume(0, [[seq, seq] for seq in sorted(held)], replay)
    kept = set(range(20 - capacity, 20))
    lacking = kept - held - rejected
    assert members(outbox.take(1000)) == (lacking if replay else lacking - acked)
    assert members(outbox.gone) == {seq for seq in acked - held if seq < 20} - (kept if replay else set())


class OutboxMachine(RuleBasedStateMachine):
    """An outbox against a plain model: one fate per identity, a bounded store, a connection that fails at will."""

    @initialize(capacity=st.integers(1, 8), replay=st.booleans())
    def begin(self, capacity: int, replay: bool) -> None:
        self.outbox, self.capacity, self.replay = Outbox(capacity), capacity, replay
        self.fates: list[str] = []
        self.flights: list[Parcel] = []
        self.server: set[int] = set()

    def settle(self, parcel: Parcel, fate: str) -> None:
        for seq in members(parcel):
            if self.fates[seq] in ("waiting", "dropped"):
                self.fates[seq] = fate

    @rule(samples=st.integers(1, 5))
    def add(self, samples: int) -> None:
        for _ in range(samples):
            assert self.outbox.add() == len(self.fates)
            self.fates.append("waiting")
            evicted = len(self.fates) - 1 - self.capacity
            if evicted >= 0 and self.fates[evicted] == "waiting":
                self.fates[evicted] = "dropped"

    @rule(limit=st.integers(1, 6))
    def send(self, limit: int) -> None:
        parcel = self.outbox.take(limit)
        assert parcel_size(parcel) <= limit
        assert members(parcel).isdisjoint(set().union(*map(members, self.flights)))
        if parcel:
            assert min(members(parcel)) >= self.outbox.oldest
            self.flights.append(parcel)

    @rule(seqs=st.lists(st.integers(0, 30), unique=True, max_size=6))
    def send_these(self, seqs: list[int]) -> None:
        parcel = self.outbox.take_these(seqs)
        assert members(parcel) <= set(seqs)
        assert members(parcel).isdisjoint(set().union(*map(members, self.flights)))
        if parcel:
            self.flights.append(parcel)

    @precondition(lambda self: self.flights)
    @rule(outcome=st.sampled_from(["acked", "rejected", "again", "lost answer"]))
    def answer(self, outcome: str) -> None:
        parcel = self.flights.pop(0)
        if outcome == "acked":
            self.server |= members(parcel)
            self.outbox.ack(parcel)
            self.settle(parcel, "acked")
        elif outcome == "rejected":
            self.outbox.reject(parcel)
            self.settle(parcel, "rejected")
        else:
            self.server |= members(parcel) if outcome == "lost answer" else set()
            self.outbox.give_back(parcel)

    @rule(crash=st.booleans())
    def reconnect(self, crash: bool) -> None:
        if crash:
            self.server.clear()
        self.flights.clear()
        held = IntervalSet((seq, seq) for seq in self.server)
        self.outbox.resume(held.next_missing(), held.as_lists(), self.replay)
        self.settle(list(held), "acked")

    @invariant()
    def every_identity_has_one_fate(self) -> None:
        if not hasattr(self, "outbox"):
            return
        for fate in ("acked", "rejected", "dropped"):
            expected = {seq for seq, known in enumerate(self.fates) if known == fate}
            assert members(getattr(self.outbox, fate)) == expected
        waiting = {seq for seq, known in enumerate(self.fates) if known == "waiting"}
        assert members(self.outbox.crashed) == waiting
        assert self.outbox.waiting == self.fates.count("waiting") <= self.capacity
        assert 0 <= self.outbox.pending_n <= self.capacity

    def teardown(self) -> None:
        if not hasattr(self, "outbox"):
            return
        self.reconnect(crash=True)
        self.outbox.ack(self.outbox.take(1000))
        assert self.outbox.waiting == self.outbox.pending_n == 0


TestOutboxMachine = OutboxMachine.TestCase
