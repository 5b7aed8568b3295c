"""The fleet's way to pipeline B: resume and replay, acks, rejects, cut connections, broken protocol."""

from __future__ import annotations

import asyncio

import pytest

from fake_servers.fleet import PIPELINE_B
from metrics_core.intervals import IntervalSet
from tests.support.fleet_harness import acked, check_ledger, config, created, drained, outboxes, running
from tests.support.fleet_stand_ins import WebSocketStandIn, free_port
from tests.support.waiting import until_async


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A send fails after 0.4 s instead of 10 s."""
    monkeypatch.setattr("fake_servers.websocket.SEND_TIMEOUT_S", 0.4)


async def test_a_crashed_aggregator_gets_back_what_it_acked() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url, running(config(b=url, transport="websocket")) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
        b.forget()
        b.cut()
        await until_async(lambda: len(b.resumes) == 8, "all servers asked again")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
        assert sum(outbox.replayed for outbox in outboxes(fleet, PIPELINE_B)) > 60


async def test_a_drain_waits_for_an_aggregator_that_lost_what_it_acked() -> None:
    b, port = WebSocketStandIn(), free_port()
    async with running(config(b=f"ws://127.0.0.1:{port}", transport="websocket")) as fleet:
        async with b.serve(port):
            await until_async(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
            fleet.stop_sampling()
            await until_async(lambda: all(link.settled for link in fleet.links()), "all acked")
        b.forget()
        await until_async(lambda: not any(link.connected for link in fleet.links()), "the cut noticed")
        drain = asyncio.create_task(fleet.drain())
        async with b.serve(port):
            assert await drain == (True, 0)
            check_ledger(fleet, PIPELINE_B, b)


async def test_without_replay_the_naive_loss_shows() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url, running(config(b=url, transport="websocket", replay=False)) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
        b.forget()
        b.cut()
        await until_async(lambda: len(b.resumes) == 8, "all servers asked again")
        await drained(fleet)
        lost = sum(outbox.gone.size for outbox in outboxes(fleet, PIPELINE_B))
        held = sum(seqs.size for epochs in b.held.values() for seqs in epochs.values())
        assert lost > 60
        assert held == created(fleet) - lost
        assert sum(outbox.replayed for outbox in outboxes(fleet, PIPELINE_B)) == 0


@pytest.mark.parametrize("tells_held", [True, False])
async def test_only_what_is_lacking_is_sent_again(tells_held: bool) -> None:
    b = WebSocketStandIn()
    b.tells_held = tells_held
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_B) > 20, "acks")
        link = fleet.links(PIPELINE_B)[0]
        history = link.history
        b.held[history.producer][history.epoch] = IntervalSet([(0, 9)])
        arrivals_before = dict(b.arrivals)
        known = link.outbox.acked.size
        b.cut()
        await until_async(lambda: acked(fleet, PIPELINE_B) > known + 20, "acks after the cut")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
    twice = {seq for (_, _, seq), n in b.arrivals.items() if n > 1}
    assert twice >= set(range(10, known))
    assert not twice & set(range(10))
    assert max(b.arrivals.values()) == 2
    assert len(arrivals_before) >= known


async def test_swallowed_acks_cut_the_connection_and_held_settles_it(quick: None) -> None:
    b = WebSocketStandIn()
    b.script.extend(["swallow"] * 1000)
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        link = fleet.links(PIPELINE_B)[0]
        await until_async(lambda: len(b.resumes) >= 2, "a new connection")
        assert link.last_error == "no ack within 0.4 s"
        await until_async(lambda: acked(fleet, PIPELINE_B) > 0, "held counts as an ack")
        b.script.clear()
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
    assert set(b.arrivals.values()) == {1}


async def test_frames_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_servers.websocket.FRAMES_IN_FLIGHT", 5)
    b = WebSocketStandIn()
    b.script.extend(["swallow"] * 1000)
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until_async(lambda: fleet.links(PIPELINE_B)[0].outbox.next_seq > 40, "40 samples")
        assert len(b.batches) == 5
        assert fleet.links(PIPELINE_B)[0].in_flight == 5


async def test_cut_connections_lose_nothing() -> None:
    b = WebSocketStandIn()
    b.script.extend(([None] * 9 + ["cut"]) * 12)
    async with b.serve() as url, running(config(b=url, transport="websocket")) as fleet:
        await until_async(lambda: not b.script, "twelve cuts")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
    assert len(b.resumes) >= 12


async def test_final_rejects_are_counted_and_temporary_ones_sent_again() -> None:
    b = WebSocketStandIn()
    final, temporary = {"error": "schema", "detail": "$"}, {"error": "limit_reached", "detail": "64 epochs"}
    b.script.extend([None, final, None, temporary, temporary, None])
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_B) > 20, "acks")
        await drained(fleet)
        outbox = outboxes(fleet, PIPELINE_B)[0]
        assert outbox.rejected.size >= 1
        assert outbox.acked.size + outbox.rejected.size == outbox.next_seq
        assert outbox.acked == b.held["web-01"][fleet.producers["web-01"].history.epoch]
    assert len(b.resumes) == 1
    assert set(b.arrivals.values()) == {1}


@pytest.mark.parametrize(
    "message, reason",
    [
        (b'{"type":"ack","frames":999}', "ack for 999 frames"),
        (b'{"type":"reject","frame":999,"error":"schema"}', "reject for frame 999"),
        (b'{"type":"resume","next_seq":0}', "resume without a question"),
        (b'{"type":"hello"}', "message not understood"),
        (b"\xff", ""),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_left_and_asked_again(message: bytes, reason: str) -> None:
    b = WebSocketStandIn()
    b.says.append(message)
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until_async(lambda: len(b.resumes) >= 2 and acked(fleet, PIPELINE_B) > 5, "a new connection")
        assert reason in fleet.links(PIPELINE_B)[0].last_error
        assert fleet.crashes == 0
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
