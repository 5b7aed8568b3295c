"""What students ask of single servers: true answers, slow ones, failing ones, large ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import httpx2
import pytest
from starlette.testclient import TestClient

from fake_servers import control_students
from fake_servers.control import build_app
from fake_servers.fleet import Fleet
from tests.support.small_fleet import CONFIG, HERE


def test_health_follows_the_server(client: TestClient, fleet: Fleet) -> None:
    producer = fleet.producers["web-01"]
    assert client.get("/servers/web-01/health").status_code == 503
    producer.status = "sampling"
    for link in producer.links.values():
        link.up()
    answer = client.get("/servers/web-01/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
    client.post("/api/servers/web-01/stop")
    answer = client.get("/servers/web-01/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "stopped")


def test_metrics_are_prometheus_text(client: TestClient, fleet: Fleet) -> None:
    fleet.producers["web-01"].take(0.0, 1)
    answer = client.get("/servers/web-01/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'lab_server_samples_total{pipeline="web-01"} 1.0' in answer.text.splitlines()


async def test_a_slow_answer_takes_as_long_as_asked_for(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    transport = httpx2.ASGITransport(build_app(fleet, CONFIG))
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        monkeypatch.setattr(control_students, "asyncio", SimpleNamespace(sleep=sleep))
        answers = [await client.get(f"/servers/web-01/slow{asked}") for asked in ("", "?ms=0", "?ms=10000")]
    assert slept == [0.5, 0, 10]
    assert [answer.json() for answer in answers] == [
        {"name": "web-01", "waited_ms": ms} for ms in (500, 0, 10_000)
    ]


async def test_only_so_many_slow_answers_wait_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_students, "MOST_WAITING", 2)
    transport = httpx2.ASGITransport(build_app(fleet, CONFIG))
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        asked = [asyncio.create_task(client.get("/servers/web-01/slow?ms=10000")) for _ in range(3)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = [task.result() for task in done]
        assert (refused.status_code, refused.json()["error"]) == (429, "backlog_full")
        assert refused.headers["retry-after"] == "1"
        assert (await client.get("/servers/db-01/health")).status_code == 503
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await client.get("/servers/db-01/slow?ms=0")).status_code == 200


@pytest.mark.parametrize("code", [400, 404, 418, 500, 503, 599])
def test_an_error_is_answered_as_asked_for(client: TestClient, code: int) -> None:
    answer = client.get(f"/servers/web-01/error/{code}")
    assert answer.status_code == code
    assert answer.json() == {"error": "asked_for", "detail": f"web-01 was asked to answer {code}"}


@pytest.mark.parametrize("kib", [0, 1, 1024])
def test_an_answer_of_a_size(client: TestClient, kib: int) -> None:
    answer = client.get(f"/servers/web-01/data/{kib}")
    assert (answer.status_code, len(answer.content)) == (200, kib * 1024)
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path, says",
    [
        ("slow?ms=10001", "ms: expected a whole number from 0 to 10000"),
        ("slow?ms=-1", "ms: expected a whole number"),
        ("slow?ms=1e3", "ms: expected a whole number"),
        ("slow?ms=" + "9" * 5000, "ms: expected a whole number"),
        ("slow?ms=%D9%A1", "ms: expected a whole number"),
        ("error/200", "code: expected a whole number from 400 to 599"),
        ("error/600", "code: expected a whole number"),
        ("error/teapot", "code: expected a whole number"),
        ("data/1025", "kb: expected a whole number from 0 to 1024"),
    ],
)
def test_what_cannot_be_asked_for(client: TestClient, path: str, says: str) -> None:
    answer = client.get(f"/servers/web-01/{path}")
    assert (answer.status_code, answer.json()["error"]) == (422, "schema")
    assert answer.json()["detail"].startswith(says)


@pytest.mark.parametrize("path", ["health", "metrics", "slow", "error/500", "data/1"])
def test_an_unknown_server_and_no_token(client: TestClient, fleet: Fleet, path: str) -> None:
    answer = client.get(f"/servers/web-99/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    with TestClient(build_app(fleet, replace(CONFIG, token="secret")), HERE) as guarded:
        assert guarded.get(f"/servers/web-01/{path}").status_code == 401
