"""The crossovers killed and stopped under load: what was acknowledged is processed, a stop has an end."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import pytest

from metrics_core.ledger import audit
from metrics_core.wire import encode_batch
from tests.support.crossovers import HTTP_MEMORY, WEBSOCKET_REDIS, Crossover, crossover
from tests.support.jobs import popped, running
from tests.support.outbox_load import OutboxLoad
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_sample
from tests.support.schema import check_snapshot
from tests.support.waiting import until

STOPS_WITHIN_S: Final = 5.0


def fleet_ledger(processes: Crossover) -> dict[str, Any]:
    answer: Any = processes.get(processes.base + 4, "/api/ledger")
    assert answer is not None, "no ledger from the fleet"
    fates: dict[str, Any] = answer["pipelines"]["websocket"]
    return fates


def wait_for_more(processes: Crossover, samples: int) -> None:
    """Wait until so many samples more are processed: the load goes on."""
    goal = processes.totals("websocket")["processed"] + samples
    until(lambda: processes.totals("websocket")["processed"] >= goal, f"{samples} samples more", 40)


def check_fleet_account(processes: Crossover) -> None:
    """The fleet sends what it still has; then everything acked is processed, by identity."""
    drain = urllib.request.Request(f"http://127.0.0.1:{processes.base + 4}/api/drain", method="POST")
    with urllib.request.urlopen(drain, timeout=30) as reply:
        assert reply.status == 200
    until(processes.settled, "everything committed is applied", 30)
    account = audit(fleet_ledger(processes), processes.ledger_json("websocket"))
    assert (account.lost, account.missing, account.rejected) == (0, {}, 0)
    assert account.acked == account.processed == account.created > 500


@pytest.fixture
def under_load() -> Iterator[Crossover]:
    """WebSocket before Redis, and real producers: 20 that send 25 samples a second each."""
    with crossover() as processes:
        processes.start_all(WEBSOCKET_REDIS)
        processes.start("fleet", TRANSPORT="websocket", SERVERS="20", RATE="25")
        until(lambda: processes.get(processes.base + 4, "/healthz"), "the fleet serves")
        yield processes


def test_killed_workers_lose_nothing(under_load: Crossover) -> None:
    for turn in range(3):
        wait_for_more(under_load, 200)
        until(lambda: popped(under_load.redis) | running(under_load.redis), "a job is running")
        worker = under_load[f"worker-{turn % 2 + 1}"]
        worker.kill()
        worker.restart()
    check_fleet_account(under_load)


def stops(processes: Crossover, which: str) -> None:
    code, took_s = processes[which].stop()
    assert code == 0, processes[which].said()[-1000:]
    assert took_s < STOPS_WITHIN_S


def test_websocket_before_redis_stops_under_load_and_loses_nothing(under_load: Crossover) -> None:
    """Producers come back, ask what is held, and send the rest."""
    for _ in range(2):
        wait_for_more(under_load, 200)
        stops(under_load, WEBSOCKET_REDIS)
        under_load[WEBSOCKET_REDIS].restart()
        under_load.wait_ready(WEBSOCKET_REDIS)
    wait_for_more(under_load, 200)
    check_fleet_account(under_load)
    assert under_load.stack_traces() == []


def test_websocket_before_redis_stops_in_time_while_redis_stands_still() -> None:
    with crossover() as processes:
        processes.start("store", WEBSOCKET_REDIS)
        with RawWebSocket(processes.websocket_port, "/v1/ingest") as connection:
            connection.send(encode_batch([a_sample("waits")]))
            assert connection.verdicts(1) == {}
            processes["store"].pause()
            connection.send(encode_batch([a_sample("waits", 1, 1)]))
            stops(processes, WEBSOCKET_REDIS)
        processes["store"].resume()
        assert processes.stack_traces() == []


def test_http_before_memory_stops_under_load_and_answers_what_is_in_flight() -> None:
    """Its memory ends with it, as pipeline B's does: what the next process lacks is exactly what the last one held."""
    with crossover() as processes:
        processes.start_all(HTTP_MEMORY)
        with (
            OutboxLoad(processes.ingest_port) as load,
            RawWebSocket(processes.fanout_port, "/v1/feed") as feed,
        ):
            until(lambda: load.acked >= 2_000, "samples are acked")
            check_snapshot(feed.receive())
            stops(processes, HTTP_MEMORY)
            processes[HTTP_MEMORY].restart()
            goal = load.acked + 2_000
            until(lambda: load.acked >= goal, "samples are acked again")
        ledger = processes.ledger()
        for producer in load.producers:
            held = ledger[producer.name][1]
            assert len(held) == len(producer.acked) == 1
            assert held.last == producer.acked.last
            gone = producer.acked.minus(held).as_lists()
            assert len(gone) == 1
            assert gone[0][0] == 0
        assert load.statuses()[503] == load.statuses()[500] == 0
        assert processes.stack_traces() == []
