"""Pipeline A end to end: what 202 promises, one port for all processes and versions of HTTP, outages, endpoints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from metrics_core.wire import encode_batch
from pipeline_http_redis.store import keys
from tests.integration.conftest import FreshPipelines
from tests.support.h1_client import H1Client
from tests.support.h2_client import JSON, H2Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import HandshakeRefused, RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import check_ledger, check_snapshot
from tests.support.waiting import until


def applied(pipelines: Pipelines, producer: str, intervals: list[list[int]]) -> None:
    until(lambda: pipelines.processed(producer) == intervals, f"{producer} is processed")


def test_202_means_committed_and_queued(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines()
    pipelines.start_a(workers=0)
    batch = encode_batch(a_run("held", 1, range(3)))
    with H1Client(pipelines.ingest_port) as client:
        assert client.post(batch).json() == {"accepted": 3}
    assert pipelines.redis.llen(keys.QUEUE) == 1
    claims = pipelines.redis.keys(keys.claim("*"))
    assert [pipelines.redis.get(claim) for claim in claims] == [b"[" + batch + b"]"]
    assert pipelines.totals()["accepted"] == 3
    assert pipelines.totals()["processed"] == 0
    info = pipelines.redis.config_get("append*")
    assert (info["appendonly"], info["appendfsync"]) == ("yes", "always")
    pipelines.start("worker-1")
    applied(pipelines, "held", [[0, 2]])
    until(pipelines.settled, "nothing is left in the queue")
    assert pipelines.redis.keys(keys.claim("*")) == pipelines.redis.keys("rq:job:*") == []


def test_the_same_batch_five_times_is_processed_once(pipelines: Pipelines) -> None:
    before = pipelines.totals()
    batch = encode_batch(a_run("five-times", 1, range(10)))
    with H1Client(pipelines.ingest_port) as one, H2Client(pipelines.ingest_port) as two:
        for _ in range(3):
            assert one.post(batch).status == 202
        for request in [two.post(batch), two.post(batch)]:
            assert two.reply(request).status == 202
    until(pipelines.settled, "all five are applied")
    after = pipelines.totals()
    grown = {name: after[name] - before[name] for name in ("accepted", "processed", "duplicates")}
    assert grown == {"accepted": 50, "processed": 10, "duplicates": 40}
    assert pipelines.processed("five-times") == [[0, 9]]


def test_several_ingest_processes_share_one_port(pipelines: Pipelines) -> None:
    ingests = [psutil.Process(pipelines[name].pid) for name in ("ingest-1", "ingest-2")]

    def connections() -> list[int]:
        return [
            sum(1 for c in ingest.net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED)
            for ingest in ingests
        ]

    clients = [H1Client(pipelines.ingest_port) for _ in range(40)]
    try:
        for seq, client in enumerate(clients):
            assert client.post(encode_batch([a_sample("shared-port", 1, seq)])).status == 202
        assert all(connections()), "the kernel spreads connections over the processes"
    finally:
        for client in clients:
            client.__exit__(None, None, None)
    applied(pipelines, "shared-port", [[0, 39]])


@pytest.mark.parametrize("version", ["http1", "http2"])
def test_a_connection_serves_many_more_than_a_thousand_requests(pipelines: Pipelines, version: str) -> None:
    name, n = f"many-{version}", 1_200
    bodies = [encode_batch([a_sample(name, 1, seq)]) for seq in range(n)]
    if version == "http1":
        with H1Client(pipelines.ingest_port) as client:
            assert {client.post(body).status for body in bodies} == {202}
    else:
        with H2Client(pipelines.ingest_port) as two:
            open_requests: list[int] = []
            for body in bodies:
                open_requests.append(two.post(body))
                if len(open_requests) == 100:
                    assert two.reply(open_requests.pop(0)).status == 202
            assert {two.reply(request).status for request in open_requests} == {202}
    applied(pipelines, name, [[0, n - 1]])


def test_many_streams_on_one_connection_at_once(pipelines: Pipelines) -> None:
    with H2Client(pipelines.ingest_port) as client:
        streams = [client.open("POST", "/v1/samples", JSON) for _ in range(500)]
        for seq, stream in enumerate(streams):
            client.send(stream, encode_batch([a_sample("many-streams", 1, seq)]))
        assert {client.reply(stream).status for stream in streams} == {202}
    applied(pipelines, "many-streams", [[0, 499]])


def test_h2load_loses_no_reply(pipelines: Pipelines, tmp_path: Path) -> None:
    h2load = shutil.which("h2load")
    assert h2load, "this test needs h2load: apt-get install nghttp2-client"
    body = tmp_path / "body.json"
    body.write_bytes(encode_batch([a_sample("h2load")]))
    before = pipelines.totals()
    url = f"http://127.0.0.1:{pipelines.ingest_port}/v1/samples"
    load = ["-n", "20000", "-c", "2", "-m", "50", "-d", str(body), "-H", "content-type: application/json"]
    ran = subprocess.run([h2load, *load, url], capture_output=True, text=True, timeout=120, check=True)
    replies = (
        "requests: 20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout"
    )
    assert replies in ran.stdout, ran.stdout
    assert "status codes: 20000 2xx, 0 3xx, 0 4xx, 0 5xx" in ran.stdout, ran.stdout
    until(pipelines.settled, "everything is applied")
    after = pipelines.totals()
    grown = {name: after[name] - before[name] for name in ("accepted", "processed", "duplicates")}
    assert grown == {"accepted": 20_000, "processed": 1, "duplicates": 19_999}


def test_the_ledger_is_valid_and_complete(pipelines: Pipelines) -> None:
    with H1Client(pipelines.ingest_port) as client:
        for seqs in (range(5), range(10, 12), range(7, 8)):
            client.post(encode_batch(a_run("ledger", 1, seqs)))
        client.post(encode_batch(a_run("ledger", 2, range(2))))
    until(pipelines.settled, "everything is applied")
    ledger = check_ledger(pipelines.ledger_json())
    assert ledger.pipeline == "http_redis"
    assert ledger.producers["ledger"] == {"1": [(0, 4), (7, 7), (10, 11)], "2": [(0, 1)]}


def test_ops_endpoints(pipelines: Pipelines) -> None:
    for port in (pipelines.ingest_port, pipelines.fanout_port):
        with H1Client(port) as client:
            assert client.request("GET", "/healthz").json() == {"status": "ok"}
        with H1Client(port) as client:
            assert client.request("GET", "/readyz").json() == {"status": "ready"}
        with H1Client(port) as client:
            reply = client.request("GET", "/metrics")
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {family.name for family in text_string_to_metric_families(reply.body.decode())}
        assert families
        if port == pipelines.ingest_port:
            assert {"lab_processed", "lab_accepted", "lab_duplicates", "lab_backlog_jobs"} <= families
            assert "lab_latency_seconds" in families


# -- token -----------------------------------------------------------------------------------------------------------


def test_a_token_guards_what_can_be_written_and_read(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines(TOKEN="a-secret")
    pipelines.start_a(workers=1)
    allowed = {"authorization": "Bearer a-secret"}
    batch = encode_batch([a_sample("token")])
    with H1Client(pipelines.ingest_port) as client:
        refused = client.post(batch)
        assert (refused.status, refused.json()["error"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert client.post(batch, authorization="Bearer wrong").status == 401
        assert client.post(b" " * 300_000, authorization="Bearer wrong").status == 401
        assert client.request("GET", "/v1/ledger").status == 401
        assert client.post(batch, **allowed).status == 202
        assert client.request("GET", "/v1/ledger", allowed).status == 200
        assert client.request("GET", "/healthz").status == 200
        assert client.request("GET", "/readyz").status == 200
    for path, headers in (
        ("/v1/feed", {}),
        ("/v1/feed?token=wrong", {}),
        ("/v1/feed", {"Authorization": "x"}),
    ):
        with pytest.raises(HandshakeRefused) as handshake:
            RawWebSocket(pipelines.fanout_port, path, headers)
        assert handshake.value.status == 401
    with RawWebSocket(pipelines.fanout_port, "/v1/feed?token=a-secret") as feed:
        check_snapshot(feed.receive())
    with RawWebSocket(pipelines.fanout_port, "/v1/feed", allowed) as feed:
        check_snapshot(feed.receive())
    logs = "".join(child.said() for child in pipelines.children.values())
    assert "a-secret" not in logs


def test_a_page_from_elsewhere_gets_no_feed(pipelines: Pipelines) -> None:
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{pipelines.base + 7}"):
        with pytest.raises(HandshakeRefused) as handshake:
            RawWebSocket(pipelines.fanout_port, "/v1/feed", {"Origin": origin})
        assert handshake.value.status == 403
    for name in ("127.0.0.1", "localhost"):
        own = {"Origin": f"http://{name}:{pipelines.base}"}
        with RawWebSocket(pipelines.fanout_port, "/v1/feed", own) as feed:
            check_snapshot(feed.receive())
