"""A server as others see it: its page, its health, its metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fake_servers.config import FleetConfig
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from fake_servers.producer import Producer
from fake_servers.views import SHOWN_SAMPLES, server_health, server_metrics, server_page, server_view
from lab_runtime.env import Env

CONFIG = replace(FleetConfig.from_env(Env({})), servers=1)


def server(**changes: Any) -> Producer:
    (producer,) = Fleet(replace(CONFIG, **changes)).producers.values()
    return producer


def test_a_server_shows_the_pipelines_that_it_sends_to() -> None:
    producer = server(transport="http2")
    told = server_view(producer)
    assert (list(told["pipelines"]), told["transport"]) == ([PIPELINE_A], "http2")
    assert (told["note"], told["effects"], told["invalid"]) == ("", {}, 0)


def test_invalid_samples_are_shown_apart_and_as_rejected() -> None:
    producer = server()
    producer.spoil(2, 1_000)
    link = producer.links[PIPELINE_B]
    parcel = link.next_parcel()
    assert parcel is not None
    link.rejected(parcel, "schema: $")
    told = server_view(producer)
    assert (told["invalid"], told["next_seq"]) == (2, 0)
    assert (told["pipelines"][PIPELINE_B]["rejected"], told["pipelines"][PIPELINE_B]["waiting"]) == (1, 1)


def test_a_servers_page_has_its_newest_samples() -> None:
    producer = server()
    for at_s in range(SHOWN_SAMPLES + 5):
        producer.take(float(at_s), at_s)
    told = msgspec.json.decode(msgspec.json.encode(server_page(producer)))
    assert [sample["seq"] for sample in told["history"]] == list(range(5, SHOWN_SAMPLES + 5))
    assert told["history"][-1] == told["last"]
    assert "history" not in server_view(producer)


@pytest.mark.parametrize(
    "status, reached, expected",
    [
        ("starting", (True, True), (503, "starting")),
        ("stopped", (True, True), (503, "stopped")),
        ("crashed", (True, True), (503, "crashed")),
        ("sampling", (True, True), (200, "healthy")),
        ("sampling", (False, True), (200, "degraded")),
        ("sampling", (False, False), (503, "cut off")),
    ],
)
def test_health(status: str, reached: tuple[bool, bool], expected: tuple[int, str]) -> None:
    producer = server()
    producer.status = status
    for link, there in zip(producer.links.values(), reached, strict=True):
        link.connected = there
    code, told = server_health(producer)
    assert (code, told["status"]) == expected
    assert told["reached"] == dict(zip((PIPELINE_A, PIPELINE_B), reached, strict=True))


def test_a_pipeline_that_is_not_used_does_not_make_a_server_sick() -> None:
    producer = server(transport="websocket")
    producer.status, producer.links[PIPELINE_B].connected = "sampling", True
    assert server_health(producer) == (
        200,
        {"name": "web-01", "status": "healthy", "reached": {PIPELINE_B: True}},
    )


def test_metrics_of_a_server() -> None:
    producer = server()
    assert b"lab_server_cpu_percent" not in server_metrics(producer)
    producer.take(0.0, 1)
    producer.spoil(3, 5)
    producer.links[PIPELINE_A].acked([(0, 0)])
    text = server_metrics(producer).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels["pipeline"] for sample in found} == {"web-01"}
    values = {sample.name: sample.value for sample in found}
    last = producer.history.last()
    assert last is not None
    assert values["lab_server_cpu_percent"] == last.cpu_percent
    assert values["lab_server_net_rx_bytes_per_s"] == last.net_rx_bytes_per_s
    assert (values["lab_server_samples_total"], values["lab_server_invalid_samples_total"]) == (1, 3)
    assert (values["lab_server_http_redis_acked_total"], values["lab_server_websocket_waiting"]) == (1, 4)
    assert values["lab_server_healthy"] == 0
