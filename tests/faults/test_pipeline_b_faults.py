"""Pipeline B really killed under load: its memory is gone, and the producers' outboxes give it back, or it is named."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from metrics_core.ledger import PipelineAudit, audit
from metrics_core.wire import encode_batch
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import ClosedByPeer, RawWebSocket
from tests.support.samples import a_run
from tests.support.waiting import until

PIPELINE = "websocket"
STOPS_WITHIN_S = 5.0


@contextmanager
def pipeline_b_with_fleet(**settings: str) -> Iterator[Pipelines]:
    """Pipeline B and 20 fake servers that send 1,000 samples a second."""
    fleet = {"TRANSPORT": "websocket", "SERVERS": "20", "RATE": "50", "BATCH": "5"}
    with temporary_pipelines(**(fleet | settings)) as pipelines:
        pipelines.start("websocket", "fleet")
        yield pipelines


def fleet_get(pipelines: Pipelines, path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{pipelines.base + 4}{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return orjson.loads(reply.read())


def account(pipelines: Pipelines) -> PipelineAudit:
    """What the fleet knows against what the pipeline knows."""
    return audit(fleet_get(pipelines, "/api/ledger")["pipelines"][PIPELINE], pipelines.ledger_json(PIPELINE))


def wait_for_samples(pipelines: Pipelines, more: int) -> None:
    """Wait until so many samples more are in the aggregates."""
    goal = (pipelines.totals(PIPELINE)["processed"] if pipelines["websocket"].alive else 0) + more
    until(lambda: pipelines.totals(PIPELINE)["processed"] >= goal, f"{more} samples more are processed")


def restart(pipelines: Pipelines) -> None:
    pipelines["websocket"].restart()
    pipelines.wait_ready("websocket")


def test_kill_and_replay() -> None:
    """Again and again; after it the aggregates hold every sample, those acked before the kill too."""
    with pipeline_b_with_fleet() as pipelines:
        for _ in range(3):
            wait_for_samples(pipelines, 1_000)
            pipelines["websocket"].kill()
            restart(pipelines)
        wait_for_samples(pipelines, 1_000)
        assert fleet_get(pipelines, "/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.ok, found
        assert found.created == found.acked == found.processed > 1_000
        servers = fleet_get(pipelines, "/api/servers")["servers"]
        assert sum(server["pipelines"][PIPELINE]["replayed"] for server in servers) > 1_000


def test_without_replay_the_loss_is_shown_and_named() -> None:
    with pipeline_b_with_fleet(REPLAY="off") as pipelines:
        wait_for_samples(pipelines, 1_000)
        pipelines["websocket"].kill()
        restart(pipelines)
        wait_for_samples(pipelines, 500)
        assert fleet_get(pipelines, "/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.lost >= 500
        assert found.acked == found.created
        assert (
            sum(high - low + 1 for e in found.missing.values() for i in e.values() for low, high in i)
            == found.lost
        )


def test_what_is_older_than_the_outbox_is_lost_and_named() -> None:
    with pipeline_b_with_fleet(OUTBOX_CAPACITY="20", SERVERS="5") as pipelines:
        wait_for_samples(pipelines, 1_000)
        pipelines["websocket"].kill()
        restart(pipelines)
        assert fleet_get(pipelines, "/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.lost > 500
        servers = fleet_get(pipelines, "/api/servers")["servers"]
        gone = sum(server["pipelines"][PIPELINE]["gone"] for server in servers)
        assert gone == found.lost, "the producers know it themselves"


def test_sigterm_under_load() -> None:
    with pipeline_b_with_fleet() as pipelines:
        wait_for_samples(pipelines, 1_000)
        code, took_s = pipelines["websocket"].stop()
        assert (code, pipelines.stack_traces()) == (0, [])
        assert took_s < STOPS_WITHIN_S
        restart(pipelines)
        assert fleet_get(pipelines, "/api/drain", "POST")["drained"]
        assert account(pipelines).ok


def test_a_standstill_is_not_a_loss() -> None:
    """The process stops in its tracks, and goes on."""
    with pipeline_b_with_fleet() as pipelines:
        wait_for_samples(pipelines, 500)
        pipelines["websocket"].pause()
        created = fleet_get(pipelines, "/api/servers")["servers"][0]["next_seq"]
        until(
            lambda: fleet_get(pipelines, "/api/servers")["servers"][0]["next_seq"] > created + 50,
            "the producers go on",
        )
        pipelines["websocket"].resume()
        assert fleet_get(pipelines, "/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.ok, found


def test_resume_by_hand_over_a_kill() -> None:
    """The protocol alone: a producer that keeps its samples gives the pipeline what it asks for."""
    outbox = a_run("by-hand", 1, range(100))
    with temporary_pipelines() as pipelines:
        pipelines.start("websocket")
        with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as producer:
            for first in range(0, 60, 10):
                producer.send(encode_batch(outbox[first : first + 10]))
            assert producer.verdicts(6) == {}
            pipelines["websocket"].kill()
            with pytest.raises(ClosedByPeer) as closed:
                producer.message()
            assert closed.value.code == 1006
        restart(pipelines)
        with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as producer:
            answer = producer.resume("by-hand", 1)
            assert (answer["next_seq"], answer["held"]) == (0, []), "its memory is gone"
            producer.send(encode_batch(outbox[:70]))
            assert producer.verdicts(1) == {}
            assert producer.resume("by-hand", 1)["next_seq"] == 70
            producer.send(encode_batch(outbox[60:]))
            assert producer.verdicts(2) == {}
        assert pipelines.processed("by-hand", PIPELINE) == [[0, 99]]
        totals = pipelines.totals(PIPELINE)
        assert (totals["processed"], totals["duplicates"]) == (100, 10)
