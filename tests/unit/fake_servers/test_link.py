"""A link says what to send and how much at once, and a pipeline's state is logged once, not per server."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from fake_servers.history import History
from fake_servers.link import CATCH_UP_SAMPLES, Link
from fake_servers.outbox import Parcel, parcel_size
from fake_servers.pipeline import PipelineState
from fake_servers.signals import Reading
from metrics_core.wire import BatchDecoder


def make_link(
    batch: int = 1,
    confirm: bool = False,
    name: str = "web-01",
    state: PipelineState | None = None,
    capacity: int = 4096,
) -> Link:
    history = History(name, 17, capacity)
    return Link(state or PipelineState("websocket"), "websocket", history, batch, capacity, confirm)


def settled(link: Link) -> bool:
    return link.settled


def take(link: Link, samples: int) -> None:
    for _ in range(samples):
        link.history.append(1, Reading(1, 2, 3, 4, 5))
        link.offer()


def test_a_sample_is_sent_at_once() -> None:
    link = make_link()
    take(link, 1)
    assert link.wake.is_set()
    assert link.next_parcel() == [(0, 0)]
    assert link.next_parcel() is None


def test_a_batch_gathers() -> None:
    link = make_link(batch=3)
    take(link, 2)
    assert not link.wake.is_set()
    assert link.next_parcel() is None
    take(link, 1)
    assert link.wake.is_set()
    assert link.next_parcel() == [(0, 2)]


def test_a_backlog_goes_out_in_whole_batches() -> None:
    link = make_link(batch=7)
    take(link, 20)
    assert link.next_parcel() == [(0, 13)]
    assert link.next_parcel() is None
    take(link, 1000)
    sizes = []
    while parcel := link.next_parcel():
        sizes.append(parcel_size(parcel))
    assert sum(sizes) == 1000 + 6 - (1000 + 6) % 7
    assert {size % 7 for size in sizes} == {0}
    assert CATCH_UP_SAMPLES - 7 < max(sizes) <= CATCH_UP_SAMPLES


def all_parcels(link: Link) -> list[Parcel]:
    parcels = []
    while parcel := link.next_parcel():
        parcels.append(parcel)
    return parcels


def test_shuffled_samples_are_held_back_and_leave_in_another_order() -> None:
    links = [make_link(name="web-01"), make_link(name="web-01")]
    orders = []
    for link in links:
        link.faults.begin("shuffle", 20)
        take(link, 19)
        assert link.next_parcel() is None
        take(link, 26)
        orders.append([seq for parcel in all_parcels(link) for seq, _ in parcel])
        assert link.outbox.pending_n == 5
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(40))
    assert sorted(orders[0][:20]) == list(range(20))
    assert orders[0][:20] != list(range(20))


def test_what_was_held_back_goes_out_after_the_undo_and_at_a_flush() -> None:
    link = make_link()
    link.faults.begin("shuffle", 20)
    take(link, 10)
    link.faults.undo("shuffle")
    assert all_parcels(link) == [[(0, 9)]]
    link.faults.begin("shuffle", 20)
    take(link, 10)
    link.flush()
    assert sorted(seq for parcel in all_parcels(link) for seq, _ in parcel) == list(range(10, 20))


def test_no_more_is_held_back_than_the_outbox_keeps() -> None:
    link = make_link(capacity=10)
    link.faults.begin("shuffle", 1000)
    take(link, 5)
    assert sum(parcel_size(parcel) for parcel in all_parcels(link)) == 5


def test_shuffled_samples_that_are_settled_meanwhile_are_not_sent_again() -> None:
    link = make_link()
    link.faults.begin("shuffle", 20)
    take(link, 20)
    first = link.next_parcel()
    assert first is not None
    link.outbox.resume(0, [(0, 9)], replay=True)  # a new connection: half of it was there already
    sent = [seq for parcel in all_parcels(link) for seq, _ in parcel]
    assert len(set(sent)) == len(sent)
    assert set(sent) | {seq for seq, _ in first} >= set(range(10, 20))
    assert not set(sent) & set(range(10))


def test_a_new_life_begins_with_nothing_to_send_and_keeps_the_account() -> None:
    link = make_link()
    take(link, 5)
    link.outbox.ack(link.outbox.take(2))
    link.rejected(link.outbox.take(1), "schema: $")
    link.begin_life(History("web-01", 18, 4096))
    take(link, 1)
    assert link.next_parcel() == [(0, 0)]
    (old, new) = link.lives()
    assert (old.epoch, new.epoch) == (17, 18)
    assert (old.outbox.acked.as_lists(), old.outbox.crashed.as_lists()) == ([[0, 1]], [[3, 4]])
    assert old.reasons.as_lists(old.outbox.rejected) == [[2, 2, "schema: $"]]
    assert new.reasons.as_lists(new.outbox.created) == []


def test_flush_sends_what_has_gathered() -> None:
    link = make_link(batch=3)
    take(link, 2)
    link.flush()
    assert link.wake.is_set()
    assert link.next_parcel() == [(0, 1)]


def test_a_backlog_goes_out_in_large_batches() -> None:
    link = make_link()
    take(link, CATCH_UP_SAMPLES + 2)
    assert link.next_parcel() == [(0, CATCH_UP_SAMPLES - 1)]
    assert link.next_parcel() == [(CATCH_UP_SAMPLES, CATCH_UP_SAMPLES + 1)]


def test_a_parcel_with_a_gap_is_one_batch() -> None:
    link = make_link()
    take(link, 5)
    samples = BatchDecoder().decode(link.encode([(0, 1), (4, 4)]))
    assert [sample.seq for sample in samples] == [0, 1, 4]
    assert {sample.epoch for sample in samples} == {17}


def test_settled_means_that_every_sample_has_its_fate() -> None:
    link = make_link()
    assert settled(link)
    take(link, 1)
    assert not settled(link)
    parcel = link.next_parcel()
    assert parcel is not None
    assert not settled(link)
    link.outbox.ack(parcel)
    assert settled(link)


def test_what_a_pipeline_without_a_disk_acked_is_in_doubt_while_the_link_is_cut() -> None:
    link = make_link(confirm=True)
    link.up()
    take(link, 1)
    link.outbox.ack(link.outbox.take(1))
    assert settled(link)
    link.down("cut")
    assert not settled(link)
    link.up()
    assert settled(link)


def test_a_cut_pipeline_is_logged_once() -> None:
    state = PipelineState("websocket")
    links = [make_link(name=f"web-{index}", state=state) for index in range(5)]
    with capture_logs() as logs:
        for link in links:
            link.up()
        for link in links * 3:
            link.down("connection refused")
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("pipeline not reached", "connection refused")
    ]
    with capture_logs() as logs:
        for link in links:
            link.up()
    assert [line["event"] for line in logs] == ["pipeline reached again by all servers"]


def test_a_pipeline_that_was_never_reached_is_logged_too() -> None:
    with capture_logs() as logs:
        link = make_link()
        link.down("connection refused")
        link.down("connection refused")
    assert len(logs) == 1
    assert link.failures == 2


def test_rejected_samples_are_told_once_and_counted_always() -> None:
    link = make_link()
    take(link, 2)
    with capture_logs() as logs:
        for _ in range(2):
            link.rejected(link.outbox.take(1), "422 schema: $.seq")
    assert [(line["samples"], line["reason"]) for line in logs] == [(1, "422 schema: $.seq")]
    assert link.outbox.rejected.size == 2
    assert link.last_error == "422 schema: $.seq"


@pytest.mark.parametrize(
    "connected, reason", [((False, False), "not reached yet"), ((True, False), None), ((True, True), None)]
)
def test_a_pipeline_fails_when_no_server_reaches_it(connected: tuple[bool, bool], reason: str | None) -> None:
    state = PipelineState("http_redis")
    for index, up in enumerate(connected):
        link = make_link(name=f"web-{index}", state=state)
        if up:
            link.up()
    assert state.failing() == reason


def test_a_pipeline_that_nobody_uses_does_not_fail() -> None:
    assert PipelineState("http_redis").failing() is None
