"""Servers come and go, and send by the ways that the knobs say; nobody's account is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_changes

from fake_servers.config import FleetConfig
from fake_servers.link import Link
from fake_servers.pipeline import PIPELINE_A, PIPELINE_B
from fake_servers.producer import Producer
from fake_servers.roster import Roster
from lab_runtime.env import Env

CONFIG = replace(FleetConfig.from_env(Env({})), servers=4)


def roster(**changes: Any) -> Roster:
    return Roster(replace(CONFIG, **changes), None, 17)


def ways(producer: Producer) -> str:
    return "+".join(link.transport for link in producer.links.values() if link.on)


def turn(found: Roster, transport: str) -> dict[Link, str]:
    found.knobs = with_changes(found.knobs, transport=transport)
    anew: dict[Link, str] = {}
    for producer in found.producers.values():
        anew |= found.set_ways(producer)
    for link, speaks in anew.items():
        link.transport = speaks
    return anew


def test_the_first_servers_and_this_machine() -> None:
    assert list(roster().producers) == ["web-01", "db-01", "web-02", "cache-01"]
    *_, machine = roster(real=True).producers.values()
    assert (machine.role, ways(machine)) == ("real", "http1+websocket")


def test_who_leaves_is_not_shown_and_not_forgotten() -> None:
    found = roster(real=True)
    gone = found.producers["cache-01"]
    gone.take(0.0, 1)
    assert [producer.name for producer in found.leave(2)] == ["web-02", "cache-01"]
    assert [producer.role for producer in found.producers.values()] == ["web", "db", "real"]
    assert (gone.status, found.links(PIPELINE_A)[-1].on) == ("stopped", True)
    assert len(found.links()) == 6
    assert len(found.all_links()) == 10
    assert len(list(found.everyone())) == 5
    assert set(found.ledger()[PIPELINE_A]["created"]) == {"cache-01"}
    assert found.named("cache-01") == []


def test_who_comes_back_goes_on_in_the_same_epoch() -> None:
    found = roster(real=True)
    gone = found.producers["cache-01"]
    gone.take(0.0, 1)
    found.leave(1)
    found.everyones_faults["duplicate"] = 3
    back = {place: found.come(place) for place in (1, 2, 3, 4)}
    producer, anew = back[3]
    assert producer is gone
    assert set(anew) == set(gone.links.values())
    assert (gone.status, gone.history.epoch, gone.history.next_seq) == ("starting", 17, 1)
    assert [p.faults.copies for p, _ in back.values()] == [3, 3, 3, 3]
    newcomer, anew = back[4]
    assert newcomer.name == "worker-01"
    assert newcomer.history.epoch > 17
    assert {link.transport for link in anew} == {"http1", "websocket"}
    assert list(found.producers)[:5] == ["web-01", "db-01", "web-02", "cache-01", "worker-01"]
    assert [producer.role for producer in found.producers.values()][-1] == "real"


def test_a_way_that_is_not_used_gets_no_new_samples_and_counts_none() -> None:
    found = roster(servers=1)
    (producer,) = found.producers.values()
    producer.take(0.0, 1)
    anew = turn(found, "http2")
    assert anew == {producer.links[PIPELINE_A]: "http2"}
    assert ways(producer) == "http2"
    producer.take(1.0, 2)
    anew = turn(found, "twin")
    assert sorted(anew.values()) == ["http1", "websocket"]
    producer.take(2.0, 3)
    told = found.ledger()
    assert told[PIPELINE_A]["created"]["web-01"][17].as_lists() == [[0, 2]]
    assert told[PIPELINE_B]["created"]["web-01"][17].as_lists() == [[0, 0], [2, 2]]
    assert [link.waiting for link in producer.links.values()] == [3, 2]


def test_a_pipeline_that_is_not_fed_cannot_fail() -> None:
    found = roster(transport="websocket")
    assert found.failing() == {PIPELINE_B: "not reached yet"}
    assert turn(found, "http1").keys() == set(found.links(PIPELINE_A))
    assert found.failing() == {PIPELINE_A: "not reached yet"}


def test_an_epoch_that_was_meant_for_the_other_pipeline_alone_is_told_empty() -> None:
    """Else an audit would take the samples in the log for those of a producer that died unheard."""
    found = roster(servers=2, transport="http1")
    found.producers["web-01"].take(0.0, 1)
    told = found.ledger()
    assert told[PIPELINE_A]["created"]["web-01"][17].size == 1
    assert {name: list(epochs) for name, epochs in told[PIPELINE_B]["created"].items()} == {"web-01": [17]}
    assert told[PIPELINE_B]["created"]["web-01"][17].size == 0
    assert told[PIPELINE_B]["acked"] == {}


def test_a_stopped_server_keeps_no_batch_back_on_its_new_way() -> None:
    found = roster(servers=1, batch=10)
    (producer,) = found.producers.values()
    producer.take(0.0, 1)
    producer.stop()
    turn(found, "http2")
    assert producer.links[PIPELINE_A].next_parcel() == [(0, 0)]
    producer.start()
    producer.take(1.0, 2)
    assert producer.links[PIPELINE_A].next_parcel() is None
