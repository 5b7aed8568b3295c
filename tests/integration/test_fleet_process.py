"""The fleet as a process: it serves, drains and ends, and says in one line why it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx2
import orjson
import pytest

from fake_servers.fleet import PIPELINE_A, PIPELINE_B
from tests.support.child import ROOT, clean_environ
from tests.support.fleet_stand_ins import HttpStandIn, WebSocketStandIn, free_port
from tests.support.http_stand_in import Told
from tests.support.waiting import WITHIN_S, until_async

UNAVAILABLE: Final = Told(503, b'{"error":"unavailable","detail":"x"}')


def environment(port_base: int, **more: str) -> dict[str, str]:
    return clean_environ(LAB_PORT_BASE=str(port_base), LAB_LOG="json", **more)


def spawn(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fake_servers"],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, if it still runs, and its pipes."""
    process.kill()
    with process:
        pass


async def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, stderr = await asyncio.to_thread(process.communicate, timeout=WITHIN_S)
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
            end_s = asyncio.get_running_loop().time() + WITHIN_S
            while not await ready():
                assert asyncio.get_running_loop().time() < end_s, "not ready in time"
                await asyncio.sleep(0.02)
            await until_async(lambda: len(a.held) == len(b.held) == 7, "all producers heard")
            assert (await client.get(f"{api}/api/servers")).status_code == 401
            servers = (await client.get(f"{api}/api/servers", headers=headers)).json()["servers"]
            assert [server["role"] for server in servers][-1] == "real"
            drain = await client.post(f"{api}/api/drain", headers=headers, timeout=WITHIN_S)
            assert drain.json() == {"drained": True, "waiting": 0}
            ledger = (await client.get(f"{api}/api/ledger", headers=headers)).json()["pipelines"]
            assert ledger[PIPELINE_A]["acked"] == ledger[PIPELINE_B]["acked"] == ledger[PIPELINE_A]["created"]
            assert a.samples == b.samples
            assert "lab_samples_total" in (await client.get(f"{api}/metrics")).text
            process.send_signal(signal.SIGTERM)
            code, stderr = await ended(process)
        finally:
            end(process)
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
            await until_async(lambda: len(a.attempts_s) > 5, "refused attempts")
            process.send_signal(signal.SIGTERM)
            a.always = None
            code, stderr = await ended(process)
        finally:
            end(process)
    assert code == 0
    assert orjson.loads(stderr.splitlines()[-1])["event"] == "drained"
    held = [seqs.as_lists() for epochs in a.held.values() for seqs in epochs.values()]
    assert [(low, len(more)) for (low, _), *more in held] == [(0, 0), (0, 0)]


async def test_sigterm_ends_it_in_time_whatever_hangs(tmp_path: Path) -> None:
    """The supervisor kills after 5 s; what has no fate by then is told, and in the producers' log."""
    a, b = HttpStandIn(), WebSocketStandIn()
    a.always = "hang"
    b.script.extend(["swallow"] * 10_000)
    async with a.serve() as url_a, b.serve() as url_b:
        settings = {"LAB_SERVERS": "20", "LAB_RATE": "10", "LAB_RUN": "r", "LAB_STATE_DIR": str(tmp_path)}
        process = spawn(
            environment(free_port() - 4, LAB_INGEST_URL=url_a, LAB_PIPELINE_B_URL=url_b, **settings)
        )
        try:
            await until_async(lambda: a.attempts_s and len(b.held) == 20, "both pipelines hang")
            process.send_signal(signal.SIGTERM)
            begin_s = asyncio.get_running_loop().time()
            code, stderr = await ended(process)
            took_s = asyncio.get_running_loop().time() - begin_s
        finally:
            end(process)
        a.release.set()
    assert took_s < 4.5
    assert code == 0
    told = orjson.loads(stderr.splitlines()[-1])
    assert told["event"] == "drain gave up, these samples have no fate"
    (log,) = (tmp_path / "r" / "samples").iterdir()
    lines = log.read_bytes().splitlines()
    assert told[PIPELINE_A] == told[PIPELINE_B] == len(lines) > 0
    assert {orjson.loads(line)["producer"] for line in lines} == set(b.held)


async def test_a_second_sigterm_ends_it_at_once() -> None:
    a = HttpStandIn()
    a.always = "hang"
    async with a.serve() as url:
        settings = {"LAB_SERVERS": "2", "LAB_RATE": "20", "LAB_TRANSPORT": "http1", "LAB_INGEST_URL": url}
        process = spawn(environment(free_port() - 4, **settings))
        try:
            await until_async(lambda: a.attempts_s, "a request that hangs")
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):  # it drains
                await asyncio.to_thread(process.wait, 0.3)
            process.send_signal(signal.SIGTERM)
            begin_s = asyncio.get_running_loop().time()
            code, _ = await ended(process)
            took_s = asyncio.get_running_loop().time() - begin_s
        finally:
            end(process)
        a.release.set()
    assert code == 1
    assert took_s < 1


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
