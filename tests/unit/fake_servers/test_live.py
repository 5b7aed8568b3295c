"""Knobs and orders do what they say to a fleet that sends to nobody. Connections: see the integration tests."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from fake_servers import live as live_module
from fake_servers.config import FleetConfig
from fake_servers.fleet import PIPELINE_A, PIPELINE_B, Fleet
from fake_servers.live import LiveChanges
from fake_servers.orders import NotNow, UnknownServer
from lab_runtime.env import Env
from metrics_core.errors import SchemaViolation
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

CONFIG = replace(FleetConfig.from_env(Env({})), servers=3)


def made(**changes: Any) -> tuple[Fleet, LiveChanges]:
    fleet = Fleet(replace(CONFIG, **changes))
    return fleet, LiveChanges(fleet)


async def knobs(live: LiveChanges, **body: Any) -> dict[str, Any]:
    await live.set_knobs(msgspec.json.encode(body))
    return live.told()


def take(fleet: Fleet, n: int, begin_s: int = 0) -> None:
    for producer in fleet.producers.values():
        for at_s in range(begin_s, begin_s + n):
            producer.take(float(at_s), 1_000_000)


async def test_how_the_knobs_stand() -> None:
    _, live = made(rate=2.0)
    told = live.told()
    assert told.pop("ranges")["servers"]["high"] == 10_000
    assert told == {
        "rate_factor": 1, "batch": 1, "transport": "twin", "replay": "on", "servers": 3, "rate": 2.0,
    }  # fmt: skip
    assert (await knobs(live, rate_factor=10))["rate"] == pytest.approx(20)


async def test_every_link_gets_the_new_batch_those_of_newcomers_too() -> None:
    fleet, live = made()
    take(fleet, 3)
    await knobs(live, batch=5, servers=4)
    assert {link.batch for link in fleet.roster.all_links()} == {5}
    (link, *_) = fleet.links(PIPELINE_A)
    assert link.next_parcel() is None
    await knobs(live, batch=3)
    assert link.wake.is_set()
    assert link.next_parcel() == [(0, 2)]


async def test_replay_off_leaves_nothing_in_doubt() -> None:
    fleet, live = made()
    await knobs(live, replay="off", servers=4)
    assert not any(link.confirm for link in fleet.roster.all_links())
    await knobs(live, replay="on")
    assert [link.confirm for link in fleet.links(PIPELINE_B)] == [True] * 4
    assert not any(link.confirm for link in fleet.links(PIPELINE_A))


async def test_servers_come_and_go() -> None:
    fleet, live = made(real=True)
    assert (await knobs(live, servers=5))["servers"] == 5
    names = list(fleet.producers)
    assert names[:5] == ["web-01", "db-01", "web-02", "cache-01", "worker-01"]
    assert fleet.producers[names[5]].role == "real"
    await knobs(live, servers=0)
    assert list(fleet.producers) == names[5:]


async def test_a_change_that_is_refused_changes_nothing() -> None:
    fleet, live = made()
    before = live.told()
    with pytest.raises(SchemaViolation):
        await knobs(live, batch=9, transport="http2", servers=10_001)
    assert live.told() == before
    assert {link.batch for link in fleet.links()} == {1}
    assert {link.transport for link in fleet.links(PIPELINE_A)} == {"http1", "http2"}


async def test_a_change_of_transport_turns_ways_on_and_off() -> None:
    fleet, live = made()
    await knobs(live, transport="http2")
    assert [link.transport for link in fleet.links()] == ["http2"] * 3
    await knobs(live, transport="websocket", servers=4)
    assert [link.transport for link in fleet.links()] == ["websocket"] * 4
    await knobs(live, transport="twin")
    assert len(fleet.links(PIPELINE_A)) == len(fleet.links(PIPELINE_B)) == 4


async def test_orders_to_one_and_to_all() -> None:
    fleet, live = made()
    assert await live.order("stop", "*", b"") == 3
    assert {producer.status for producer in fleet.producers.values()} == {"stopped"}
    assert await live.order("start", "db-01", b"") == 1
    assert [producer.status for producer in fleet.producers.values()] == ["stopped", "starting", "stopped"]
    for action, effect in (("spike", "spike"), ("load", "load"), ("latency", "latency")):
        assert await live.order(action, "web-01", b'{"for_s": 60}') == 1
        assert 55 < fleet.producers["web-01"].effects(time.monotonic())[effect] <= 60
    assert fleet.producers["db-01"].effects(time.monotonic()) == {}
    assert await live.order("invalid", "*", b'{"n": 2}') == 3
    assert [link.waiting for link in fleet.links()] == [2] * 6


async def test_a_restart_is_a_new_epoch_and_starts_what_was_stopped() -> None:
    fleet, live = made(batch=10)
    take(fleet, 2)
    producer = fleet.producers["web-01"]
    producer.stop()
    for link in producer.links.values():
        link.acked([(0, 1)])
        link.outbox.take(10)
        link.up()
    first = producer.history.epoch
    assert await live.order("restart", "web-01", b"") == 1
    assert producer.history.epoch > first
    assert (producer.status, producer.lives, producer.history.next_seq) == ("starting", 2, 0)
    assert fleet.producers["db-01"].lives == 1
    fates = fleet.ledger()[PIPELINE_A]
    assert fates["acked"]["web-01"][first].as_lists() == [[0, 1]]
    assert fates["crashed"] == {}
    take(fleet, 1, 2)
    assert all(link.next_parcel() is None for link in producer.links.values())  # a batch gathers again


async def test_what_cannot_be_sent_in_time_dies_with_the_old_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "RESTART_S", 0.05)
    fleet, live = made()
    take(fleet, 2)
    first = fleet.producers["web-01"].history.epoch
    assert await live.order("restart", "*", b"") == 3
    assert fleet.ledger()[PIPELINE_B]["crashed"]["web-01"][first].as_lists() == [[0, 1]]
    assert await fleet.drain(0.0) == (True, 0)


async def test_a_server_that_had_too_many_epochs_is_not_started_again() -> None:
    fleet, live = made()
    fleet.producers["web-01"].lives = MAX_EPOCHS_PER_PRODUCER
    with pytest.raises(NotNow, match="has had 64 epochs"):
        await live.order("restart", "web-01", b"")
    assert fleet.producers["web-01"].status == "starting"
    assert await live.order("restart", "*", b"") == 2


async def test_this_machine_cannot_be_made_to_look_busy() -> None:
    fleet, live = made(real=True)
    name = list(fleet.producers)[-1]
    for action in ("spike", "load"):
        assert await live.order(action, "*", b"") == 3
        with pytest.raises(NotNow, match="its readings are measured"):
            await live.order(action, name, b"")
    assert await live.order("latency", name, b"") == 1


@pytest.mark.parametrize("target", ["web-99", "", "**"])
async def test_an_unknown_server(target: str) -> None:
    _, live = made()
    with pytest.raises(UnknownServer, match="no server is named"):
        await live.order("stop", target, b"")


async def test_an_order_to_all_of_none_affects_none() -> None:
    _, live = made(servers=0)
    assert await live.order("restart", "*", b"") == await live.order("spike", "*", b"") == 0
    assert live.broadcast("hello") == 0


async def test_invalid_samples_are_bounded_over_all_servers() -> None:
    fleet, live = made(servers=200)
    with pytest.raises(SchemaViolation, match=r"\$\.n: expected at most 50 for 200 servers"):
        await live.order("invalid", "*", b'{"n": 51}')
    assert sum(link.waiting for link in fleet.links()) == 0


async def test_a_broadcast_is_logged_by_every_server_and_is_its_note() -> None:
    fleet, live = made()
    with capture_logs() as logs:
        assert live.broadcast("ten minutes left") == 3
    assert [(line["server"], line["text"]) for line in logs] == [
        (name, "ten minutes left") for name in fleet.producers
    ]
    assert {producer.note for producer in fleet.producers.values()} == {"ten minutes left"}


async def test_a_broadcast_to_very_many_is_logged_in_few_lines() -> None:
    _, live = made(servers=150)
    with capture_logs() as logs:
        assert live.broadcast("hello") == 150
    assert len(logs) == 101
    assert logs[-1]["servers"] == 50
