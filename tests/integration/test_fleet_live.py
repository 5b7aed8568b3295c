"""Live changes of the fleet against stand-ins: each is seen on the wire, and the ledger stays exact meanwhile."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from fake_servers.live import LiveChanges
from metrics_core.ledger import count, subtract
from tests.support.fleet_harness import acked, check_ledger, config, created, drained, running
from tests.support.fleet_stand_ins import HttpStandIn, WebSocketStandIn, free_port
from tests.support.waiting import until_async

TRANSPORTS = ("http1", "http2", "websocket")


async def change(fleet: Fleet, **knobs: Any) -> None:
    await LiveChanges(fleet).set_knobs(msgspec.json.encode(knobs))


async def order(fleet: Fleet, action: str, target: str = "*", **body: Any) -> int:
    return await LiveChanges(fleet).order(action, target, msgspec.json.encode(body))


async def more_acks(fleet: Fleet, pipeline: str, n: int = 40) -> None:
    enough = acked(fleet, pipeline) + n
    await until_async(lambda: acked(fleet, pipeline) >= enough, f"{n} more acks of {pipeline}")


def connected(fleet: Fleet, pipeline: str) -> int:
    return sum(link.connected for link in fleet.roster.all_links(pipeline))


async def test_the_rate_follows_at_once_up_and_down() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    settings = {"servers": 4, "rate": 0.5}
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, **settings)) as fleet:
        await change(fleet, rate_factor=100)
        before, begin_s = created(fleet), time.monotonic()
        await until_async(lambda: created(fleet) >= before + 100, "100 samples; it were 50 s at the old rate")
        rate = (created(fleet) - before) / (time.monotonic() - begin_s)
        assert rate == pytest.approx(200, rel=0.5)
        await change(fleet, rate_factor=1)
        before, begin_s = created(fleet), time.monotonic()
        await until_async(lambda: created(fleet) > before, "the old rate")
        await more_acks(fleet, PIPELINE_A, 1)
        assert (created(fleet) - before) / (time.monotonic() - begin_s) < 40
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
        stamps: dict[str, list[int]] = {}
        for name, _, seq in sorted(b.samples):
            stamps.setdefault(name, []).append(
                b.samples[name, fleet.producers[name].history.epoch, seq].sampled_at_us
            )
        assert all(one < other for own in stamps.values() for one, other in pairwise(own))


async def test_the_batch_follows_at_once() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        await more_acks(fleet, PIPELINE_A)
        await change(fleet, batch=8)
        for peer, pipeline in ((a, PIPELINE_A), (b, PIPELINE_B)):
            await until_async(lambda p=peer: p.batches.count(8) >= 8, "batches of eight")  # type: ignore[misc]
            n = len(peer.batches)
            await more_acks(fleet, pipeline, 64)
            assert {size % 8 for size in peer.batches[n:]} == {0}
        await change(fleet, batch=1)
        n = len(b.batches)
        await until_async(lambda: 1 in b.batches[n:], "batches of one")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)


async def test_the_transport_changes_under_way_and_no_sample_comes_twice() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, batch=3)) as fleet:
        for transport in ("twin", "http1", "http2", "websocket", "twin"):
            await change(fleet, transport=transport)
            a.versions.clear()
            before = count(b.held)
            if transport != "websocket":
                await until_async(lambda: len(a.versions) >= 4, f"all four servers by {transport}")
                versions = {version for _, version in a.versions}
                assert versions == {"http1": {"1.1"}, "http2": {"2"}}.get(transport, {"1.1", "2"})
            if transport in ("http1", "http2"):
                await until_async(lambda: not b.connections, "pipeline B is left in order")
            else:
                await until_async(lambda n=before: count(b.held) >= n + 20, "samples at B")  # type: ignore[misc]
            if transport == "websocket":
                await until_async(lambda: connected(fleet, PIPELINE_A) == 0, "pipeline A is left in order")
            assert len(fleet.links()) == (8 if transport == "twin" else 4)
        assert fleet.failing() == {}
        await drained(fleet)
        for pipeline, peer in ((PIPELINE_A, a), (PIPELINE_B, b)):
            check_ledger(fleet, pipeline, peer)
            assert set(peer.arrivals.values()) == {1}
        assert fleet.crashes == 0
        made = {name: producer.history.next_seq for name, producer in fleet.producers.items()}
        for name, n in made.items():  # nothing was meant for nobody
            seqs = {seq for who, _, seq in {*a.samples, *b.samples} if who == name}
            assert seqs == set(range(n))
        assert 0 < count(b.held) < sum(made.values())


async def test_a_change_of_protocol_waits_for_the_answer_that_is_on_its_way() -> None:
    a = HttpStandIn()
    async with a.serve() as url, running(config(a=url, transport="http1", servers=1)) as fleet:
        a.script.append("lose_answer")
        await until_async(lambda: a.arrivals, "a sample is taken, its answer held back")
        changing = asyncio.create_task(change(fleet, transport="http2"))
        await until_async(lambda: fleet.changing.locked(), "the change has begun")
        a.release.set()
        await changing
        await until_async(lambda: ("web-01", "2") in a.versions, "the new protocol")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        assert set(a.arrivals.values()) == {1}


@pytest.mark.parametrize("replay", ["on", "off"])
async def test_replay_decides_whether_a_lost_memory_is_given_back(replay: str) -> None:
    b = WebSocketStandIn()
    async with (
        b.serve() as url,
        running(config(b=url, transport="websocket", replay=replay == "off")) as fleet,
    ):
        await more_acks(fleet, PIPELINE_B)
        await change(fleet, replay=replay)
        b.forget()
        b.cut()
        await until_async(lambda: len(b.resumes) >= 8, "all came again")
        await drained(fleet)
        lost = count(subtract(fleet.ledger()[PIPELINE_B]["acked"], b.held))
        gone = sum(link.outbox.gone.size for link in fleet.links(PIPELINE_B))
        assert (lost > 30) == (replay == "off")
        assert gone == lost


async def test_servers_come_and_go_and_keep_their_account() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, batch=3)) as fleet:
        await fleet.begin_fault("skew-clock", "*", 100.0)
        for servers in (9, 2, 0, 6):
            await change(fleet, servers=servers)
            assert len(fleet.producers) == servers
            await until_async(
                lambda n=servers: len(b.connections) == n and connected(fleet, PIPELINE_A) == n,  # type: ignore[misc]
                f"{servers} servers connected",
            )
            for producer in fleet.producers.values():
                n = producer.history.next_seq
                await until_async(lambda p=producer, n=n: p.history.next_seq > n, "new samples of each")  # type: ignore[misc]
        newest = {name: producer.history.last() for name, producer in fleet.producers.items()}
        assert all(
            sample and sample.sampled_at_us > time.time_ns() // 1000 + 90_000_000
            for sample in newest.values()
        )
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
        told = fleet.ledger()[PIPELINE_A]["created"]
        assert len(told) == 9
        assert {len(epochs) for epochs in told.values()} == {1}  # who came back went on where it was


async def test_a_server_that_leaves_a_dead_pipeline_is_waited_for() -> None:
    b, port = WebSocketStandIn(), free_port()
    async with running(config(b=f"ws://127.0.0.1:{port}", transport="websocket")) as fleet:
        await until_async(lambda: created(fleet) >= 20, "samples for nobody")
        made = created(fleet)
        await change(fleet, servers=0)
        waiting = count(fleet.ledger()[PIPELINE_B]["created"])
        assert waiting >= made
        async with b.serve(port):
            await until_async(lambda: count(fleet.ledger()[PIPELINE_B]["acked"]) == waiting, "all are acked")
            await until_async(lambda: not b.connections, "and the connections closed")
            check_ledger(fleet, PIPELINE_B, b)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_restart_in_order_loses_nothing(transport: str) -> None:
    peer = WebSocketStandIn() if transport == "websocket" else HttpStandIn()
    pipeline = PIPELINE_B if transport == "websocket" else PIPELINE_A
    async with peer.serve() as url, running(config(url, url, transport=transport, batch=3)) as fleet:
        for _ in range(3):
            await more_acks(fleet, pipeline)
            assert await order(fleet, "restart") == 4
            assert await order(fleet, "restart", "web-01") == 1
        await more_acks(fleet, pipeline)
        await drained(fleet)
        check_ledger(fleet, pipeline, peer)
        told = fleet.ledger()[pipeline]
        assert told["crashed"] == {}
        assert set(peer.arrivals.values()) == {1}
        assert {name: len(epochs) for name, epochs in told["created"].items()}["db-01"] == 4
        assert fleet.producers["web-01"].lives == 7
        assert fleet.crashes == 0


async def test_a_stopped_server_stays_connected_and_sends_nothing() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, batch=3)) as fleet:
        await more_acks(fleet, PIPELINE_B)
        stopped = fleet.producers["web-01"]
        assert await order(fleet, "stop", "web-01") == 1
        made = stopped.history.next_seq
        await until_async(
            lambda: all(link.settled for link in stopped.links.values()), "its last batch is sent"
        )
        await more_acks(fleet, PIPELINE_B)
        await more_acks(fleet, PIPELINE_A)
        assert stopped.history.next_seq == made
        assert len(b.connections) == 4
        assert await order(fleet, "start", "web-01") == 1
        await until_async(lambda: stopped.history.next_seq > made + 6, "it reads again")
        assert {sample.status for sample in fleet.producers.values()} == {"sampling"}
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_each_send_waits_as_long_as_it_was_told(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = WebSocketStandIn() if transport == "websocket" else HttpStandIn()
    pipeline = PIPELINE_B if transport == "websocket" else PIPELINE_A
    age_s: dict[str, list[float]] = {}
    take = peer.take

    def noted(body: bytes) -> int:
        taken = take(body)
        age_s.setdefault(peer.newest.producer, []).append(time.time() - peer.newest.sampled_at_us / 1e6)
        return taken

    monkeypatch.setattr(peer, "take", noted)
    async with peer.serve() as url:
        settings = config(url, url, servers=2, rate=10.0, transport=transport)
        async with running(settings) as fleet:
            await more_acks(fleet, pipeline, 10)
            assert await order(fleet, "latency", "web-01", ms=400, for_s=60) == 1
            age_s.clear()
            await until_async(lambda: len(age_s.get("web-01", ())) >= 4, "delayed sends")
            assert min(age_s["web-01"][1:]) > 0.38
            assert sorted(age_s["db-01"])[len(age_s["db-01"]) // 2] < 0.2
            await order(fleet, "latency", "*", ms=1, for_s=1)
            await drained(fleet)
            check_ledger(fleet, pipeline, peer)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_invalid_samples_are_refused_by_name_beside_good_ones(transport: str) -> None:
    peer = WebSocketStandIn() if transport == "websocket" else HttpStandIn()
    pipeline = PIPELINE_B if transport == "websocket" else PIPELINE_A
    async with peer.serve() as url, running(config(url, url, transport=transport, servers=2)) as fleet:
        await more_acks(fleet, pipeline, 10)
        assert await order(fleet, "invalid", "web-01", n=5) == 1
        assert await order(fleet, "invalid", "*", n=2) == 2
        await until_async(lambda: len(peer.refused) == 9, "nine refusals")
        await more_acks(fleet, pipeline, 10)
        await drained(fleet)
        told, reasons = fleet.ledger()[pipeline], fleet.reasons(pipeline)
    good = {name: producer.history.epoch for name, producer in fleet.producers.items()}
    assert {name: epochs[good[name]] for name, epochs in told["acked"].items()} == {
        name: epochs[good[name]] for name, epochs in peer.held.items()
    }
    (epoch,) = told["rejected"]["web-01"]
    assert epoch != good["web-01"]
    assert told["rejected"]["web-01"][epoch].as_lists() == [[0, 6]]
    assert told["created"]["web-01"][epoch].as_lists() == [[0, 6]]
    assert count(told["created"]) == count(told["acked"]) + count(told["rejected"])
    assert [reason for *_, reason in reasons["web-01"][str(epoch)]][:2] == [
        "schema: $.cpu_percent: expected a number <= 100",
        "schema: $.memory_percent: expected a number >= 0",
    ]
    assert set(peer.arrivals.values()) == {1}


async def test_invalid_samples_survive_a_cut_and_are_refused_once() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await more_acks(fleet, PIPELINE_B, 5)
        b.script.extend(["swallow"] * 3)
        await order(fleet, "invalid", n=3)
        await until_async(lambda: len(b.refused) >= 1, "refused, the acks are lost")
        b.cut()
        await drained(fleet)
        told = fleet.ledger()[PIPELINE_B]
        assert count(told["rejected"]) == 3
        assert count(told["created"]) == count(told["acked"]) + 3
