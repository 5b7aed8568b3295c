"""The fleet against stand-ins that fail by script: nothing is lost in silence, nothing is sent that should not be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from fake_servers.config import FleetConfig
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from fake_servers.http import send_by_http
from fake_servers.link import CATCH_UP_SAMPLES
from fake_servers.outbox import Outbox
from lab_runtime.env import Env
from metrics_core.intervals import IntervalSet
from tests.integration.fleet_stand_ins import (
    DEADLINE_S,
    HttpStandIn,
    Taken,
    WebSocketStandIn,
    free_port,
    until,
)
from tests.integration.http_stand_in import Told

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"
UNAVAILABLE = Told(503, b'{"error":"unavailable","detail":"x"}')


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A send fails after 0.4 s instead of 10 s."""
    monkeypatch.setattr("fake_servers.http.SEND_TIMEOUT_S", 0.4)
    monkeypatch.setattr("fake_servers.websocket.SEND_TIMEOUT_S", 0.4)


def config(a: str = NOWHERE, b: str = "ws://127.0.0.1:9", **changes: Any) -> FleetConfig:
    base = replace(FleetConfig.from_env(Env({})), servers=4, rate=50.0, ingest_url=a, pipeline_b_url=b)
    return replace(base, **changes)


@contextlib.asynccontextmanager
async def running(settings: FleetConfig) -> AsyncIterator[Fleet]:
    fleet = Fleet(settings)
    task = asyncio.create_task(fleet.run())
    try:
        yield fleet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def outboxes(fleet: Fleet, pipeline: str) -> list[Outbox]:
    return [link.outbox for link in fleet.links(pipeline)]


def acked(fleet: Fleet, pipeline: str) -> int:
    return sum(outbox.acked.size for outbox in outboxes(fleet, pipeline))


def created(fleet: Fleet) -> int:
    return sum(producer.history.next_seq for producer in fleet.producers.values())


def check_ledger(fleet: Fleet, pipeline: str, taken: Taken) -> None:
    """Every identity was acked, and every acked identity is held by the stand-in."""
    fates = fleet.ledger()[pipeline]
    assert fates["created"] == fates["acked"] == taken.held
    assert fates["rejected"] == fates["dropped"] == {}


async def drained(fleet: Fleet) -> None:
    assert await fleet.drain() == (True, 0)


async def test_every_sample_goes_down_both_pipelines_with_the_same_bytes() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        await until(lambda: created(fleet) >= 100, "100 samples")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
    assert a.samples == b.samples
    assert set(a.arrivals.values()) == set(b.arrivals.values()) == {1}
    alone_a = {body for body in a.bodies if body.startswith(b"{")}
    alone_b = {body for body in b.bodies if body.startswith(b"{")}
    assert alone_a & alone_b


async def test_half_of_the_servers_speak_each_http_version() -> None:
    a = HttpStandIn()
    async with a.serve() as url, running(config(url, servers=10)) as fleet:
        await until(lambda: len(a.held) == 10, "all servers heard")
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
        await until(lambda: acked(fleet, PIPELINE_A) > 30, "an ack after the 503")
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
        await until(lambda: acked(fleet, PIPELINE_A) > 5, "acks after the 422")
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
        await until(lambda: acked(fleet, PIPELINE_A) > 20, "acks after the lost answer")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
    epoch = fleet.producers["web-01"].history.epoch
    assert a.arrivals["web-01", epoch, 0] == 2


async def test_a_202_for_another_number_of_samples_is_no_ack() -> None:
    a = HttpStandIn()
    a.script.append("miscount")
    async with a.serve() as url, running(config(url, servers=1, transport="http1")) as fleet:
        await until(lambda: acked(fleet, PIPELINE_A) > 0, "an ack")
        assert fleet.links(PIPELINE_A)[0].last_error == "202 for 2 of 1 samples"
        assert a.arrivals["web-01", fleet.producers["web-01"].history.epoch, 0] == 2


async def test_a_pipeline_that_hangs_delays_neither_sampling_nor_the_other() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    a.always = "hang"
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, rate=20.0)) as fleet:
        await until(lambda: a.attempts_s and acked(fleet, PIPELINE_B) > 0, "both begun")
        before, begin_s = created(fleet), asyncio.get_running_loop().time()
        await until(lambda: created(fleet) >= before + 80, "80 samples while A hangs")
        took_s = asyncio.get_running_loop().time() - begin_s
        assert took_s == pytest.approx(1.0, abs=0.3)  # 4 servers at 20/s
        await until(lambda: acked(fleet, PIPELINE_B) >= before + 80, "B has them all")
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
        await until(lambda: created(fleet) > 3000, "a backlog")
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
                    await until(lambda p=pipeline, n=n: acked(fleet, p) > n, "acks")  # type: ignore[misc]
            b.forget()
            await until(lambda: len(fleet.failing()) == 2, "both cuts noticed")
        async with a.serve(port_a), b.serve(port_b):
            await drained(fleet)
            check_ledger(fleet, PIPELINE_A, a)
            check_ledger(fleet, PIPELINE_B, b)


@pytest.mark.parametrize("transport", ["http1", "http2"])
async def test_connections_cut_before_the_answer_lose_nothing(transport: str) -> None:
    a = HttpStandIn()
    async with a.serve() as url, running(config(url, transport=transport)) as fleet:
        for _ in range(5):
            enough = acked(fleet, PIPELINE_A) + 20
            a.script.append("cut")
            await until(lambda n=enough: acked(fleet, PIPELINE_A) > n, "acks")  # type: ignore[misc]
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
    assert max(a.arrivals.values()) > 1


async def test_a_batch_is_sent_whole_and_a_drain_sends_the_rest() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, batch=7)) as fleet:
        await until(lambda: created(fleet) >= 100, "100 samples")
        whole = {*a.batches, *b.batches}
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)
    assert {size % 7 for size in whole} == {0}


async def test_a_crashed_aggregator_gets_back_what_it_acked() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url, running(config(b=url, transport="websocket")) as fleet:
        await until(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
        b.forget()
        b.cut()
        await until(lambda: len(b.resumes) == 8, "all servers asked again")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
        assert sum(outbox.replayed for outbox in outboxes(fleet, PIPELINE_B)) > 60


async def test_a_drain_waits_for_an_aggregator_that_lost_what_it_acked() -> None:
    b, port = WebSocketStandIn(), free_port()
    async with running(config(b=f"ws://127.0.0.1:{port}", transport="websocket")) as fleet:
        async with b.serve(port):
            await until(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
            fleet.stop_sampling()
            await until(lambda: all(link.settled for link in fleet.links()), "all acked")
        b.forget()
        await until(lambda: not any(link.connected for link in fleet.links()), "the cut noticed")
        drain = asyncio.create_task(fleet.drain())
        async with b.serve(port):
            assert await drain == (True, 0)
            check_ledger(fleet, PIPELINE_B, b)


async def test_without_replay_the_naive_loss_shows() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url, running(config(b=url, transport="websocket", replay=False)) as fleet:
        await until(lambda: acked(fleet, PIPELINE_B) > 60, "acks")
        b.forget()
        b.cut()
        await until(lambda: len(b.resumes) == 8, "all servers asked again")
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
        await until(lambda: acked(fleet, PIPELINE_B) > 20, "acks")
        link = fleet.links(PIPELINE_B)[0]
        history = link.history
        b.held[history.producer][history.epoch] = IntervalSet([(0, 9)])
        arrivals_before = dict(b.arrivals)
        known = link.outbox.acked.size
        b.cut()
        await until(lambda: acked(fleet, PIPELINE_B) > known + 20, "acks after the cut")
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
        await until(lambda: len(b.resumes) >= 2, "a new connection")
        assert link.last_error == "no ack within 0.4 s"
        await until(lambda: acked(fleet, PIPELINE_B) > 0, "held counts as an ack")
        b.script.clear()
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
    assert set(b.arrivals.values()) == {1}


async def test_frames_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_servers.websocket.FRAMES_IN_FLIGHT", 5)
    b = WebSocketStandIn()
    b.script.extend(["swallow"] * 1000)
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until(lambda: fleet.links(PIPELINE_B)[0].outbox.next_seq > 40, "40 samples")
        assert len(b.batches) == 5
        assert fleet.links(PIPELINE_B)[0].in_flight == 5


async def test_cut_connections_lose_nothing() -> None:
    b = WebSocketStandIn()
    b.script.extend(([None] * 9 + ["cut"]) * 12)
    async with b.serve() as url, running(config(b=url, transport="websocket")) as fleet:
        await until(lambda: not b.script, "twelve cuts")
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)
    assert len(b.resumes) >= 12


async def test_final_rejects_are_counted_and_temporary_ones_sent_again() -> None:
    b = WebSocketStandIn()
    final, temporary = {"error": "schema", "detail": "$"}, {"error": "limit_reached", "detail": "64 epochs"}
    b.script.extend([None, final, None, temporary, temporary, None])
    async with b.serve() as url, running(config(b=url, transport="websocket", servers=1)) as fleet:
        await until(lambda: acked(fleet, PIPELINE_B) > 20, "acks")
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
        await until(lambda: len(b.resumes) >= 2 and acked(fleet, PIPELINE_B) > 5, "a new connection")
        assert reason in fleet.links(PIPELINE_B)[0].last_error
        assert fleet.crashes == 0
        await drained(fleet)
        check_ledger(fleet, PIPELINE_B, b)


async def test_a_full_outbox_drops_its_oldest_by_name() -> None:
    async with running(config(servers=1, rate=500.0, outbox_capacity=20)) as fleet:
        await until(lambda: created(fleet) >= 60, "60 samples for nobody")
        fleet.stop_sampling()
        for pipeline in (PIPELINE_A, PIPELINE_B):
            outbox = outboxes(fleet, pipeline)[0]
            assert outbox.waiting == 20
            assert outbox.dropped.as_lists() == [[0, outbox.next_seq - 21]]


async def test_the_token_goes_to_both_pipelines() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b, token="secret")) as fleet:
        await until(lambda: acked(fleet, PIPELINE_A) > 20 and acked(fleet, PIPELINE_B) > 20, "acks")
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

    monkeypatch.setattr("fake_servers.fleet.send_by_http", fails_once)
    a, b = HttpStandIn(), WebSocketStandIn()
    async with a.serve() as url_a, b.serve() as url_b, running(config(url_a, url_b)) as fleet:
        await until(lambda: broken and broken[0].outbox.acked.size > 5, "the broken link began again")
        assert fleet.crashes == 1
        await drained(fleet)
        check_ledger(fleet, PIPELINE_A, a)
        check_ledger(fleet, PIPELINE_B, b)


def environment(port_base: int, **more: str) -> dict[str, str]:
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    return quiet | {"LAB_PORT_BASE": str(port_base), "LAB_LOG": "json", "PYTHONPATH": str(ROOT)} | more


def spawn(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fake_servers"],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, stderr = await asyncio.to_thread(process.communicate, timeout=DEADLINE_S)
    return process.returncode, stderr.decode()


async def test_the_process_serves_drains_and_ends() -> None:
    a, b = HttpStandIn(), WebSocketStandIn()
    base = free_port() - 4
    async with a.serve() as url_a, b.serve() as url_b, httpx2.AsyncClient(trust_env=False) as client:
        settings = {"LAB_SERVERS": "6", "LAB_RATE": "20", "LAB_REAL": "on", "LAB_TOKEN": "secret"}
        process = spawn(environment(base, LAB_INGEST_URL=url_a, LAB_PIPELINE_B_URL=url_b, **settings))
        api, headers = f"http://127.0.0.1:{base + 4}", {"authorization": "Bearer secret"}

        async def ready() -> bool:
            with contextlib.suppress(httpx2.TransportError):
                return (await client.get(f"{api}/readyz")).status_code == 200
            return False

        try:
            end_s = asyncio.get_running_loop().time() + DEADLINE_S
            while not await ready():
                assert asyncio.get_running_loop().time() < end_s, "not ready in time"
                await asyncio.sleep(0.02)
            await until(lambda: len(a.held) == len(b.held) == 7, "all producers heard")
            assert (await client.get(f"{api}/api/servers")).status_code == 401
            servers = (await client.get(f"{api}/api/servers", headers=headers)).json()["servers"]
            assert [server["role"] for server in servers][-1] == "real"
            drain = await client.post(f"{api}/api/drain", headers=headers, timeout=DEADLINE_S)
            assert drain.json() == {"drained": True, "waiting": 0}
            ledger = (await client.get(f"{api}/api/ledger", headers=headers)).json()["pipelines"]
            assert ledger[PIPELINE_A]["acked"] == ledger[PIPELINE_B]["acked"] == ledger[PIPELINE_A]["created"]
            assert a.samples == b.samples
            assert "lab_samples_total" in (await client.get(f"{api}/metrics")).text
            process.send_signal(signal.SIGTERM)
            code, stderr = await ended(process)
        finally:
            process.kill()
        assert code == 0
        assert "secret" not in stderr
        assert [orjson.loads(line)["level"] for line in stderr.splitlines() if "error" in line] == []


async def test_sigterm_drains_before_the_process_ends() -> None:
    a = HttpStandIn()
    a.always = UNAVAILABLE
    async with a.serve() as url:
        settings = {"LAB_SERVERS": "2", "LAB_RATE": "20", "LAB_TRANSPORT": "http1", "LAB_INGEST_URL": url}
        process = spawn(environment(free_port() - 4, **settings))
        try:
            await until(lambda: len(a.attempts_s) > 5, "refused attempts")
            process.send_signal(signal.SIGTERM)
            a.always = None
            code, stderr = await ended(process)
        finally:
            process.kill()
    assert code == 0
    assert orjson.loads(stderr.splitlines()[-1])["event"] == "drained"
    held = [seqs.as_lists() for epochs in a.held.values() for seqs in epochs.values()]
    assert [(low, len(more)) for (low, _), *more in held] == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"LAB_SERVERS": "-1"}, "fleet: LAB_SERVERS=-1: expected 0 to 10000"),
        ({"LAB_INGEST_URL": "nowhere"}, "fleet: LAB_INGEST_URL=nowhere: expected http://host:port"),
    ],
)
async def test_a_bad_setting_is_one_line_and_code_2(settings: dict[str, str], says: str) -> None:
    code, stderr = await ended(spawn(environment(free_port() - 4, **settings)))
    assert code == 2
    assert stderr.startswith(says)
    assert len(stderr.splitlines()) == 1


async def test_a_port_that_is_taken_is_one_line_and_code_2() -> None:
    b = WebSocketStandIn()
    async with b.serve() as url:
        port = int(url.rpartition(":")[2])
        code, stderr = await ended(spawn(environment(port - 4, LAB_SERVERS="1")))
    assert code == 2
    assert stderr == f"fleet: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
