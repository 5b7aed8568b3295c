"""`/api/fleet`, orders to servers and `/api/broadcast`: their answers, and their errors as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from fake_servers.config import FleetConfig
from fake_servers.control import build_app
from fake_servers.fleet import PIPELINE_A, Fleet
from lab_runtime.env import Env

CONFIG = replace(FleetConfig.from_env(Env({})), servers=3)
HERE = "http://127.0.0.1:8769"


def test_the_knobs_are_told_and_changed(client: TestClient, fleet: Fleet) -> None:
    told = client.get("/api/fleet").json()
    assert (told["servers"], told["transport"], told["ranges"]["batch"]["high"]) == (3, "twin", 4096)
    answer = client.post("/api/fleet", json={"servers": 5, "transport": "http1", "batch": 4})
    assert (answer.status_code, answer.json()["servers"]) == (200, 5)
    assert client.get("/api/fleet").json() == answer.json()
    servers = client.get("/api/servers").json()["servers"]
    assert [server["name"] for server in servers][3:] == ["cache-01", "worker-01"]
    assert {server["transport"] for server in servers} == {"http1"}
    assert {tuple(server["pipelines"]) for server in servers} == {(PIPELINE_A,)}
    client.post("/api/fleet", json={"servers": 1})
    assert client.get("/api/servers/web-02").status_code == 404


@pytest.mark.parametrize(
    "path, body, affected",
    [
        ("/api/servers/web-01/stop", {}, 1),
        ("/api/servers/*/stop", {}, 3),
        ("/api/servers/%2A/start", {}, 3),
        ("/api/servers/*/restart", {}, 3),
        ("/api/servers/db-01/spike", {"height": 45, "for_s": 10}, 1),
        ("/api/servers/*/load", {"cpu_percent": 90, "for_s": 30}, 3),
        ("/api/servers/*/latency", {"ms": 200, "for_s": 30}, 3),
        ("/api/servers/web-02/invalid", {"n": 5}, 1),
        ("/api/broadcast", {"text": "hello"}, 3),
    ],
)
def test_orders_say_how_many_servers_they_affect(
    client: TestClient, path: str, body: dict[str, Any], affected: int
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (200, {"affected": affected})
    if path != "/api/broadcast":
        assert client.post(path).json() == {"affected": affected}  # without a body, too


def test_the_effect_is_shown(client: TestClient) -> None:
    client.post("/api/servers/db-01/stop")
    client.post("/api/servers/db-01/latency", json={"ms": 100, "for_s": 60})
    client.post("/api/servers/db-01/invalid", json={"n": 2})
    client.post("/api/broadcast", json={"text": "hello"})
    told = client.get("/api/servers/db-01").json()
    assert (told["status"], told["note"], told["invalid"], told["history"]) == ("stopped", "hello", 2, [])
    assert 55 < told["effects"]["latency"] <= 60


@pytest.mark.parametrize(
    "path, body, status, error",
    [
        ("/api/servers/web-99/stop", b"", 404, "not_found"),
        ("/api/servers/web-01/explode", b"", 404, "not_found"),
        ("/api/servers/web-01/spike", b"{", 400, "malformed"),
        ("/api/servers/web-01/spike", b'{"height": 1e9}', 422, "schema"),
        ("/api/servers/web-01/stop", b'{"x": 1}', 422, "schema"),
        ("/api/servers/web-01/spike", b" " * 5000, 413, "too_large"),
        ("/api/fleet", b"", 400, "malformed"),
        ("/api/fleet", b'{"servers": "many"}', 422, "schema"),
        ("/api/broadcast", b"{}", 422, "schema"),
        ("/api/broadcast", b'{"text": "a\\nb"}', 422, "schema"),
    ],
)
def test_errors_are_json(client: TestClient, path: str, body: bytes, status: int, error: str) -> None:
    answer = client.post(path, content=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert 0 < len(answer.json()["detail"]) < 300


def test_a_server_that_cannot_be_started_again_says_why(client: TestClient, fleet: Fleet) -> None:
    fleet.producers["web-01"].lives = 64
    answer = client.post("/api/servers/web-01/restart")
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")


@pytest.mark.parametrize("path", ["/api/fleet", "/api/servers/*/stop", "/api/broadcast"])
def test_foreign_pages_and_strangers_are_refused(fleet: Fleet, path: str) -> None:
    with TestClient(build_app(fleet, replace(CONFIG, token="secret")), HERE) as client:
        assert client.post(path, json={}).status_code == 401
        answer = client.post(path, json={}, headers={"origin": "https://example.org"})
        assert answer.status_code == 403
    assert {producer.status for producer in fleet.producers.values()} == {"starting"}
