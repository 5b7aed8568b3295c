"""A link beside its stream of good samples: invalid ones, and a way that is turned off, changed, or slowed down."""

from __future__ import annotations

from structlog.testing import capture_logs

from fake_servers.history import History
from fake_servers.link import Link
from fake_servers.outbox import Parcel, parcel_size
from fake_servers.pipeline import PipelineState
from fake_servers.signals import Reading
from fake_servers.spoiled import Spoiled, SpoiledParcel


def make_link(
    batch: int = 1, confirm: bool = False, name: str = "web-01", state: PipelineState | None = None
) -> Link:
    history = History(name, 17, 4096)
    return Link(state or PipelineState("websocket"), "websocket", history, batch, 4096, confirm)


def take(link: Link, samples: int) -> None:
    for _ in range(samples):
        link.history.append(1, Reading(1, 2, 3, 4, 5))
        link.offer()


def settled(link: Link) -> bool:
    return link.settled


def all_parcels(link: Link) -> list[Parcel]:
    return list(iter(link.next_parcel, None))


def spoil(link: Link, n: int) -> Spoiled:
    spoiled = Spoiled("web-01", 99)
    for _ in range(n):
        spoiled.make(1)
        link.offer_spoiled(spoiled)
    return spoiled


def test_invalid_samples_go_alone_and_take_turns_with_the_good_ones() -> None:
    link = make_link()
    spoiled = spoil(link, 3)
    take(link, 1)
    assert link.wake.is_set()
    order = []
    while parcel := link.next_parcel():
        order.append("bad" if isinstance(parcel, SpoiledParcel) else "good")
        if isinstance(parcel, SpoiledParcel):
            assert link.encode(parcel) == spoiled.batch(parcel)
            assert parcel_size(parcel) == 1
            link.rejected(parcel, "schema: $")
        else:
            link.acked(parcel)
            take(link, len(order) < 6)
    assert order == ["bad", "good", "bad", "good", "bad", "good"]
    assert settled(link)


def test_invalid_samples_have_an_account_of_their_own() -> None:
    link = make_link()
    spoil(link, 3)
    take(link, 2)
    assert link.waiting == 5
    link.acked(
        next(parcel for parcel in iter(link.next_parcel, None) if not isinstance(parcel, SpoiledParcel))
    )
    parcels = [parcel for parcel in iter(link.next_parcel, None) if isinstance(parcel, SpoiledParcel)]
    link.rejected(parcels[0], "schema: $.seq")
    link.give_back(parcels[1])
    bad, good = link.lives()
    assert (bad.epoch, good.epoch) == (99, 17)
    assert bad.outbox.rejected.size == 1
    assert good.outbox.rejected.size == 0
    assert bad.reasons.as_lists(bad.outbox.rejected) == [[1, 1, "schema: $.seq"]]
    assert not settled(link)
    assert isinstance(link.next_parcel(), SpoiledParcel)


def test_invalid_samples_that_were_in_flight_are_sent_again_after_a_cut() -> None:
    link = make_link()
    spoil(link, 2)
    first, second = link.next_parcel(), link.next_parcel()
    assert first == [(0, 0)]
    assert second == [(1, 1)]
    link.rejected(first, "schema: $")
    link.resume(0, [], replay=True)
    assert all_parcels(link) == [[(1, 1)]]


def test_invalid_samples_die_with_the_producer() -> None:
    link = make_link()
    spoil(link, 2)
    first = link.next_parcel()
    assert first is not None
    link.rejected(first, "schema: $")
    link.begin_life(History("web-01", 100, 4096))
    assert (link.waiting, link.next_parcel()) == (0, None)
    assert {life.epoch: life.outbox.crashed.as_lists() for life in link.past} == {99: [[1, 1]], 17: []}


def test_a_link_that_is_turned_off_sends_what_it_has_and_nothing_new() -> None:
    link = make_link(batch=10, confirm=True)
    take(link, 3)
    link.turn(False)
    take(link, 5)
    spoil(link, 1)
    assert all_parcels(link) == [[(0, 2)]]
    assert not settled(link)
    link.acked([(0, 2)])
    assert settled(link)  # what it gave away it cannot give back any more
    link.turn(True)
    take(link, 4)
    assert link.next_parcel() is None
    assert link.outbox.created.as_lists() == [[0, 2], [8, 11]]


def test_a_link_rests_while_its_connection_is_changed() -> None:
    link = make_link()
    take(link, 1)
    link.resting = True
    assert link.next_parcel() is None
    link.resting = False
    assert link.next_parcel() == [(0, 0)]


def test_sends_wait_only_as_long_as_they_were_told() -> None:
    link = make_link()
    assert link.send_delay_s(0.0) == 0
    link.delay_s, link.delay_until_s = 0.2, 30.0
    assert (link.send_delay_s(29.9), link.send_delay_s(30.0)) == (0.2, 0.0)


def test_a_link_that_left_in_order_is_no_outage() -> None:
    state = PipelineState("websocket")
    stays, leaves = make_link(name="web-01", state=state), make_link(name="web-02", state=state)
    with capture_logs() as logs:
        for link in (stays, leaves):
            link.up()
        leaves.turn(False)
        leaves.left()
        assert state.failing() is None
        stays.down("connection refused")
        stays.up()
    assert [line["event"] for line in logs] == [
        "pipeline not reached",
        "pipeline reached again by all servers",
    ]
    assert leaves.failures == 0
