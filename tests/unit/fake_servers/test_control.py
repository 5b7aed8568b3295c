"""The control API: its answers, its errors as JSON, its token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fake_servers.config import FleetConfig
from fake_servers.control import build_app
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from lab_runtime.env import Env

CONFIG = replace(FleetConfig.from_env(Env({})), servers=3)


def client_of(app: Starlette, *, raise_server_exceptions: bool = True) -> TestClient:
    """A client that asks for the host that the fleet is."""
    return TestClient(app, "http://127.0.0.1:8769", raise_server_exceptions)


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(CONFIG)
    for producer in fleet.producers.values():
        for at_s in range(4):
            producer.take(float(at_s), 1_000_000 + at_s)
        for link in producer.links.values():
            link.outbox.ack(link.outbox.take(4))
            link.up()
    return fleet


@pytest.fixture
def client(fleet: Fleet) -> Iterator[TestClient]:
    with client_of(build_app(fleet, CONFIG)) as client:
        yield client


def test_the_list_of_servers(client: TestClient, fleet: Fleet) -> None:
    answer = client.get("/api/servers")
    assert answer.headers["content-type"] == "application/json"
    servers = answer.json()["servers"]
    assert [server["name"] for server in servers] == ["web-01", "db-01", "web-02"]
    web = servers[0]
    assert web["role"] == "web"
    assert web["status"] == "starting"
    assert web["transport"] == "http1+websocket"
    assert (web["epoch"], web["next_seq"]) == (fleet.producers["web-01"].history.epoch, 4)
    assert (web["last"]["producer"], web["last"]["seq"]) == ("web-01", 3)
    assert web["pipelines"][PIPELINE_B] == {
        "transport": "websocket",
        "connected": True,
        "waiting": 0,
        "acked": 4,
        "rejected": 0,
        "dropped": 0,
        "replayed": 0,
        "gone": 0,
        "resent": 0,
        "last_error": "",
    }
    assert (web["lives"], web["faults"]) == (1, {})
    assert servers[1]["pipelines"][PIPELINE_A]["transport"] == "http2"


def test_one_server(client: TestClient) -> None:
    assert client.get("/api/servers/db-01").json()["name"] == "db-01"


def test_the_ledger(client: TestClient, fleet: Fleet) -> None:
    pipelines = client.get("/api/ledger").json()["pipelines"]
    epoch = str(fleet.producers["web-01"].history.epoch)
    assert set(pipelines) == {PIPELINE_A, PIPELINE_B}
    for fates in pipelines.values():
        assert set(fates) == {"created", "acked", "rejected", "dropped", "crashed", "reasons", "resent"}
        assert fates["created"]["producers"]["web-01"] == {epoch: [[0, 3]]}
        assert fates["acked"]["producers"]["db-01"] == {epoch: [[0, 3]]}
        assert fates["rejected"] == fates["dropped"] == fates["crashed"] == {"producers": {}}
        assert (fates["reasons"], fates["resent"]) == ({}, 0)


def test_a_drain_of_a_settled_fleet_is_quick(client: TestClient) -> None:
    assert client.post("/api/drain").json() == {"drained": True, "waiting": 0}
    assert {server["status"] for server in client.get("/api/servers").json()["servers"]} == {"stopped"}


def test_a_drain_gives_up_in_time(client: TestClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_servers.fleet.DRAIN_S", 0.05)
    fleet.producers["web-01"].take(4.0, 2_000_000)
    assert client.post("/api/drain").json() == {"drained": False, "waiting": 2}


def test_health_and_readiness(client: TestClient, fleet: Fleet) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    for link in fleet.links(PIPELINE_B):
        link.down("connection refused")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"error": "not_ready", "detail": "websocket: connection refused"}


def test_metrics_are_prometheus_text(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'lab_samples_total{pipeline="fleet"} 12.0' in lines
    assert 'lab_http_redis_acked_total{pipeline="fleet"} 12.0' in lines
    assert 'lab_websocket_connected{pipeline="fleet"} 3.0' in lines
    assert 'lab_websocket_waiting{pipeline="fleet"} 0.0' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "method, path, status, error",
    [
        ("GET", "/api/servers/web-99", 404, "not_found"),
        ("GET", "/api/servers/" + "x" * 5000, 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/servers/", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("POST", "/api/servers", 405, "method_not_allowed"),
        ("GET", "/api/drain", 405, "method_not_allowed"),
        ("DELETE", "/api/ledger", 405, "method_not_allowed"),
    ],
)
def test_errors_are_json(client: TestClient, method: str, path: str, status: int, error: str) -> None:
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    body: dict[str, Any] = answer.json()
    assert body["error"] == error
    assert 0 < len(body["detail"]) < 300
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/api/servers", "/api/servers/web-01", "/api/ledger"])
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic c2VjcmV0", "secret"])
def test_a_token_guards_the_api(fleet: Fleet, path: str, authorization: str | None) -> None:
    with client_of(build_app(fleet, replace(CONFIG, token="secret"))) as client:
        answer = client.get(path, headers={"authorization": authorization} if authorization else {})
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert "secret" not in answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get(path, headers={"authorization": "Bearer secret"}).status_code == 200


def test_no_drain_without_the_token(fleet: Fleet) -> None:
    with client_of(build_app(fleet, replace(CONFIG, token="secret"))) as client:
        assert client.post("/api/drain").status_code == 401
        assert client.get("/api/servers", headers={"authorization": "Bearer secret"}).json()["servers"][0][
            "status"
        ] != ("stopped")


def test_probes_need_no_token(fleet: Fleet) -> None:
    with client_of(build_app(fleet, replace(CONFIG, token="secret"))) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [
            200,
            200,
            200,
        ]


@pytest.mark.parametrize(
    "origin, status",
    [("https://example.org", 403), ("null", 403), ("http://127.0.0.1:8765", 200), (None, 200)],
)
def test_no_foreign_page_can_drain_the_fleet(client: TestClient, origin: str | None, status: int) -> None:
    assert client.post("/api/drain", headers={"origin": origin} if origin else {}).status_code == status


def test_a_fault_of_ours_is_json_too(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "ledger", lambda: 1 / 0)
    with client_of(build_app(fleet, CONFIG), raise_server_exceptions=False) as client:
        answer = client.get("/api/ledger")
    assert (answer.status_code, answer.json()) == (500, {"error": "internal", "detail": "ZeroDivisionError"})
