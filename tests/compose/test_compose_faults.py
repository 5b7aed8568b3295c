"""Faults in containers, on a real engine: asked for by the page's API, done by the parts to themselves.

Runs after `test_compose.py`, which leaves the images and takes the containers down.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import httpx2
import pytest

from tests.compose.stack import Stack

pytestmark = pytest.mark.compose

RECOVERS_WITHIN_S: Final = 60.0
CONTAINERS: Final = {"websocket": "pipeline_b"}
"""Processes whose service has another name."""


def ask(stack: Stack, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request to the fault API."""
    url = f"{stack.urls['dashboard'].rstrip('/')}/api/faults{path}"
    answer = httpx2.request(method, url, json=body, timeout=20, trust_env=False)
    assert answer.is_success, f"{answer.status_code}: {answer.text}"
    found: dict[str, Any] = answer.json()
    return found


def begin(stack: Stack, kind: str, target: str, **more: float) -> dict[str, Any]:
    """Begin a fault; gives its record."""
    return ask(stack, "POST", "", {"kind": kind, "target": target, **more})


async def recovered(stack: Stack, fault: dict[str, Any]) -> float:
    """Wait until the engine says that all is well again, and that nothing is lost; gives how long it took, in s."""
    deadline = time.monotonic() + RECOVERS_WITHIN_S
    while True:
        (found,) = (known for known in ask(stack, "GET", "")["faults"] if known["id"] == fault["id"])
        if found["recovered_s"] is not None:
            break
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)
    audit = await stack.audit_until(lambda audit: not audit.lost, await stack.fleet_ledger())
    assert not audit.lost, audit.missing_lines()
    return float(found["recovered_s"])


def workers(stack: Stack) -> list[str]:
    """The workers by name."""
    return [f"worker-{container[:12]}" for container in stack.containers("worker")]


async def test_the_engine_knows_all_parts_and_mounts_no_docker_socket(stack: Stack) -> None:
    stack.compose("up", "-d")
    await stack.feeds_move()
    expected = {"redis", "ingest", "fanout", "websocket", "fleet", *workers(stack)}

    def targets() -> dict[str, Any]:
        return {entry["kind"]: entry for entry in ask(stack, "GET", "")["catalog"]}

    stack.until(lambda: set(targets()["kill"]["targets"]) == expected, "every part takes orders")
    assert [kind for kind, entry in targets().items() if not entry["available"]] == ["disk-full"]
    for container in stack.containers():
        assert "docker.sock" not in str(stack.inspect(container)["Mounts"])


@pytest.mark.parametrize("target", ["worker", "ingest", "redis", "fanout", "websocket", "fleet"])
async def test_a_kill_is_a_crash_that_the_containers_policy_repairs(stack: Stack, target: str) -> None:
    name = workers(stack)[0] if target == "worker" else target
    container = stack.containers(CONTAINERS.get(target, target))[0]
    restarts = stack.inspect(container)["RestartCount"]
    fault = begin(stack, "kill", name)
    stack.until(lambda: stack.inspect(container)["RestartCount"] > restarts, f"{name} is started again")
    await recovered(stack, fault)
    await stack.feeds_move()


async def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(stack: Stack) -> None:
    await recovered(stack, begin(stack, "kill-mid-batch", "worker"))


@pytest.mark.parametrize("target", ["worker", "ingest", "redis", "fanout", "websocket", "fleet"])
async def test_a_pause_is_undone(stack: Stack, target: str) -> None:
    name = workers(stack)[0] if target == "worker" else target
    fault = begin(stack, "pause", name, for_s=300)
    await asyncio.sleep(1)  # of a pause, not of a wait for something
    ask(stack, "POST", f"/{fault['id']}/undo")
    await recovered(stack, fault)
    await stack.feeds_move()


@pytest.mark.parametrize(
    "kind, target", [("delay", "fleet-a"), ("cut", "fleet-b"), ("swallow-replies", "fleet-a")]
)
async def test_the_fleets_links_are_led_through_the_proxy(stack: Stack, kind: str, target: str) -> None:
    await recovered(stack, begin(stack, kind, target, for_s=2))


async def test_a_store_without_memory_and_poison(stack: Stack) -> None:
    await recovered(stack, begin(stack, "out-of-memory", "redis", for_s=2))
    await recovered(stack, begin(stack, "poison-batch", "http_redis"))
    events = httpx2.get(f"{stack.urls['dashboard']}api/events", timeout=5, trust_env=False).json()["events"]
    assert {"fault", "fault_over", "recovered"} <= {event["kind"] for event in events}
