"""Every control of the control API pressed on a whole lab; its effect shows in ledgers, processes and the store."""

from __future__ import annotations

import asyncio
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import httpx2
import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from control_plane.faults.catalog import KINDS
from lab_runtime import valkey
from load_tests.runs.names import RESULTS
from tests.lab_process import LabProcess, until
from tests.support.fault_lab import FaultLab

WITHIN_S: Final = 40.0
BOMB_BYTES: Final = 64 * 2**20


class ControlledLab(FaultLab):
    """A lab and its control API."""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.process.port_base}{path}"
        content = None if body is None else json.dumps(body).encode()
        answer = httpx2.request(method, url, content=content, trust_env=False, timeout=30)
        return answer.status_code, answer.json()

    def press(self, path: str, body: Any = None, status: int = 200) -> Any:
        """POST, which must go well."""
        found = self.ask("POST", path, body)
        assert found[0] == status, found
        return found[1]

    def see(self, path: str) -> Any:
        """GET, which must go well."""
        found = self.ask("GET", path)
        assert found[0] == 200, found
        return found[1]

    def turn(self, **knobs: Any) -> None:
        """Turn knobs; they stand so afterwards."""
        after = {knob["name"]: knob for knob in self.press("/api/knobs", knobs)["knobs"]}
        assert {name: after[name]["value"] for name in knobs} == knobs

    def knob(self, name: str) -> Any:
        return next(knob for knob in self.see("/api/knobs")["knobs"] if knob["name"] == name)

    def names(self) -> list[str]:
        return [process["name"] for process in self.see("/api/processes")["processes"]]

    def texts(self, kind: str) -> list[str]:
        return [event["text"] for event in self.see("/api/events")["events"] if event["kind"] == kind]

    def balances(self) -> bool:
        """Whether every sample that a pipeline has is where its ledger says, and none is lost."""
        pipelines = self.see("/api/audit")["pipelines"].values()
        lost = ("lost_store", "lost_memory", "lost_outbox")
        return all(told["ok"] and not any(told["counts"].get(fate) for fate in lost) for told in pipelines)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlledLab]:
    process = LabProcess(tmp_path_factory.mktemp("controls") / "lab")
    try:
        process.up()
        yield ControlledLab(process)
    finally:
        process.close()


def test_every_knob_can_be_seen_and_turned_here(lab: ControlledLab) -> None:
    knobs = {knob["name"]: knob for knob in lab.see("/api/knobs")["knobs"]}
    assert {name: knob["why_not"] for name, knob in knobs.items() if not knob["available"]} == {}
    assert (knobs["servers"]["value"], knobs["workers"]["value"], knobs["rate_factor"]["value"]) == (10, 2, 1)


def test_workers_come_and_go_and_without_any_samples_wait(lab: ControlledLab) -> None:
    lab.turn(workers=4)
    assert [name for name in lab.names() if "worker" in name] == [f"worker-{n}" for n in range(1, 5)]
    lab.moves(1)
    lab.turn(workers=0)
    assert not [name for name in lab.names() if "worker" in name]
    stands = lab.total(1, "processed")
    accepted = lab.total(1, "accepted")
    until(lambda: lab.total(1, "accepted") > accepted, WITHIN_S)
    assert lab.total(1, "processed") == stands, "samples are accepted, and nobody works them off"
    lab.turn(workers=2)
    until(lambda: lab.total(1, "processed") > accepted, WITHIN_S)
    until(lab.balances, WITHIN_S)
    assert not lab.texts("crashed"), "an end by request is no crash"


def test_a_smaller_ring_overwrites_and_a_larger_one_holds_more(lab: ControlledLab) -> None:
    def ring() -> dict[str, int]:
        answer = lab.get(3, "/v1/whereabouts")
        assert answer
        counts: dict[str, int] = answer.json()["counts"]
        return counts

    until(lambda: ring()["ring"] > 50, WITHIN_S)
    lab.turn(ring_capacity=2)
    found = ring()
    assert found["ring"] <= 2 * 10
    assert found["overwritten"] == found["overwritten_named"] > 0
    lab.turn(ring_capacity=512)
    until(lambda: ring()["ring"] > 2 * 10, WITHIN_S)
    until(lab.balances, WITHIN_S)


def test_the_store_syncs_as_chosen_and_so_it_does_when_it_was_started_again(lab: ControlledLab) -> None:
    store = redis.Redis.from_url(valkey.socket_url(lab.run_dir / "redis.sock"))

    def chosen() -> str:
        with suppress(redis.RedisError):
            return str(store.config_get("appendfsync")["appendfsync"])
        return ""

    lab.turn(fsync="everysec")
    assert chosen() == "everysec"
    pid = lab.pid("redis")
    lab.press("/api/processes/redis/kill", status=201)
    until(lambda: lab.pid("redis") != pid and chosen() == "everysec", WITHIN_S)
    lab.turn(fsync="always")
    assert chosen() == "always"
    store.close()
    until(lambda: lab.state("redis") == "ready", WITHIN_S)
    lab.moves(1)


def extensions(lab: ControlledLab, path: str) -> list[str]:
    """What pipeline B agrees to with a client that offers compression."""

    async def look() -> list[str]:
        async with connect(f"ws://127.0.0.1:{lab.process.port_base + 3}{path}", proxy=None) as connection:
            return [extension.name for extension in connection.protocol.extensions]

    return asyncio.run(look())


def how_a_bomb_ends(lab: ControlledLab) -> int:
    """The code with which pipeline B ends a connection whose one frame would inflate to `BOMB_BYTES`."""
    packer = zlib.compressobj(wbits=-12)
    packed = packer.compress(b"[" + b" " * BOMB_BYTES) + packer.flush(zlib.Z_SYNC_FLUSH)
    bomb = packed.removesuffix(b"\x00\x00\xff\xff")
    head = bytes([0xC2, 0xFF]) + len(bomb).to_bytes(8, "big") + bytes(4)  # FIN, RSV1, binary; a mask of zeros

    async def throw() -> int:
        url = f"ws://127.0.0.1:{lab.process.port_base + 3}/v1/ingest"
        async with connect(url, proxy=None) as connection:
            connection.transport.write(head + bomb)
            with suppress(ConnectionClosed):
                async with asyncio.timeout(WITHIN_S):
                    await connection.recv()
            return connection.close_code or 0

    return asyncio.run(throw())


def test_producers_compress_where_it_is_on_and_no_sample_is_lost_on_the_way(lab: ControlledLab) -> None:
    assert extensions(lab, "/v1/ingest") == []
    lab.turn(compression="on")
    assert extensions(lab, "/v1/ingest") == ["permessage-deflate"]
    assert extensions(lab, "/v1/feed") == []
    until(lambda: lab.gauge(3, "producer_connections_compressed") == 10, WITHIN_S)
    lab.moves(3)
    before = lab.os_process("websocket").memory_info().rss
    assert how_a_bomb_ends(lab) == 1009, "too big: inflating stops at the limit of a frame"
    assert lab.os_process("websocket").memory_info().rss - before < BOMB_BYTES / 2
    lab.turn(compression="off")
    assert extensions(lab, "/v1/ingest") == []
    until(lambda: lab.gauge(3, "producer_connections") == 10, WITHIN_S)
    assert lab.gauge(3, "producer_connections_compressed") == 0
    lab.moves(3)
    until(lab.balances, WITHIN_S)


def test_the_fleets_knobs_are_passed_on(lab: ControlledLab) -> None:
    lab.turn(servers=14, rate_factor=10, batch=5)
    assert len(lab.see("/api/servers")["servers"]) == 14
    lab.moves(1)
    lab.turn(transport="websocket")
    lab.moves(3)
    lab.turn(transport="twin", servers=10, rate_factor=1, batch=1, replay="off")
    lab.turn(replay="on")
    status, refused = lab.ask("POST", "/api/knobs", {"batch": 10_000})
    assert (status, refused["error"]) == (422, "schema"), "more than an outbox holds: the fleet says so"
    assert lab.knob("batch")["high"] == 4096
    until(lab.balances, WITHIN_S)


def test_orders_to_servers_show_in_the_ledgers(lab: ControlledLab) -> None:
    name = lab.see("/api/servers")["servers"][0]["name"]

    def server() -> Any:
        return lab.see(f"/api/servers/{name}")

    epoch = server()["epoch"]
    assert lab.press(f"/api/servers/{name}/restart") == {"affected": 1}
    until(lambda: server()["epoch"] > epoch, WITHIN_S)
    rejected = [lab.total(offset, "rejected") for offset in (1, 3)]
    lab.press(f"/api/servers/{name}/invalid", {"n": 3})
    until(lambda: [lab.total(offset, "rejected") for offset in (1, 3)] == [n + 3 for n in rejected], WITHIN_S)
    lab.press(f"/api/servers/{name}/stop")
    until(lambda: server()["status"] == "stopped", WITHIN_S)
    lab.press(f"/api/servers/{name}/start")
    until(lambda: server()["status"] != "stopped", WITHIN_S)
    for action in ("spike", "load", "latency"):
        assert lab.press(f"/api/servers/*/{action}", {"for_s": 4}) == {"affected": 10}
    assert lab.press("/api/broadcast", {"text": "look here"}) == {"affected": 10}
    assert server()["note"] == "look here"
    assert lab.ask("POST", "/api/servers/web-77/stop")[0] == 404
    assert f"invalid on {name}: n 3" in lab.texts("control")


def test_a_process_is_killed_paused_and_resumed(lab: ControlledLab) -> None:
    pid = lab.pid("worker-1")
    killed = lab.press("/api/processes/worker-1/kill", status=201)["id"]
    until(lambda: lab.pid("worker-1") != pid, WITHIN_S)
    assert lab.until_well(killed) < WITHIN_S
    lab.press("/api/processes/websocket/pause", status=201)
    assert lab.ask("POST", "/api/processes/websocket/pause")[0] == 409

    def lies_in_the_socket() -> int:
        unread: int | None = lab.see("/api/buffers")["sockets"]["websocket"]["bytes"]
        assert unread is not None
        return unread

    until(lambda: lies_in_the_socket() > 0, WITHIN_S)
    until(lambda: lab.see("/api/buffers")["fleet"]["websocket"]["waiting"] > 0, WITHIN_S)
    paused = lab.press("/api/processes/websocket/resume")["id"]
    lab.moves(3)
    assert lab.until_well(paused) < WITHIN_S
    until(lambda: lies_in_the_socket() == 0, WITHIN_S)
    assert lab.ask("POST", "/api/processes/websocket/resume")[0] == 404
    assert lab.ask("POST", "/api/processes/nobody/kill")[0] == 422
    assert KINDS["pause"].undoable


def test_a_load_test_runs_is_seen_and_is_saved(lab: ControlledLab) -> None:
    assert lab.see("/api/load")["state"] == "idle"
    lab.press("/api/load", {"arm": "websocket", "rate": 200, "duration_s": 1.5}, status=201)
    seen: list[Any] = []

    def is_over() -> bool:
        seen.append(lab.see("/api/load"))
        return bool(seen[-1]["state"] != "running")

    until(is_over, WITHIN_S)
    over = seen[-1]
    assert over["state"] == "done", over
    folder = RESULTS / over["run"]
    assert (folder / "run.json").is_file()
    shutil.rmtree(folder)
    assert over["sent"] == over["acked"] + over["failed"] > 100
    assert over["p99_ms"] >= over["p50_ms"] > 0
    assert any(0 < view["sent"] < over["sent"] and view["p50_ms"] for view in seen), "its progress is seen"
    assert any("load test websocket is over" in text for text in lab.texts("control"))


def test_a_marker_is_an_event(lab: ControlledLab) -> None:
    assert lab.press("/api/events", {"text": "watch this"}, status=201)["kind"] == "marker"
    assert lab.texts("marker") == ["watch this"]


def test_every_press_is_in_the_audit_log(lab: ControlledLab) -> None:
    lines = [json.loads(line) for line in (lab.run_dir / "audit.jsonl").read_text().splitlines()]
    assert all(line["who"]["address"] == "127.0.0.1" and line["at_us"] for line in lines)
    assert {"workers": 4} in [line["asked"] for line in lines]
    assert {line["status"] for line in lines} >= {200, 201, 404, 409, 422}
