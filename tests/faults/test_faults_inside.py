"""The fault engine without a supervisor, as in containers: each process breaks itself when it is asked.

The test plays the containers' restart policy: it starts again what ended.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from control_plane.events import read_events
from control_plane.faults.actuators import FaultFailed, FaultRefused
from control_plane.faults.catalog import Request
from control_plane.faults.engine import FaultEngine
from control_plane.faults.inside import running_inside
from lab_runtime.env import Env
from lab_runtime.self_faults import PATH
from metrics_core.wire import encode_batch
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines
from tests.support.samples import a_sample
from tests.support.waiting import until, until_async

WITHIN_S: Final = 40.0


SETTINGS: Final = {"FAULTS": "inside", "SERVERS": "4", "RATE": "5", "SAMPLE_LOG": "off"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Pipelines]:
    """Both pipelines and a small fleet, all taking orders."""
    with temporary_pipelines(**SETTINGS) as running:
        running.start("store")
        running.start("ingest", "fanout", "worker-1", "worker-2", "websocket")
        running.start("fleet")
        until(lambda: running.get(running.base + 4, "/readyz"), "the fleet is ready")
        yield running
        assert set(running.stack_traces()) <= {"worker-1", "worker-2"}, "they tell of the poison"


@asynccontextmanager
async def engine_of(lab: Pipelines, worker: str = "worker-2") -> AsyncIterator[FaultEngine]:
    """The engine, once it has seen a worker."""
    env = Env(
        {"LAB_PORT_BASE": str(lab.base), "LAB_FAULTS": "inside", "LAB_SERVERS": "4", "LAB_RATE": "5"}
        | ({"LAB_TOKEN": lab.token} if lab.token else {})
    )
    async with asyncio.timeout(WITHIN_S), running_inside(env, lab.folder / "events") as inside:
        engine = inside.engine
        while worker not in (await targets(engine))["kill"]:
            await asyncio.sleep(0.02)
        yield engine


async def targets(engine: FaultEngine) -> dict[str, list[str]]:
    """What each available kind can be done to."""
    catalog = (await engine.listing())["catalog"]
    return {entry["kind"]: entry["targets"] for entry in catalog if entry["available"]}


async def until_recovered(engine: FaultEngine, fault: dict[str, Any]) -> float:
    """Wait until the engine says so; gives how long it took, in seconds."""
    while True:
        for known in (await engine.listing())["faults"]:
            if known["id"] == fault["id"] and known["recovered_s"] is not None:
                return float(known["recovered_s"])
        await asyncio.sleep(0.02)


async def revived(lab: Pipelines, name: str) -> None:
    """Wait until a process has ended, and start it again."""
    await until_async(lambda: not lab[name].alive, f"{name} ends")
    lab.revive(name)


async def test_the_catalog_says_what_can_be_done_and_why_the_rest_cannot(lab: Pipelines) -> None:
    async with engine_of(lab) as engine:
        catalog = {entry["kind"]: entry for entry in (await engine.listing())["catalog"]}
    everyone = ["redis", "ingest", "worker-1", "worker-2", "fanout", "websocket", "fleet"]
    assert catalog["kill"]["targets"] == catalog["pause"]["targets"] == everyone
    assert catalog["kill-mid-batch"]["targets"] == ["worker-1", "worker-2", "worker"]
    assert catalog["delay"]["targets"] == ["fleet-a", "fleet-b"]
    assert not catalog["disk-full"]["available"]
    assert "container" in catalog["disk-full"]["why_not"]
    assert all(entry["available"] for kind, entry in catalog.items() if kind != "disk-full")


@pytest.mark.parametrize(
    "kind, name",
    [
        *(("kill", name) for name in ("ingest", "fanout", "websocket", "fleet", "worker-1", "redis")),
        *(("restart", name) for name in ("ingest", "websocket", "worker-1")),
    ],
)
async def test_what_ends_is_seen_to_end_and_to_come_back(lab: Pipelines, kind: str, name: str) -> None:
    child = "store" if name == "redis" else name
    async with engine_of(lab) as engine:
        pid = lab[child].pid
        fault, _ = await asyncio.gather(engine.begin(Request(kind, name), "page"), revived(lab, child))
        assert fault["state"] == "over"
        assert lab[child].pid != pid
        await until_recovered(engine, fault)
        kinds = [event.kind for event in read_events(lab.folder / "events", 0)]
        assert kinds[-2:] == ["fault", "recovered"]


async def test_a_worker_ends_in_the_middle_of_a_batch(lab: Pipelines) -> None:
    async with engine_of(lab) as engine:
        before = lab.totals()["processed"]
        fault, _ = await asyncio.gather(
            engine.begin(Request("kill-mid-batch", "worker-2"), "page"), revived(lab, "worker-2")
        )
        await until_recovered(engine, fault)
    assert await asyncio.to_thread(
        until, lambda: lab.totals()["processed"] > before and lab.settled(), "the batch came back", WITHIN_S
    )


@pytest.mark.parametrize("name", ["ingest", "fanout", "websocket", "fleet"])
async def test_a_process_stands_still_and_goes_on_when_told(lab: Pipelines, name: str) -> None:
    process = psutil.Process(lab[name].pid)
    async with engine_of(lab) as engine:
        fault = await engine.begin(Request("pause", name, for_s=300), "page")
        await until_async(lambda: process.status() == psutil.STATUS_STOPPED, "the signal has arrived")
        await engine.undo(fault["id"])
        await until_async(lambda: process.status() != psutil.STATUS_STOPPED, f"{name} goes on")
        await until_recovered(engine, fault)
        await until_async(lambda: not process.children(), "its helper is gone")


async def test_a_process_that_stands_still_goes_on_by_itself_whoever_asked(lab: Pipelines) -> None:
    process = psutil.Process(lab["websocket"].pid)
    async with connect(f"ws://127.0.0.1:{lab.websocket_port}{PATH}", proxy=None) as connection:
        await connection.send('{"kind": "pause", "for_s": 2}')
        undo = msgspec.json.decode(await connection.recv())["undo"]
    reader, writer = await asyncio.open_connection("127.0.0.1", undo["port"])
    assert await reader.readline() == b"stopped\n"
    await until_async(lambda: process.status() == psutil.STATUS_STOPPED, "the signal has arrived")
    writer.write(b"a wrong key\n")
    assert await reader.readline() == b"no\n"
    writer.close()
    await until_async(lambda: process.status() != psutil.STATUS_STOPPED, "it goes on")


async def test_workers_that_stand_still_process_nothing_until_undone(lab: Pipelines) -> None:
    async with engine_of(lab) as engine:
        faults = [
            await engine.begin(Request("pause", name, for_s=60), "page") for name in ("worker-1", "worker-2")
        ]

        async def moves() -> bool:
            before = lab.totals()["processed"]
            await asyncio.sleep(0.5)  # in which 10 samples come
            return bool(lab.totals()["processed"] > before)

        while await moves():  # what was in hand is done first
            pass
        for fault in faults:
            await engine.undo(fault["id"])
        for fault in faults:
            await until_recovered(engine, fault)
        assert await moves()


async def test_redis_keeps_writes_waiting_until_undone(lab: Pipelines) -> None:
    async with engine_of(lab) as engine:
        fault = await engine.begin(Request("pause", "redis", for_s=300), "page")
        writing = asyncio.create_task(asyncio.to_thread(lab.redis.set, "probe", 1))
        done, _ = await asyncio.wait({writing}, timeout=0.3)
        assert not done
        await engine.undo(fault["id"])
        assert await writing
        await until_recovered(engine, fault)


async def test_redis_out_of_memory_refuses_and_recovers(lab: Pipelines) -> None:
    def post() -> int:
        with H1Client(lab.ingest_port) as client:
            return client.post(encode_batch([a_sample("memory", 1, 0)])).status

    lab.redis.config_set("maxmemory", 500_000_000)
    async with engine_of(lab) as engine:
        fault = await engine.begin(Request("out-of-memory", "redis", for_s=60), "page")
        await asyncio.to_thread(until, lambda: post() == 503, "the little that was free is used up")
        await engine.undo(fault["id"])
        await until_recovered(engine, fault)
        assert await asyncio.to_thread(post) == 202
    assert lab.redis.config_get("maxmemory")["maxmemory"] == "500000000", "as it was, not without a limit"


async def test_debians_redis_obeys_as_well() -> None:
    with temporary_pipelines(redis_server(), **SETTINGS) as debian:
        debian.start("store")
        debian.start("ingest", "worker-1")
        async with engine_of(debian, "worker-1") as engine:
            fault = await engine.begin(Request("pause", "redis", for_s=300), "page")
            await engine.undo(fault["id"])
            assert await asyncio.to_thread(debian.redis.set, "probe", 1)
            fault = await engine.begin(Request("out-of-memory", "redis", for_s=60), "page")
            assert debian.redis.config_get("maxmemory")["maxmemory"] != "0"
            await engine.undo(fault["id"])
            assert debian.redis.config_get("maxmemory")["maxmemory"] == "0"
            await asyncio.gather(engine.begin(Request("kill", "redis"), "page"), revived(debian, "store"))


async def test_poison_is_set_aside(lab: Pipelines) -> None:
    before = lab.totals()["dead_lettered"]
    async with engine_of(lab) as engine:
        fault = await engine.begin(Request("poison-batch", "http_redis", grade=2), "page")
        await until_async(lambda: lab.totals()["dead_lettered"] == before + 2, "both are set aside", WITHIN_S)
        await until_recovered(engine, fault)


async def test_the_links_of_the_fleet_are_led_through_a_proxy(lab: Pipelines) -> None:
    def port_of_proxies() -> set[int]:
        fleet = psutil.Process(lab["fleet"].pid).net_connections("tcp")
        return {c.raddr.port for c in fleet if c.status == psutil.CONN_ESTABLISHED} - {
            lab.ingest_port,
            lab.websocket_port,
        }

    async with engine_of(lab) as engine:
        for link in ("fleet-a", "fleet-b"):
            fault = await engine.begin(Request("delay", link, grade=20, for_s=60), "page")
            await until_async(lambda: bool(port_of_proxies()), "the fleet takes the detour")
            await engine.undo(fault["id"])
            await until_recovered(engine, fault)
        await until_async(lambda: not port_of_proxies(), "the fleet is back on the straight way")


async def test_what_cannot_be_is_refused_in_words(lab: Pipelines) -> None:
    async with engine_of(lab) as engine:
        with pytest.raises(FaultRefused, match="not available here"):
            await engine.begin(Request("disk-full", "redis"), "page")
        with pytest.raises(FaultRefused, match="acts on redis, ingest"):
            await engine.begin(Request("kill", "dashboard"), "page")
        for child in ("worker-1", "worker-2"):
            lab[child].pause()
        try:
            with pytest.raises(FaultFailed, match="took no batch within"):
                await engine.begin(Request("kill-mid-batch", "worker-1"), "page")
        finally:
            for child in ("worker-1", "worker-2"):
                lab[child].resume()


async def test_all_is_undone_when_the_engine_ends(lab: Pipelines) -> None:
    process = psutil.Process(lab["fanout"].pid)
    async with engine_of(lab) as engine:
        await engine.begin(Request("pause", "fanout", for_s=300), "page")
        await until_async(lambda: process.status() == psutil.STATUS_STOPPED, "the signal has arrived")
    await until_async(lambda: process.status() != psutil.STATUS_STOPPED, "it goes on")


def test_a_process_that_is_not_told_to_takes_no_orders() -> None:
    with temporary_pipelines() as plain:
        plain.start("websocket")
        assert refusal(plain.websocket_port) == 404


def refusal(port: int, **headers: str) -> int:
    """The status of a GET to where orders are taken."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


async def test_orders_stand_behind_the_guards() -> None:
    with temporary_pipelines(FAULTS="inside", TOKEN="a-token-of-the-tests") as guarded:
        guarded.start("websocket")
        url = f"ws://127.0.0.1:{guarded.websocket_port}{PATH}"
        with pytest.raises(InvalidStatus, match="401"):
            await connect(url, proxy=None)
        token = {"Authorization": f"Bearer {guarded.token}"}
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, proxy=None, additional_headers=token, origin="http://foreign.example")  # type: ignore[arg-type]
        assert guarded["websocket"].alive
        async with connect(url, proxy=None, additional_headers=token) as connection:
            await connection.send("no order")
            assert '"error"' in str(await connection.recv())
        async with connect(url, proxy=None, additional_headers=token) as connection:
            await connection.send('{"kind": "kill"}')
            assert '"undo":null' in str(await connection.recv())
        await until_async(lambda: not guarded["websocket"].alive, "it ends")
