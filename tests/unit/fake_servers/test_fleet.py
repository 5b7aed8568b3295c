"""Who is in the fleet, by which way each server sends, and what the ledger says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fake_servers.config import FleetConfig
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from lab_runtime.env import Env
from metrics_core.ledger import format_ledger

CONFIG = FleetConfig.from_env(Env({}))


def transports(fleet: Fleet, pipeline: str) -> Counter[str]:
    return Counter(link.transport for link in fleet.links(pipeline))


def test_twin_sends_every_server_down_both_pipelines() -> None:
    fleet = Fleet(CONFIG)
    assert transports(fleet, PIPELINE_A) == {"http1": 25, "http2": 25}
    assert transports(fleet, PIPELINE_B) == {"websocket": 50}


def test_each_role_is_split_over_both_http_versions() -> None:
    fleet = Fleet(replace(CONFIG, servers=100))
    ways = Counter((p.role, p.links[PIPELINE_A].transport) for p in fleet.producers.values())
    for role in ("web", "db", "cache", "worker", "batch"):
        assert ways[role, "http1"] == ways[role, "http2"] > 0


@pytest.mark.parametrize(
    "transport, to_a, to_b",
    [("http1", {"http1": 5}, {}), ("http2", {"http2": 5}, {}), ("websocket", {}, {"websocket": 5})],
)
def test_one_transport_alone(transport: str, to_a: dict[str, int], to_b: dict[str, int]) -> None:
    fleet = Fleet(replace(CONFIG, servers=5, transport=transport))
    assert transports(fleet, PIPELINE_A) == to_a
    assert transports(fleet, PIPELINE_B) == to_b


def test_this_machine_is_one_more_producer() -> None:
    fleet = Fleet(replace(CONFIG, servers=2, real=True))
    assert len(fleet.producers) == 3
    assert [producer.role for producer in fleet.producers.values()] == ["web", "db", "real"]


def test_the_same_seed_gives_the_same_samples() -> None:
    def values(seed: int) -> list[object]:
        fleet = Fleet(replace(CONFIG, servers=3, seed=seed))
        for producer in fleet.producers.values():
            for at_s in range(5):
                producer.take(float(at_s), 1)
        return [
            producer.history.sample(seq).cpu_percent
            for producer in fleet.producers.values()
            for seq in range(5)
        ]

    assert values(1) == values(1) != values(2)


def test_both_pipelines_get_the_same_bytes() -> None:
    fleet = Fleet(replace(CONFIG, servers=1))
    producer = fleet.producers["web-01"]
    for at_s in range(3):
        producer.take(float(at_s), 1_000_000 * at_s)
    by_a, by_b = (producer.links[pipeline] for pipeline in (PIPELINE_A, PIPELINE_B))
    assert by_a.encode([(0, 2)]) == by_b.encode([(0, 2)])


def test_the_ledger_tells_the_fate_of_every_identity() -> None:
    fleet = Fleet(replace(CONFIG, servers=2, outbox_capacity=4))
    producer = fleet.producers["web-01"]
    for at_s in range(6):
        producer.take(float(at_s), 1)
    link = producer.links[PIPELINE_A]
    link.outbox.ack(link.outbox.take(2))
    link.outbox.reject(link.outbox.take(1))
    epoch = str(producer.history.epoch)
    told = {
        fate: format_ledger(identities).get("web-01", {}).get(epoch)
        for fate, identities in fleet.ledger()[PIPELINE_A].items()
    }
    assert told == {
        "created": [[0, 5]],
        "acked": [[2, 3]],
        "rejected": [[4, 4]],
        "dropped": [[0, 1]],
        "crashed": None,
    }
    assert "db-01" not in fleet.ledger()[PIPELINE_A]["created"]


def test_a_fleet_of_none_fails_nowhere() -> None:
    fleet = Fleet(replace(CONFIG, servers=0))
    assert fleet.failing() == {}
    assert fleet.ledger()[PIPELINE_B]["created"] == {}


def test_a_fleet_that_reaches_nobody_names_the_pipelines() -> None:
    fleet = Fleet(replace(CONFIG, servers=2))
    assert fleet.failing() == {PIPELINE_A: "not reached yet", PIPELINE_B: "not reached yet"}
    for link in fleet.links(PIPELINE_A):
        link.down("connection refused")
    fleet.links(PIPELINE_B)[0].up()
    assert fleet.failing() == {PIPELINE_A: "connection refused"}
