"""The fault engine in a real lab: every kind is really done, ends, is told as events, and the ledger balances then.

One lab serves most tests, one after the other: it has to get over all of it, as in an hour of class.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
import redis

from control_plane.events import read_events
from control_plane.faults.catalog import KINDS
from metrics_core.errors import RemoteFault
from tests.lab_process import LabProcess, alive, until
from tests.support.fault_lab import FaultLab

STOPPED = psutil.STATUS_STOPPED


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultLab]:
    process = LabProcess(tmp_path_factory.mktemp("faults") / "state", LAB_SERVERS="20", LAB_RATE="5")
    process.up()
    try:
        yield FaultLab(process)
    finally:
        process.close()


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails leaves no fault to the next ones."""
    yield
    if "lab" in request.fixturenames:
        asyncio.run(request.getfixturevalue("lab").engine.undo_all())


def test_all_kinds_are_there_and_the_page_is_told_the_same(lab: FaultLab) -> None:
    listing = asyncio.run(lab.engine.listing())
    assert [entry["kind"] for entry in listing["catalog"]] == list(KINDS)
    assert all(entry["available"] for entry in listing["catalog"]), listing["catalog"]
    answer = lab.get(0, "/api/faults")
    assert answer is not None
    assert answer.json()["catalog"] == listing["catalog"]


@pytest.mark.parametrize("name", ["worker-1", "redis", "websocket"])
def test_a_killed_process_is_started_again_and_measured(lab: FaultLab, name: str) -> None:
    before = lab.pid(name)
    recovered_s = lab.until_well(lab.begin("kill", name))
    assert lab.pid(name) != before
    assert recovered_s < 5.0


def test_a_restart_is_asked_for_in_order(lab: FaultLab) -> None:
    before = lab.pid("fanout")
    lab.until_well(lab.begin("restart", "fanout"))
    assert lab.pid("fanout") != before
    assert any("fanout ended with exit code 0" in event.text for event in lab.events("crashed"))


def test_a_worker_is_killed_in_the_middle_of_a_batch_and_the_batch_comes_back(lab: FaultLab) -> None:
    restarts = sum(entry.restarts for entry in lab.now().processes if entry.name.startswith("worker-"))
    fault_id = lab.begin("kill-mid-batch", "worker")
    recovered_s = lab.until_well(fault_id)
    after = sum(entry.restarts for entry in lab.now().processes if entry.name.startswith("worker-"))
    assert after == restarts + 1
    assert 1.0 < recovered_s < 30.0, "a batch that was really cut off waits until its worker is missed"


def test_a_paused_process_stands_still_and_goes_on(lab: FaultLab) -> None:
    fault_id = lab.begin("pause", "ingest", for_s=0)
    until(lambda: lab.os_process("ingest").status() == STOPPED)
    assert lab.undo(fault_id)["state"] == "over"
    assert lab.os_process("ingest").status() != STOPPED
    lab.until_well(fault_id)
    kinds = [event.kind for event in read_events(lab.run_dir, 0) if event.process == "ingest"]
    assert kinds[-3:] == ["fault", "fault_over", "recovered"]


def test_a_full_disk_stops_the_store_until_it_is_undone(lab: FaultLab) -> None:
    fault_id = lab.begin("disk-full", "redis", for_s=0)
    until(lambda: lab.state("redis") == "backoff")
    crashes = len(lab.events("crashed"))
    until(lambda: len(lab.events("crashed")) >= crashes + 3)  # it meets the limit again after each start
    assert lab.events("crashed")[-1].text.startswith("redis ended with exit code 1")  # not by SIGXFSZ
    lab.undo(fault_id)
    lab.until_well(fault_id)
    assert lab.state("redis") == "ready"
    limit = lab.os_process("redis").rlimit(psutil.RLIMIT_FSIZE)
    assert limit[0] in (psutil.RLIM_INFINITY, limit[1])
    lab.moves(1)


def test_a_store_out_of_memory_refuses_and_takes_again(lab: FaultLab) -> None:
    fault_id = lab.begin("out-of-memory", "redis", for_s=0)
    client = redis.Redis(unix_socket_path=str(lab.run_dir / "redis.sock"))
    with client:
        assert client.config_get("maxmemory") != {"maxmemory": "0"}
        until(lambda: _oom(client))
        lab.undo(fault_id)
        assert client.config_get("maxmemory") == {"maxmemory": "0"}
    lab.until_well(fault_id)
    lab.moves(1)


def _oom(client: redis.Redis) -> bool:
    """Whether the store refuses a write now."""
    try:
        client.execute_command("SET", "lab:test:oom", "x")  # type: ignore[no-untyped-call]
    except redis.exceptions.OutOfMemoryError:
        return True
    client.delete("lab:test:oom")
    return False


def test_a_link_is_cut_and_mended_and_the_proxy_goes(lab: FaultLab) -> None:
    fault_id = lab.begin("cut", "fleet-b", for_s=0)
    until(lambda: lab.gauge(4, "websocket_waiting") > 100)
    with pytest.raises(RemoteFault, match="is active already"):
        lab.begin("cut", "fleet-b")
    delay_id = lab.begin("delay", "fleet-b", 20, for_s=0)  # shares the proxy
    lab.undo(fault_id)
    until(lambda: lab.gauge(4, "websocket_waiting") < 50)
    lab.undo(delay_id)
    lab.until_well(fault_id)
    lab.until_well(delay_id)
    port = lab.process.port_base + 3
    supervisor = psutil.Process(lab.process.process.pid)
    until(
        lambda: port not in [c.raddr.port for c in supervisor.net_connections("tcp") if c.status != "LISTEN"]
    )


def test_replies_of_the_store_are_swallowed_and_the_lab_gets_over_it(lab: FaultLab) -> None:
    duplicates = lab.total(1, "duplicates")
    fault_id = lab.begin("swallow-replies", "store", 0.3, for_s=0)
    aside = lab.run_dir / "redis.real"
    assert aside.is_socket()
    until(lambda: lab.gauge(4, "http_redis_waiting") > 100)
    lab.undo(fault_id)
    lab.until_well(fault_id)
    until(lambda: not aside.exists())
    until(lambda: lab.total(1, "duplicates") > duplicates)
    lab.moves(1)


def test_a_store_that_is_killed_behind_the_proxy_comes_back_behind_it(lab: FaultLab) -> None:
    fault_id = lab.begin("delay", "store", 5, for_s=0)
    aside = lab.run_dir / "redis.real"
    inode = aside.stat().st_ino
    lab.until_well(lab.begin("kill", "redis"))
    until(lambda: aside.is_socket() and aside.stat().st_ino != inode)
    lab.moves(1)
    lab.undo(fault_id)
    lab.until_well(fault_id)
    until(lambda: not aside.exists())
    lab.moves(1)


@pytest.mark.parametrize("pipeline", ["http_redis", "websocket"])
def test_bad_dashboards_come_and_go(lab: FaultLab, pipeline: str) -> None:
    offset = 2 if pipeline == "http_redis" else 3
    silent = lab.begin("silent-dashboard", pipeline, 3, for_s=0)
    slow = lab.begin("slow-dashboard", pipeline, 1_000, for_s=0)
    until(lambda: lab.gauge(offset, "feed_subscribers") >= 1)
    lab.undo(silent)
    lab.undo(slow)
    until(lambda: lab.gauge(offset, "feed_subscribers") == 0)
    lab.moves(1 if pipeline == "http_redis" else 3)


def test_a_poisoned_batch_is_set_aside_and_the_rest_flows(lab: FaultLab) -> None:
    dead = lab.total(1, "dead_lettered")
    lab.until_well(lab.begin("poison-batch", "http_redis", 2))
    until(lambda: lab.total(1, "dead_lettered") == dead + 2)
    lab.moves(1)


def test_faults_of_producers_reach_the_fleet(lab: FaultLab) -> None:
    future = lab.total(3, "future")
    fault_id = lab.begin("skew-clock", "web-01", 3_600, for_s=0)
    until(lambda: lab.total(3, "future") > future)
    lab.undo(fault_id)
    lab.until_well(fault_id)
    lab.until_well(lab.begin("crash-producer", "web-02"))
    with pytest.raises(RemoteFault, match="did not take place"):
        lab.begin("crash-producer", "nobody-99")


def test_the_command_begins_lists_and_undoes(lab: FaultLab) -> None:
    done = lab.process.run("fault", "pause", "worker-2", "--for", "0", "--hidden")
    assert done.returncode == 0, done.stderr
    assert "hidden fault" in done.stdout
    listed = lab.process.run("fault").stdout
    assert "active" in listed
    assert "pause on worker-2" not in listed
    assert lab.process.run("fault", "undo").returncode == 0
    fault_id = asyncio.run(lab.engine.listing())["faults"][-1]["id"]
    revealed = lab.process.run("fault", "reveal", str(fault_id))
    assert "pause on worker-2, until it is undone" in revealed.stdout
    refused = lab.process.run("fault", "pause", "worker-22")
    assert refused.returncode == 2
    assert "did you mean worker-2?" in refused.stderr


def test_after_all_that_the_ledger_balances(lab: FaultLab) -> None:
    """What was acked in between is processed; pipeline B was killed above and has its memory back from the outboxes."""
    asyncio.run(lab.engine.undo_all())
    url = f"http://127.0.0.1:{lab.process.port_base + 4}/api/drain"
    until(lambda: httpx2.post(url, trust_env=False, timeout=15).json()["drained"])
    until(lambda: lab.process.run("ledger").returncode == 0)
    audit = json.loads(lab.process.run("ledger", "--json").stdout)
    assert audit["ok"] is True, audit
    assert all(pipeline["lost"] == 0 for pipeline in audit["pipelines"].values())


def test_ctrl_c_with_faults_active_undoes_them_and_stops_in_time(tmp_path: Path) -> None:
    process = LabProcess(tmp_path / "state")
    try:
        process.up()
        lab = FaultLab(process)
        for kind, target in (
            ("pause", "redis"),
            ("pause", "worker-1"),
            ("cut", "fleet-a"),
            ("disk-full", "redis"),
        ):
            lab.begin(kind, target, for_s=0)
        begun = time.monotonic()
        assert process.end(signal.SIGINT) == 0
        assert time.monotonic() - begun < 20.0  # 3 s on a machine that does nothing else
        assert len(lab.events("fault_over")) == 4
        assert alive(lab.record) == []
        assert not Path(lab.record.faults_socket).exists()
    finally:
        process.close()
