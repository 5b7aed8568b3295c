"""Pipeline B really killed under load: its memory is gone, and the producers' outboxes give it back, or it is named."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from metrics_core.ledger import PipelineAudit, audit, count, format_ledger, parse_ledger, subtract
from metrics_core.wire import encode_batch
from tests.support.account import check_by_oracle
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


def account(pipelines: Pipelines) -> PipelineAudit:
    """What the fleet knows against what the pipeline knows."""
    return audit(pipelines.ask_fleet("/api/ledger")["pipelines"][PIPELINE], pipelines.ledger_json(PIPELINE))


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
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.ok, found
        assert found.created == found.acked == found.processed > 1_000
        check_by_oracle(pipelines, PIPELINE)
        servers = pipelines.ask_fleet("/api/servers")["servers"]
        assert sum(server["pipelines"][PIPELINE]["replayed"] for server in servers) > 1_000


def test_without_replay_the_loss_is_shown_and_named() -> None:
    with pipeline_b_with_fleet(REPLAY="off") as pipelines:
        wait_for_samples(pipelines, 1_000)
        pipelines["websocket"].kill()
        restart(pipelines)
        wait_for_samples(pipelines, 500)
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        found = account(pipelines)
        assert found.lost >= 500
        assert found.acked == found.created
        assert (
            sum(high - low + 1 for e in found.missing.values() for i in e.values() for low, high in i)
            == found.lost
        )


def test_what_is_older_than_the_outbox_is_lost_and_named() -> None:
    """Three kills; then each identity is processed, or lost, or was dropped by a full outbox before it was acked."""
    with pipeline_b_with_fleet(OUTBOX_CAPACITY="20", SERVERS="5") as pipelines:
        for _ in range(3):
            wait_for_samples(pipelines, 1_000)
            pipelines["websocket"].kill()
            restart(pipelines)
        wait_for_samples(pipelines, 500)
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        told = pipelines.ask_fleet("/api/ledger")["pipelines"][PIPELINE]
        created, acked, dropped = (
            parse_ledger(told[f]["producers"]) for f in ("created", "acked", "dropped")
        )
        processed = pipelines.ledger(PIPELINE)
        lost = subtract(acked, processed)
        found = account(pipelines)
        assert found.missing == format_ledger(lost)
        assert found.lost == count(lost) > 2_500
        assert subtract(dropped, acked) == subtract(dropped, processed) == dropped, "one fate each"
        assert count(created) == count(processed) + count(lost) + count(dropped)
        assert subtract(subtract(subtract(created, processed), lost), dropped) == {}
        for name, epochs in processed.items():
            for epoch, held in epochs.items():
                assert lost[name][epoch].last < held.as_lists()[0][0], (
                    f"{name}: the outbox gave back its newest"
                )
        servers = pipelines.ask_fleet("/api/servers")["servers"]
        gone = sum(server["pipelines"][PIPELINE]["gone"] for server in servers)
        assert gone == found.lost, "the producers know it themselves"
        check_by_oracle(pipelines, PIPELINE)


def test_sigterm_under_load() -> None:
    with pipeline_b_with_fleet() as pipelines:
        wait_for_samples(pipelines, 1_000)
        code, took_s = pipelines["websocket"].stop()
        assert (code, pipelines.stack_traces()) == (0, [])
        assert took_s < STOPS_WITHIN_S
        restart(pipelines)
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        assert account(pipelines).ok
        check_by_oracle(pipelines, PIPELINE)


def test_a_second_sigterm_ends_it_at_once() -> None:
    """The first one waits for a dashboard that does not answer the closing handshake; the second one does not."""
    with (
        pipeline_b_with_fleet() as pipelines,
        RawWebSocket(pipelines.websocket_port, "/v1/feed") as dashboard,
    ):
        dashboard.receive()
        wait_for_samples(pipelines, 500)
        pipelines["websocket"].send(signal.SIGTERM)
        until(lambda: pipelines.get(pipelines.websocket_port, "/readyz") is None, "it heard the first one")
        pipelines["websocket"].send(signal.SIGTERM)
        _, took_s = pipelines["websocket"].wait()
        assert took_s < 1
        restart(pipelines)
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
        assert account(pipelines).ok


def test_a_standstill_is_not_a_loss() -> None:
    """The process stops in its tracks, and goes on."""
    with pipeline_b_with_fleet() as pipelines:
        wait_for_samples(pipelines, 500)
        pipelines["websocket"].pause()
        created = pipelines.ask_fleet("/api/servers")["servers"][0]["next_seq"]
        until(
            lambda: pipelines.ask_fleet("/api/servers")["servers"][0]["next_seq"] > created + 50,
            "the producers go on",
        )
        pipelines["websocket"].resume()
        assert pipelines.ask_fleet("/api/drain", "POST")["drained"]
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
