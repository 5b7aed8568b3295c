"""Pipeline A under backpressure, without its store, with clients that misbehave: named answers, nothing left behind."""

from __future__ import annotations

import pytest

from metrics_core.wire import encode_batch
from tests.integration.conftest import FreshPipelines
from tests.support.h1_client import H1Client
from tests.support.h2_client import JSON, ConnectionLost, H2Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import check_snapshot
from tests.support.waiting import until


def test_a_full_backlog_is_429_and_recovers(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines(BACKLOG_CAPACITY="3")
    pipelines.start_a(workers=0)
    accepted = 0
    with H1Client(pipelines.ingest_port) as client:
        while (reply := client.post(encode_batch([a_sample("backlog", 1, accepted)]))).status == 202:
            accepted += 1
        assert accepted == 3
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
        assert reply.json()["error"] == "backlog_full"
        assert client.post(encode_batch([a_sample("refused")])).status == 429
        with RawWebSocket(pipelines.fanout_port, "/v1/feed") as feed:
            snapshot = check_snapshot(feed.receive())
        assert (snapshot.backlog.waiting, snapshot.backlog.capacity, snapshot.backlog.unit) == (3, 3, "jobs")
        assert any("backlog full" in alert for alert in snapshot.alerts)
        assert client.request("GET", "/readyz").status == 200
        pipelines.start("worker-1")
        until(
            lambda: client.post(encode_batch([a_sample("backlog", 1, accepted)])).status == 202,
            "the ingest accepts again",
            within_s=10,
        )
    until(lambda: pipelines.processed("backlog") == [[0, 3]], "what was accepted is processed")
    until(lambda: pipelines.totals()["refused"] >= 2, "the refusals are told")
    assert pipelines.processed("refused") == []
    assert pipelines.totals()["accepted"] == 4


def test_without_redis_it_is_503_and_recovers(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines()
    pipelines.start_a(workers=1)
    store = pipelines["store"]
    with H1Client(pipelines.ingest_port) as client:
        assert client.post(encode_batch([a_sample("outage", 1, 0)])).status == 202
        store.kill()
        for _ in range(3):
            reply = client.post(encode_batch([a_sample("outage", 1, 1)]))
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert reply.json()["error"] == "unavailable"
        assert client.request("GET", "/healthz").status == 200, "the process lives"
        ready = client.request("GET", "/readyz")
        assert (ready.status, ready.json()["failing"]) == (503, "redis")
        for path in ("/v1/ledger", "/metrics", "/v1/histograms"):
            assert client.request("GET", path).status == 503
        with H1Client(pipelines.fanout_port) as fanout:
            assert fanout.request("GET", "/readyz").json()["failing"] == "redis"
        store.restart()
        pipelines.wait_ready("store")
        assert client.post(encode_batch([a_sample("outage", 1, 1)])).status == 202
        assert client.request("GET", "/readyz").status == 200

    until(
        lambda: pipelines.processed("outage") == [[0, 1]],
        "what was accepted before and after it is processed",
    )
    assert pipelines["worker-1"].alive, "a worker outlives its store"


def test_a_connection_that_ends_in_the_middle_leaves_no_trace(pipelines: Pipelines) -> None:
    body = encode_batch(a_run("cut-off", 1, range(3)))
    for first in (0, 1, len(body) - 1):
        with H1Client(pipelines.ingest_port) as client:
            client.begin("POST", "/v1/samples", JSON, body, first)
        with H2Client(pipelines.ingest_port) as two:
            two.send(two.open("POST", "/v1/samples", JSON), body[:first], end=False)
    with H2Client(pipelines.ingest_port) as two:
        assert two.reply(two.post(encode_batch([a_sample("after-cut", 1, 0)]))).status == 202
    until(lambda: pipelines.processed("after-cut") == [[0, 0]], "the next one is processed")
    assert pipelines.processed("cut-off") == []


def test_a_port_that_is_taken_is_said_in_one_line(
    pipelines: Pipelines, fresh_pipelines: FreshPipelines
) -> None:
    """The fan-out's port, which is not shared."""
    other = fresh_pipelines(PORT_BASE=str(pipelines.base), REDIS_URL=pipelines.redis_url)
    with pytest.raises(AssertionError, match="fanout ended"):
        other.start("fanout")
    said = other["fanout"].said()
    assert "Traceback" not in said
    assert str(pipelines.fanout_port) in said


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x", id="data on stream 0"),
        pytest.param(b"\x7f\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 40_000, id="a frame of 8 MiB"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 2_000, id="another protocol"),
    ],
)
def test_garbage_in_place_of_frames_ends_its_own_connection_only(
    pipelines: Pipelines, garbage: bytes
) -> None:
    with H2Client(pipelines.ingest_port) as healthy:
        with H2Client(pipelines.ingest_port) as broken:
            broken.inject(garbage)
            with pytest.raises(ConnectionLost):
                broken.reply(broken.open("GET", "/healthz"))
        assert healthy.reply(healthy.request("GET", "/healthz")).status == 200


def test_clients_that_leave_in_the_middle_leave_nothing_behind(fresh_pipelines: FreshPipelines) -> None:
    """No task waits for them for ever: a process with such a task could not stop in order."""
    pipelines = fresh_pipelines()
    pipelines.start("store", "ingest-1")
    body = encode_batch([a_sample("leaver")])
    for _ in range(5):
        with H2Client(pipelines.ingest_port) as client:  # does not read its answers
            for _ in range(10):
                client.post(body)
        with H2Client(pipelines.ingest_port) as client:
            client.send(client.open("POST", "/v1/samples", JSON), body[:50], end=False)
        with H2Client(pipelines.ingest_port) as client:
            client.inject(b"\x7f\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 40_000)
        with H1Client(pipelines.ingest_port) as one:
            one.begin("POST", "/v1/samples", JSON, body, len(body))
        with H1Client(pipelines.ingest_port) as one:
            one.begin("POST", "/v1/samples", JSON, body, 50)
    with H1Client(pipelines.ingest_port) as one:
        assert one.post(body).status == 202
    code, took_s = pipelines["ingest-1"].stop()
    assert (code, pipelines.stack_traces()) == (0, [])
    assert took_s < 2, "else it waited for something until its time was up"
