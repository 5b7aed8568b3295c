"""Faults of the fleet against stand-ins: what is really on the wire, and that the ledger stays exact meanwhile."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import h11
import pytest

from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, count, subtract
from tests.support.fleet_harness import acked, check_ledger, config, created, drained, running
from tests.support.fleet_stand_ins import HttpStandIn, Taken, WebSocketStandIn
from tests.support.http_stand_in import Told
from tests.support.tcp_recorder import Conversation, recorder
from tests.support.waiting import until_async

TRANSPORTS = ("http1", "http2", "websocket")


def stand_in(transport: str) -> HttpStandIn | WebSocketStandIn:
    return WebSocketStandIn() if transport == "websocket" else HttpStandIn()


def pipeline_of(transport: str) -> str:
    return PIPELINE_B if transport == "websocket" else PIPELINE_A


def half_of_http1(sent: bytes) -> tuple[int, int]:
    """Bytes of the last request's body, and how many it should have."""
    server, whole, came = h11.Connection(h11.SERVER), 0, 0
    server.receive_data(sent)
    while (event := server.next_event()) is not h11.NEED_DATA:
        if isinstance(event, h11.Request):
            whole, came = int(dict(event.headers)[b"content-length"]), 0
        elif isinstance(event, h11.Data):
            came += len(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return came, whole
    return came, whole


def half_of_http2(sent: bytes) -> tuple[int, int]:
    server, whole, came = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False)), 0, 0
    server.initiate_connection()
    for event in server.receive_data(sent):
        if isinstance(event, h2.events.RequestReceived):
            whole = int(dict(event.headers)[b"content-length"])
        elif isinstance(event, h2.events.DataReceived):
            came += len(event.data)
    return came, whole


def half_of_websocket(sent: bytes) -> tuple[int, int]:
    """The last frame (RFC 6455, section 5.2), masked, after the handshake."""
    rest = sent.partition(b"\r\n\r\n")[2]
    while True:
        size, head = rest[1] & 0x7F, 2 + 4
        if size == 126:
            size, head = int.from_bytes(rest[2:4]), 4 + 4
        came = len(rest) - head
        if came <= size:
            return came, size
        rest = rest[head + size :]


HALF = {"http1": half_of_http1, "http2": half_of_http2, "websocket": half_of_websocket}


def dead(fleet: Fleet, pipeline: str) -> Ledger:
    return fleet.ledger()[pipeline]["crashed"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_producer_dies_in_the_middle_of_a_send(transport: str) -> None:
    peer, pipeline = stand_in(transport), pipeline_of(transport)
    async with peer.serve() as url, recorder(url) as (through, conversations):
        urls = {"b": f"ws://{through}"} if transport == "websocket" else {"a": f"http://{through}"}
        async with running(config(**urls, transport=transport, servers=2)) as fleet:
            epochs = []
            for _ in range(10):
                enough = acked(fleet, pipeline) + 10
                await until_async(lambda n=enough: acked(fleet, pipeline) >= n, "acks")  # type: ignore[misc]
                before: list[Conversation] = [talk for talk in conversations if talk.over]
                epochs.append(fleet.producers["web-01"].history.epoch)
                assert await fleet.begin_fault("crash-producer", "web-01", None) == 1

                def torn(before: list[Conversation] = before) -> list[tuple[int, int]]:
                    ended = [talk for talk in conversations if talk.over and talk not in before]
                    return [
                        half for talk in ended if 0 < (half := HALF[transport](bytes(talk.sent)))[0] < half[1]
                    ]

                (came, whole), *_ = await until_async(torn, "half of a send, then the cut")
                assert came <= whole // 2 + 8
            await until_async(lambda: acked(fleet, pipeline) >= 10, "the new life sends")
            await drained(fleet)
            fates = fleet.ledger()[pipeline]
            assert fleet.crashes == 0
    assert len({*epochs, fleet.producers["web-01"].history.epoch}) == 11
    assert set(fates["crashed"]) == {"web-01"}
    assert set(fates["crashed"]["web-01"]) == set(epochs), "each life lost at least the sample it died over"
    assert set(fates["created"]["db-01"]) == set(fates["acked"]["db-01"])
    assert count(fates["created"]) == count(fates["acked"]) + count(fates["crashed"])
    assert subtract(fates["acked"], peer.held) == {}
    for epoch in epochs:  # what was half sent is not there
        assert fates["created"]["web-01"][epoch].last not in peer.held["web-01"].get(epoch, IntervalSet())


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_copies_are_counted_exactly(transport: str) -> None:
    peer, pipeline = stand_in(transport), pipeline_of(transport)
    async with peer.serve() as url, running(config(url, url, transport=transport)) as fleet:
        await until_async(lambda: acked(fleet, pipeline) >= 20, "acks")
        assert fleet.resent(pipeline) == 0
        await fleet.begin_fault("duplicate", "web-01", 3)
        await until_async(lambda: fleet.resent(pipeline) >= 40, "copies")
        await fleet.undo_fault("duplicate", "*")
        await drained(fleet)
        check_ledger(fleet, pipeline, peer)
        assert sum(peer.arrivals.values()) == created(fleet) + fleet.resent(pipeline)
    by_name: dict[str, set[int]] = {}
    for (name, _, _), arrivals in peer.arrivals.items():
        by_name.setdefault(name, set()).add(arrivals)
    assert by_name.pop("web-01") == {1, 3}
    assert set().union(*by_name.values()) == {1}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_copy_that_is_refused_is_not_counted_and_not_sent_again(transport: str) -> None:
    peer, pipeline = stand_in(transport), pipeline_of(transport)
    settings = {"transport": transport, "servers": 1, "rate": 5.0}
    async with peer.serve() as url, running(config(url, url, **settings)) as fleet:
        await until_async(lambda: acked(fleet, pipeline) >= 2, "acks")
        if isinstance(peer, WebSocketStandIn):
            peer.script.extend([None, {"error": "rate_limited", "detail": "x"}])
        else:
            peer.script.extend(["take", Told(429, b'{"error":"rate_limited","detail":"x"}')])
        await fleet.begin_fault("duplicate", "*", 2)
        await until_async(lambda: fleet.resent(pipeline) >= 2, "copies that are taken")
        await drained(fleet)
        check_ledger(fleet, pipeline, peer)
        assert sum(peer.arrivals.values()) == created(fleet) + fleet.resent(pipeline)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_shuffled_samples_all_arrive_once_and_not_in_order(transport: str) -> None:
    peer, pipeline = stand_in(transport), pipeline_of(transport)
    async with peer.serve() as url, running(config(url, url, transport=transport, servers=2)) as fleet:
        await fleet.begin_fault("shuffle", "*", 20)
        await until_async(lambda: acked(fleet, pipeline) >= 60, "shuffled samples")
        await fleet.undo_fault("shuffle", "*")
        await drained(fleet)
        check_ledger(fleet, pipeline, peer)
    assert set(peer.arrivals.values()) == {1}
    order = [seq for name, _, seq in peer.arrivals if name == "web-01"]
    displaced = [abs(seq - place) for place, seq in enumerate(order)]
    assert 3 < max(displaced) < 20


def connected(fleet: Fleet, pipeline: str) -> int:
    return sum(link.connected for link in fleet.links(pipeline))


async def test_a_reconnect_storm_loses_nothing() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, servers=8)) as fleet:
        for storm in range(1, 4):
            await until_async(
                lambda: connected(fleet, PIPELINE_B) == connected(fleet, PIPELINE_A) == 8, "all there"
            )
            assert await fleet.begin_fault("reconnect-storm", "*", None) == 8
            await until_async(lambda n=storm: len(b.resumes) >= 8 * (n + 1), "all came again")  # type: ignore[misc]
        await until_async(
            lambda: connected(fleet, PIPELINE_B) == connected(fleet, PIPELINE_A) == 8, "all back"
        )
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
        assert fleet.crashes == 0


@pytest.mark.parametrize("pipeline", [PIPELINE_A, PIPELINE_B])
async def test_a_pipeline_is_led_through_a_proxy_and_back(pipeline: str) -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        peers: dict[str, tuple[Taken, str]] = {PIPELINE_A: (a, url_a), PIPELINE_B: (b, url_b)}
        async with recorder(peers[pipeline][1]) as (through, conversations):
            await until_async(lambda: acked(fleet, pipeline) >= 20, "acks")
            assert not conversations
            assert await fleet.route(pipeline, through) == 4
            enough = acked(fleet, pipeline) + 40
            await until_async(lambda: acked(fleet, pipeline) >= enough, "acks by the proxy")
            assert sum(len(talk.sent) for talk in conversations) > 40 * 100
            await fleet.route(pipeline, None)
            await until_async(lambda: all(talk.over for talk in conversations), "the proxy left")
            n, enough = len(conversations), acked(fleet, pipeline) + 40
            await until_async(lambda: acked(fleet, pipeline) >= enough, "acks without the proxy")
            assert len(conversations) == n
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)


async def test_a_crash_while_nobody_listens_is_quick_and_exact() -> None:
    async with running(config(servers=3, rate=100.0)) as fleet:
        await until_async(lambda: created(fleet) >= 30, "samples for nobody")
        assert await fleet.begin_fault("crash-producer", "*", None) == 3
        for pipeline in (PIPELINE_A, PIPELINE_B):
            assert count(dead(fleet, pipeline)) >= 30
        await until_async(lambda: created(fleet) >= 10, "samples of the new lives")
        fates = fleet.ledger()[PIPELINE_A]
    assert all(len(epochs) == 2 for epochs in fates["created"].values())
