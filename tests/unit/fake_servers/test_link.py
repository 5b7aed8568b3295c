"""A link says what to send and how much at once, and a pipeline's state is logged once, not per server."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from fake_servers.history import History
from fake_servers.link import CATCH_UP_SAMPLES, Link, PipelineState
from fake_servers.signals import Reading
from metrics_core.wire import BatchDecoder


def make_link(
    batch: int = 1, confirm: bool = False, name: str = "web-01", state: PipelineState | None = None
) -> Link:
    return Link(
        state or PipelineState("websocket"), "websocket", History(name, 17, 4096), batch, 4096, confirm
    )


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
