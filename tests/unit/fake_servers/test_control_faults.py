"""`POST /api/faults`, `/api/faults/undo`, `/api/route`: what they do to the fleet, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from fake_servers.config import FleetConfig
from fake_servers.control import build_app
from fake_servers.control_faults import local_netloc
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from lab_runtime.env import Env
from metrics_core.errors import SchemaViolation
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

CONFIG = replace(FleetConfig.from_env(Env({})), servers=3)
HERE = "http://127.0.0.1:8769"


def test_a_fault_of_one_and_of_all(client: TestClient, fleet: Fleet) -> None:
    answer = client.post("/api/faults", json={"kind": "skew-clock", "target": "web-01", "grade": -2})
    assert (answer.status_code, answer.json()) == (
        200,
        {"kind": "skew-clock", "target": "web-01", "affected": 1},
    )
    assert [producer.faults.skew_us for producer in fleet.producers.values()] == [-2_000_000, 0, 0]
    assert client.post("/api/faults", json={"kind": "duplicate", "target": "*"}).json()["affected"] == 3
    shown = {server["name"]: server["faults"] for server in client.get("/api/servers").json()["servers"]}
    assert shown["web-01"] == {"skew-clock": -2, "duplicate": 2}
    assert shown["db-01"] == {"duplicate": 2}
    undone = [
        client.post("/api/faults/undo", json={"kind": kind, "target": "*"}).json()["affected"]
        for kind in ("skew-clock", "duplicate", "shuffle")
    ]
    assert undone == [1, 3, 0]
    assert not any(producer.faults.active() for producer in fleet.producers.values())


def test_a_skewed_clock_is_in_the_samples(client: TestClient, fleet: Fleet) -> None:
    client.post("/api/faults", json={"kind": "skew-clock", "target": "web-01", "grade": 1.5})
    producer = fleet.producers["web-01"]
    producer.take(0.0, 1_000_000)
    client.post("/api/faults/undo", json={"kind": "skew-clock", "target": "web-01"})
    producer.take(1.0, 2_000_000)
    assert [producer.history.sample(seq).sampled_at_us for seq in (0, 1)] == [2_500_000, 2_000_000]


def test_a_crash_begins_a_new_life_and_forgets_no_identity(client: TestClient, fleet: Fleet) -> None:
    producer = fleet.producers["web-01"]
    first = producer.history.epoch
    for second in range(5):
        producer.take(float(second), 1_000_000)
    link = producer.links[PIPELINE_A]
    link.outbox.ack(link.outbox.take(2))
    link.rejected(link.outbox.take(1), "schema: $.seq")
    assert (
        client.post("/api/faults", json={"kind": "crash-producer", "target": "web-01"}).json()["affected"]
        == 1
    )
    second_epoch = producer.history.epoch
    assert second_epoch > first
    assert producer.history.next_seq == link.outbox.next_seq == link.outbox.waiting == 0
    producer.take(5.0, 1_000_000)
    ledger = client.get("/api/ledger").json()["pipelines"]
    told = {
        fate: ledger[PIPELINE_A][fate]["producers"].get("web-01")
        for fate in ("created", "acked", "rejected", "crashed")
    }
    assert told == {
        "created": {str(first): [[0, 4]], str(second_epoch): [[0, 0]]},
        "acked": {str(first): [[0, 1]]},
        "rejected": {str(first): [[2, 2]]},
        "crashed": {str(first): [[3, 4]]},
    }
    assert ledger[PIPELINE_A]["reasons"] == {"web-01": {str(first): [[2, 2, "schema: $.seq"]]}}
    assert ledger[PIPELINE_B]["crashed"]["producers"] == {"web-01": {str(first): [[0, 4]]}}
    lines = client.get("/metrics").text.splitlines()
    assert 'lab_samples_total{pipeline="fleet"} 6.0' in lines
    assert 'lab_http_redis_acked_total{pipeline="fleet"} 2.0' in lines
    assert 'lab_websocket_crashed_total{pipeline="fleet"} 5.0' in lines
    assert client.get("/api/servers/web-01").json()["lives"] == 2


def test_nobody_crashes_more_often_than_the_pipelines_remember(client: TestClient, fleet: Fleet) -> None:
    asked = {"kind": "crash-producer", "target": "*"}
    affected = [
        client.post("/api/faults", json=asked).json()["affected"] for _ in range(MAX_EPOCHS_PER_PRODUCER)
    ]
    assert affected == [3] * (MAX_EPOCHS_PER_PRODUCER - 1) + [0]
    assert fleet.producers["web-01"].lives == MAX_EPOCHS_PER_PRODUCER
    epochs = [life.epoch for life in fleet.links(PIPELINE_A)[0].lives()]
    assert epochs == sorted(set(epochs))


@pytest.mark.parametrize("pipeline, n", [(PIPELINE_A, 3), (PIPELINE_B, 3)])
def test_a_pipeline_is_led_elsewhere_and_back(client: TestClient, pipeline: str, n: int) -> None:
    for url in ("http://127.0.0.1:1234", None):
        answer = client.post("/api/route", json={"pipeline": pipeline, "url": url})
        assert (answer.status_code, answer.json()) == (200, {"pipeline": pipeline, "url": url, "affected": n})


@pytest.mark.parametrize(
    "url, netloc",
    [
        ("http://127.0.0.1:80", "127.0.0.1:80"),
        ("ws://127.1.2.3:8080/x", "127.1.2.3:8080"),
        ("https://localhost:443", "localhost:443"),
        ("http://[::1]:9", "[::1]:9"),
    ],
)
def test_a_route_on_this_machine(url: str, netloc: str) -> None:
    assert local_netloc(url) == netloc


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org:80", "http://10.0.0.1:80", "http://0.0.0.0:80", "http://127.0.0.1", "127.0.0.1:80", "",
        "http://127.0.0.1:0", "http://127.0.0.1:99999", "http://user@evil.example:80", "http://127.0.0.1.example.org:80",
        "http://[::1:80", "http://127.0.0.1@example.org:80",
    ],
)  # fmt: skip
def test_the_token_is_led_to_no_other_machine(url: str) -> None:
    with pytest.raises(SchemaViolation, match="loopback"):
        local_netloc(url)


@pytest.mark.parametrize(
    "path, body, status, error",
    [
        ("/api/faults", {"kind": "skew-clock", "target": "web-99"}, 422, "schema"),
        ("/api/faults", {"kind": "nothing", "target": "*"}, 422, "schema"),
        ("/api/faults", {"kind": "shuffle", "target": "*", "grade": 0}, 422, "schema"),
        ("/api/faults", {}, 422, "schema"),
        ("/api/faults", {"kind": "x" * 5000, "target": "*"}, 413, "too_large"),
        ("/api/faults/undo", {"kind": "shuffle", "target": "web-99"}, 422, "schema"),
        ("/api/faults/undo", {"kind": "reconnect-storm", "target": "*"}, 422, "schema"),
        ("/api/route", {"pipeline": "other", "url": None}, 422, "schema"),
        ("/api/route", {"pipeline": PIPELINE_A}, 422, "schema"),
        ("/api/route", {"pipeline": PIPELINE_A, "url": "http://example.org:1"}, 422, "schema"),
    ],
)
def test_what_cannot_be_changes_nothing(
    client: TestClient, fleet: Fleet, path: str, body: dict[str, Any], status: int, error: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert 0 < len(answer.json()["detail"]) < 300
    assert not any(producer.faults.active() for producer in fleet.producers.values())
    assert {producer.lives for producer in fleet.producers.values()} == {1}


def test_no_fault_without_the_token_or_from_a_foreign_page(fleet: Fleet) -> None:
    body = {"kind": "skew-clock", "target": "*"}
    with TestClient(build_app(fleet, replace(CONFIG, token="secret")), HERE) as client:
        for path in ("/api/faults", "/api/faults/undo", "/api/route"):
            assert client.post(path, json=body).status_code == 401
        right = {"authorization": "Bearer secret"}
        foreign = right | {"origin": "https://example.org"}
        assert client.post("/api/faults", json=body, headers=foreign).status_code == 403
        assert not any(producer.faults.active() for producer in fleet.producers.values())
        assert client.post("/api/faults", json=body, headers=right).status_code == 200
