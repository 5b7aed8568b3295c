"""The fleet against both stand-ins: the same samples down both, nothing lost, nobody waits for the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fake_servers.fleet import PIPELINE_A, PIPELINE_B
from fake_servers.http import send_by_http
from fake_servers.link import CATCH_UP_SAMPLES
from tests.support.fleet_harness import acked, check_ledger, config, created, drained, outboxes, running
from tests.support.fleet_stand_ins import HttpStandIn, WebSocketStandIn, free_port
from tests.support.waiting import until_async


async def test_every_sample_goes_down_both_pipelines_with_the_same_bytes() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        await until_async(lambda: created(fleet) >= 100, "100 samples")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
    assert a.samples == b.samples
    assert set(a.arrivals.values()) == set(b.arrivals.values()) == {1}
    alone_a = {body for body in a.bodies if body.startswith(b"{")}
    alone_b = {body for body in b.bodies if body.startswith(b"{")}
    assert alone_a & alone_b


async def test_a_pipeline_that_hangs_delays_neither_sampling_nor_the_other() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    a.always = "hang"
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, rate=20.0)) as fleet:
        await until_async(lambda: a.attempts_s and acked(fleet, PIPELINE_B) > 0, "both begun")
        before, begin_s = created(fleet), asyncio.get_running_loop().time()
        await until_async(lambda: created(fleet) >= before + 80, "80 samples while A hangs")
        took_s = asyncio.get_running_loop().time() - begin_s
        assert took_s == pytest.approx(1.0, abs=0.3)  # 4 servers at 20/s
        await until_async(lambda: acked(fleet, PIPELINE_B) >= before + 80, "B has them all")
        assert acked(fleet, PIPELINE_A) == 0
        ages_us = [
            later.sampled_at_us - sooner.sampled_at_us
            for history in (producer.history for producer in fleet.producers.values())
            for sooner, later in ((history.sample(seq), history.sample(seq + 1)) for seq in range(10))
        ]
        assert max(ages_us) < 150_000
        a.always = None
        a.release.set()
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)


async def test_a_backlog_goes_out_in_bounded_batches() -> None:
    a, b, port_a, port_b = HttpStandIn(), WebSocketStandIn(), free_port(), free_port()
    settings = config(
        f"http://127.0.0.1:{port_a}",
        f"ws://127.0.0.1:{port_b}",
        servers=2,
        rate=1000.0,
        outbox_capacity=100_000,
    )
    async with running(settings) as fleet:
        await until_async(lambda: created(fleet) > 3000, "a backlog")
        assert fleet.failing() == {PIPELINE_A: "Connection refused", PIPELINE_B: "Connection refused"}
        fleet.stop_sampling()
        async with a.serve(port_a), b.serve(port_b):
            await drained(fleet)
            check_ledger(fleet, PIPELINE_A, a)
            check_ledger(fleet, PIPELINE_B, b)
            assert fleet.failing() == {}
    assert max(a.batches) == max(b.batches) == CATCH_UP_SAMPLES


async def test_restarts_of_both_pipelines_lose_nothing() -> None:
    a, b, port_a, port_b = HttpStandIn(), WebSocketStandIn(), free_port(), free_port()
    settings = config(f"http://127.0.0.1:{port_a}", f"ws://127.0.0.1:{port_b}", rate=200.0)
    async with running(settings) as fleet:
        for _ in range(5):
            enough = {pipeline: acked(fleet, pipeline) + 100 for pipeline in (PIPELINE_A, PIPELINE_B)}
            async with a.serve(port_a), b.serve(port_b):
                for pipeline, n in enough.items():
                    await until_async(lambda p=pipeline, n=n: acked(fleet, p) > n, "acks")  # type: ignore[misc]
            b.forget()
            await until_async(lambda: len(fleet.failing()) == 2, "both cuts noticed")
        async with a.serve(port_a), b.serve(port_b):
            await drained(fleet)
            check_ledger(fleet, PIPELINE_A, a)
            check_ledger(fleet, PIPELINE_B, b)


async def test_a_batch_is_sent_whole_and_a_drain_sends_the_rest() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, batch=7)) as fleet:
        await until_async(lambda: created(fleet) >= 100, "100 samples")
        whole = {*a.batches, *b.batches}
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
    assert {size % 7 for size in whole} == {0}


async def test_a_full_outbox_drops_its_oldest_by_name() -> None:
    async with running(config(servers=1, rate=500.0, outbox_capacity=20)) as fleet:
        await until_async(lambda: created(fleet) >= 60, "60 samples for nobody")
        fleet.stop_sampling()
        for pipeline in (PIPELINE_A, PIPELINE_B):
            outbox = outboxes(fleet, pipeline)[0]
            assert outbox.waiting == 20
            assert outbox.dropped.as_lists() == [[0, outbox.next_seq - 21]]


async def test_the_token_goes_to_both_pipelines() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, token="secret")) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_A) > 20 and acked(fleet, PIPELINE_B) > 20, "acks")
    assert a.tokens == b.tokens == {"Bearer secret"}


async def test_an_unforeseen_fault_of_one_link_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken: list[Any] = []

    async def fails_once(link: Any, *rest: Any) -> None:
        if not broken:
            broken.append(link)
            raise ZeroDivisionError
        await send_by_http(link, *rest)

    monkeypatch.setattr("fake_servers.lines.send_by_http", fails_once)
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        await until_async(lambda: broken and broken[0].outbox.acked.size > 5, "the broken link began again")
        assert fleet.crashes == 1
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
