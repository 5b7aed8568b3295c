"""The fleet's way to pipeline A: versions, retries, refusals, lost answers."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from fake_servers.fleet import PIPELINE_A
from tests.support.fleet_harness import acked, check_ledger, config, drained, outboxes, running
from tests.support.fleet_stand_ins import HttpStandIn
from tests.support.http_stand_in import Asked, Told
from tests.support.waiting import until_async

UNAVAILABLE: Final = Told(503, b'{"error":"unavailable","detail":"x"}')


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A send fails after 0.4 s instead of 10 s."""
    monkeypatch.setattr("fake_servers.http.SEND_TIMEOUT_S", 0.4)


async def test_half_of_the_servers_speak_each_http_version() -> None:
    a = HttpStandIn()
    async with a.serve() as url, running(config(url, servers=10)) as fleet:
        await until_async(lambda: len(a.held) == 10, "all servers heard")
        spoken = dict(list(a.versions))
        assert spoken == {
            producer.name: {"http1": "1.1", "http2": "2"}[producer.links[PIPELINE_A].transport]
            for producer in fleet.producers.values()
        }
        assert sorted(spoken.values()) == ["1.1"] * 5 + ["2"] * 5


@pytest.mark.parametrize("transport", ["http1", "http2"])
async def test_retry_after_is_honoured(transport: str) -> None:
    a = HttpStandIn()
    a.script.append(UNAVAILABLE._replace(headers={"retry-after": "1"}))
    async with a.serve() as url, running(config(url, servers=1, transport=transport)) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_A) > 30, "an ack after the 503")
        link = fleet.links(PIPELINE_A)[0]
        assert link.last_error == "503 unavailable: x"
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
    assert 1.0 <= a.attempts_s[1] - a.attempts_s[0] < 2.0
    assert a.batches[0] > 30  # what gathered meanwhile goes out as one batch


async def test_a_rejected_batch_is_counted_and_never_sent_again() -> None:
    a = HttpStandIn()
    a.script.append(Told(422, b'{"error":"schema","detail":"$.seq: no"}'))
    async with a.serve() as url, running(config(url, servers=1, transport="http1")) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_A) > 5, "acks after the 422")
        await drained(fleet)
        outbox = outboxes(fleet, PIPELINE_A)[0]
        assert outbox.rejected.as_lists() == [[0, 0]]
        assert outbox.acked.as_lists() == [[1, outbox.next_seq - 1]]
    assert ("web-01", fleet.producers["web-01"].history.epoch, 0) not in a.arrivals


@pytest.mark.parametrize("transport", ["http1", "http2"])
async def test_a_lost_answer_means_a_batch_sent_twice_and_acked_once(transport: str, quick: None) -> None:
    a = HttpStandIn()
    a.script.append("lose_answer")
    async with a.serve() as url, running(config(url, servers=1, transport=transport)) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_A) > 20, "acks after the lost answer")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
    epoch = fleet.producers["web-01"].history.epoch
    assert a.arrivals["web-01", epoch, 0] == 2


async def test_a_202_for_another_number_of_samples_is_no_ack() -> None:
    a = HttpStandIn()
    a.script.append("miscount")
    async with a.serve() as url, running(config(url, servers=1, transport="http1")) as fleet:
        await until_async(lambda: acked(fleet, PIPELINE_A) > 0, "an ack")
        assert fleet.links(PIPELINE_A)[0].last_error == "202 for 2 of 1 samples"
        assert a.arrivals["web-01", fleet.producers["web-01"].history.epoch, 0] == 2


@pytest.mark.parametrize("transport", ["http1", "http2"])
async def test_connections_cut_before_the_answer_lose_nothing(transport: str) -> None:
    a = HttpStandIn()
    async with a.serve() as url, running(config(url, transport=transport)) as fleet:
        for _ in range(5):
            enough = acked(fleet, PIPELINE_A) + 20
            a.script.append("cut")
            await until_async(lambda n=enough: acked(fleet, PIPELINE_A) > n, "acks")  # type: ignore[misc]
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
    assert max(a.arrivals.values()) > 1


class SlowStandIn(HttpStandIn):
    """Takes its time for each answer."""

    async def answer(self, asked: Asked) -> Told:
        await asyncio.sleep(0.15)
        return await super().answer(asked)


@pytest.mark.parametrize("transport", ["http1", "http2"])
async def test_waiting_for_a_turn_is_no_failure(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a slow server would be asked again and again by those that it has not come to yet."""
    monkeypatch.setattr("fake_servers.http.SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr("fake_servers.http.CONCURRENT_REQUESTS", 1)
    a, servers = SlowStandIn(), 14  # the last one's turn comes after two seconds
    async with a.serve() as url, running(config(url, servers=servers, transport=transport)) as fleet:
        await until_async(lambda: len(a.held) == servers, "all servers heard")
        assert [link.failures for link in fleet.links(PIPELINE_A)] == [0] * servers
    assert set(a.arrivals.values()) == {1}
