"""The lab in containers, on a real engine: it starts, it is shut in, it survives what is done to it, it goes away.

The tests run in this order on one project. What was found out about `restart: unless-stopped` and is shown here: a
process that crashes inside its container is started again by the engine; `docker kill` and `docker-compose kill` are
a stop to the engine, whatever the signal, and such a container comes back with `docker-compose up -d` (or `start`).
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.compose.stack import PROCESSES, Stack

pytestmark = pytest.mark.compose

MOVING_WITHIN_S: Final = 20.0
LIMIT_BYTES: Final = 1 << 30
USED_WELL_BELOW_BYTES: Final = 512 << 20
SIZE: Final = re.compile(r"([\d.]+)([KMG]?)i?B")
UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


async def test_both_feeds_move_soon_after_the_images_are_built(stack: Stack) -> None:
    starting = asyncio.create_task(
        asyncio.to_thread(stack.compose, "up", "-d")
    )  # returns when all is healthy
    moving = await stack.feeds_move(MOVING_WITHIN_S)
    await starting
    assert {name: found["run"] for name, found in moving.items()} == dict.fromkeys(moving, "compose-test")
    assert stack.not_ready() == []


def test_the_last_service_says_where_to_look_and_leaves(stack: Stack) -> None:
    (container,) = stack.containers("url", stopped=True)
    stack.until(lambda: stack.inspect(container)["State"]["Status"] == "exited", "`url` ends")
    assert stack.inspect(container)["State"]["ExitCode"] == 0
    assert f"http://127.0.0.1:{stack.base}/" in stack.docker("logs", container)


async def test_a_browser_gets_the_page_and_both_feeds_on_the_published_ports(stack: Stack) -> None:
    for host in ("127.0.0.1", "localhost"):
        page = f"http://{host}:{stack.base}"
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            for path in ("/", "/vendor/chart.js", "/api/servers", "/api/ledger"):
                assert (await client.get(f"{page}{path}")).status_code == 200, path
            pipelines = (await client.get(f"{page}/api/lab")).json()["pipelines"]
        for pipeline in pipelines.values():
            feed = f"ws://{host}:{pipeline['feed_port']}{pipeline['feed_path']}"
            async with connect(feed, origin=page, proxy=None, open_timeout=5) as browser:  # type: ignore[arg-type]
                assert '"snapshot"' in str(await browser.recv())
            with pytest.raises(InvalidStatus, match="403"):
                await connect(feed, origin="http://foreign.example", proxy=None, open_timeout=5)  # type: ignore[arg-type]


def test_ports_are_published_on_this_machine_only(stack: Stack) -> None:
    published = {}
    for container in stack.containers():
        found = stack.inspect(container)
        service = found["Config"]["Labels"]["com.docker.compose.service"]
        for bindings in found["NetworkSettings"]["Ports"].values():
            for binding in bindings or []:
                assert binding["HostIp"] == "127.0.0.1", service
                published[int(binding["HostPort"])] = service
    services = ("dashboard", "ingest", "fanout", "pipeline_b", "fleet")
    assert published == {stack.base + offset: service for offset, service in enumerate(services)}


@pytest.mark.parametrize("service", PROCESSES)
def test_nothing_runs_as_root_or_can_change_its_image(stack: Stack, service: str) -> None:
    container = stack.containers(service)[0]
    users = stack.docker("top", container, "-eo", "uid,pid").splitlines()[1:]
    assert users
    assert "0" not in {line.split()[0] for line in users}
    probe = "for d in / /usr /app /opt; do touch $d/probe 2>/dev/null && echo writable $d; done; id -u"
    assert stack.docker("exec", container, "sh", "-c", probe).strip() not in ("0", "")
    assert "writable" not in stack.docker("exec", container, "sh", "-c", probe)


def test_only_pipeline_a_reaches_redis(stack: Stack) -> None:
    ask = "import redis; print(redis.Redis(unix_socket_path='/run/redis/redis.sock').ping())"
    for service in ("ingest", "worker", "fanout"):
        assert stack.docker("exec", stack.containers(service)[0], "python", "-c", ask).strip() == "True"
    for service in ("pipeline_b", "fleet", "dashboard"):
        with pytest.raises(AssertionError, match="ConnectionError"):
            stack.docker("exec", stack.containers(service)[0], "python", "-c", ask)


def test_redis_listens_on_no_port(stack: Stack) -> None:
    (container,) = stack.containers("redis")
    assert set(stack.inspect(container)["NetworkSettings"]["Networks"]) == {"none"}
    ports = stack.docker("exec", container, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    assert [line for line in ports.splitlines() if " 0A " in line] == [], "0A: listening"


def test_a_foreign_host_name_is_refused_and_the_services_are_not(stack: Stack) -> None:
    url = stack.urls["ingest"]
    with httpx2.Client(trust_env=False, timeout=10) as client:
        assert client.get(f"{url}/v1/ledger", headers={"host": "evil.example"}).status_code == 421
        assert client.get(f"{url}/v1/ledger").status_code == 200


def test_the_whole_lab_stays_within_its_memory(stack: Stack) -> None:
    running = stack.containers()
    limits = [stack.inspect(container)["HostConfig"]["Memory"] for container in running]
    assert all(limits)
    assert sum(limits) <= LIMIT_BYTES
    lines = stack.docker("stats", "--no-stream", "--format={{.MemUsage}}", *running).splitlines()
    assert len(lines) == len(running)
    assert sum(size_of(line.partition("/")[0]) for line in lines) < USED_WELL_BELOW_BYTES, lines


@pytest.mark.parametrize("service", PROCESSES)
async def test_every_acked_sample_is_processed_after_a_kill(stack: Stack, service: str) -> None:
    await stack.feeds_move()
    acked_before = await stack.fleet_ledger()
    stack.compose("kill", "-s", "KILL", service)
    for container in stack.containers(service, stopped=True):
        stack.until(
            lambda c=container: not stack.inspect(c)["State"]["Running"],  # type: ignore[misc]
            f"{service} is killed",
        )
    stack.compose("up", "-d", "--no-recreate", service)
    await comes_back(stack, acked_before, service)


@pytest.mark.parametrize("service", PROCESSES)
async def test_the_engine_restarts_what_crashes(stack: Stack, service: str) -> None:
    container = stack.containers(service)[0]
    restarts = stack.inspect(container)["RestartCount"]
    await stack.feeds_move()
    acked_before = await stack.fleet_ledger()
    stack.docker("exec", container, "sh", "-c", "kill -9 -1")  # all but PID 1, which ends when its child does
    stack.until(lambda: stack.inspect(container)["RestartCount"] > restarts, f"{service} is started again")
    await comes_back(stack, acked_before, service)


async def comes_back(stack: Stack, acked_before: dict[str, object], service: str) -> None:
    """Everything serves, both feeds move, and what was acked before, and since, is processed."""
    stack.until(lambda: not stack.not_ready(), f"every part is ready after {service} came back")
    await stack.feeds_move()
    for fleet in (acked_before, await stack.fleet_ledger()):
        found = await stack.audit_until(lambda audit: not audit.lost, fleet)
        assert not found.lost, found.missing_lines()


async def test_workers_can_be_more_and_fewer(stack: Stack) -> None:
    for wanted in (3, 2):
        stack.compose("up", "-d", "--no-recreate", "--scale", f"worker={wanted}", "worker")
        names = {f"worker-{container}" for container in stack.containers("worker")}
        assert len(names) == wanted
        deadline = time.monotonic() + 30
        shown: set[str] = set()
        while shown != names:
            assert time.monotonic() < deadline, f"the feed shows {shown} instead of {names}"
            processes = (await stack.feeds_move())["http_redis"]["processes"]
            shown = {entry["name"] for entry in processes if entry["name"].startswith("worker-")}
    found = await stack.audit_until(lambda audit: not audit.lost, await stack.fleet_ledger())
    assert not found.lost, found.missing_lines()


def test_the_engine_calls_every_container_healthy(stack: Stack) -> None:
    stack.until(lambda: not stack.unhealthy(), "every container is healthy", 60)


async def test_the_ledger_balances_in_the_end(stack: Stack) -> None:
    answer = httpx2.post(f"{stack.urls['fleet']}/api/drain", timeout=20, trust_env=False).json()
    assert answer == {"drained": True, "waiting": 0}
    found = await stack.audit_until(lambda audit: audit.ok)
    assert found.ok, found.as_dict()


def test_a_comparison_runs_in_a_container_of_its_own(stack: Stack) -> None:
    stack.compose("stop")  # nothing else should run
    arguments = (
        "--run",
        "http1,websocket",
        "--rounds",
        "3",
        "--noise-pairs",
        "0",
        "--seconds",
        "1",
        "--rate",
        "200",
    )
    said = stack.compose("run", "-T", "--rm", "compare", *arguments, "--stdout", "md", within_s=300)
    assert "## Headline figures" in said
    assert "nothing was lost in 6 blocks" in said
    assert "WebSocket 13" in said


def test_it_stops_in_order_and_leaves_nothing(stack: Stack) -> None:
    stack.compose("stop")
    for container in stack.containers(stopped=True):
        state = stack.inspect(container)["State"]
        assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("exited", 0, False), container
    stack.compose("down", "-v")
    assert stack.everything() == []


def size_of(text: str) -> float:
    """Bytes of a size as docker prints it (`36.2MiB`)."""
    match = SIZE.fullmatch(text.strip())
    assert match, text
    return float(match[1]) * UNITS[match[2]]
