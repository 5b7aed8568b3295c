"""The crossovers end to end: verdicts, ledgers and aggregates like the pipelines', and what an answer promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from metrics_core.ledger import count
from metrics_core.wire import encode_batch
from pipeline_http_redis.store import keys
from tests.contract.test_golden_messages import SENDERS, Siblings
from tests.contract.test_same_stream import send_to_a, send_to_b
from tests.support.crossovers import CROSSOVERS, HTTP_MEMORY, WEBSOCKET_REDIS, Crossover, crossover
from tests.support.golden import REFUSED, golden_for
from tests.support.h1_client import H1Client
from tests.support.oracle import Oracle
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import HandshakeRefused, RawWebSocket
from tests.support.reply_thief import ReplyThief
from tests.support.samples import a_run, a_sample, rough_stream
from tests.support.schema import Snapshot, check_ledger, check_snapshot
from tests.support.waiting import until

SPOKEN_ON: Final = {HTTP_MEMORY: "http_redis", WEBSOCKET_REDIS: "websocket"}
"""The pipeline on whose ports a crossover is asked."""
COUNTED: Final = ("accepted", "processed", "duplicates", "future")


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Crossover]]:
    """Both, for tests that harm nobody; every test uses names of its own."""
    with crossover(RUN="a run") as http_memory:
        http_memory.start_all(HTTP_MEMORY)  # so that the next one finds other ports
        with crossover(RUN="a run") as websocket_redis:
            websocket_redis.start_all(WEBSOCKET_REDIS)
            yield {HTTP_MEMORY: http_memory, WEBSOCKET_REDIS: websocket_redis}


def send(processes: Crossover, which: str, *batches: list[Any]) -> None:
    """Batches by the crossover's transport, all of them accepted."""
    bodies = [encode_batch(batch) for batch in batches]
    if which == HTTP_MEMORY:
        with H1Client(processes.ingest_port) as client:
            assert {client.post(body).status for body in bodies} == {202}
    else:
        with RawWebSocket(processes.websocket_port, "/v1/ingest") as connection:
            for body in bodies:
                connection.send(body)
            assert connection.verdicts(len(bodies)) == {}
    until(processes.settled, "everything held is applied")


def snapshot_of(processes: Pipelines, port: int | None = None) -> Snapshot:
    with RawWebSocket(port or processes.fanout_port, "/v1/feed") as feed:
        return check_snapshot(feed.receive())


# -- the same as the pipelines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "which, transport", [(HTTP_MEMORY, "http1"), (HTTP_MEMORY, "http2"), (WEBSOCKET_REDIS, "websocket")]
)
def test_every_golden_message_gets_its_verdict(
    running: dict[str, Crossover], which: str, transport: str
) -> None:
    processes, spoken = running[which], SPOKEN_ON[which]
    siblings = Siblings(f"sibling-{transport}")
    table = golden_for("websocket" if transport == "websocket" else "http")
    batches = [message for message in table if message.path == "/v1/samples" and message.status != 405]
    if transport == "websocket":
        batches = [message for message in batches if message.close is None]
    rejected = sum(message.accepted is None for message in batches)
    before = processes.totals(spoken)
    SENDERS[transport](processes, siblings)
    until(processes.settled, "everything held is applied")
    until(lambda: processes.totals(spoken)["rejected"] >= before["rejected"] + rejected, "the last report")
    after = processes.totals(spoken)
    grown = {name: after[name] - before[name] for name in before}
    taken = siblings.sent + sum(message.accepted or 0 for message in table)
    assert (grown["accepted"], grown["rejected"], grown["refused"]) == (taken, rejected, 0)
    assert grown["processed"] + grown["duplicates"] == taken
    assert processes.ledger(spoken)[siblings.name][1].as_lists() == [[0, siblings.sent - 1]]
    ledger = check_ledger(processes.ledger_json(spoken))
    with RawWebSocket(processes.fanout_port, "/v1/feed") as feed:
        for text in (str(ledger), feed.receive().decode()):
            assert REFUSED not in text
    assert processes.stack_traces() == []


def test_the_same_stream_gives_the_same_on_all_four(running: dict[str, Crossover]) -> None:
    """A rough one, with repeats, gaps, late and future samples: ledgers, counters, windows, to the last bit."""
    now_us = time.time_ns() // 1000
    stream, oracle = rough_stream(7, now_us, "four"), Oracle()
    for batch in stream:
        oracle.add(batch, now_us)
    by_http, by_websocket = running[HTTP_MEMORY], running[WEBSOCKET_REDIS]
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        pipelines.start("websocket")
        asked: list[tuple[Pipelines, str, int]] = [
            (pipelines, "http_redis", pipelines.fanout_port),
            (pipelines, "websocket", pipelines.websocket_port),
            (by_http, "http_redis", by_http.fanout_port),
            (by_websocket, "websocket", by_websocket.fanout_port),
        ]
        before = [processes.totals(pipeline) for processes, pipeline, _ in asked]
        send_to_a(pipelines, stream, 1)
        send_to_b(pipelines, stream)
        send_to_a(by_http, stream, 1)
        send_to_b(by_websocket, stream)
        until(by_websocket.settled, "everything held is applied")
        after = [processes.totals(pipeline) for processes, pipeline, _ in asked]
        grown = [
            {name: now[name] - then[name] for name in COUNTED}
            for then, now in zip(before, after, strict=True)
        ]
        assert grown[1:] == [grown[0]] * 3
        assert grown[0]["processed"] == oracle.processed
        assert grown[0]["duplicates"] == oracle.duplicates
        seen = []
        for processes, pipeline, port in asked:
            ledger = {n: e for n, e in processes.ledger(pipeline).items() if n.startswith("four")}
            assert count(ledger) == oracle.processed
            entries = {entry.producer: entry for entry in snapshot_of(processes, port).producers}
            seen.append((ledger, {name: (entries[name].last, entries[name].window) for name in ledger}))
        assert seen[1:] == [seen[0]] * 3


@pytest.mark.parametrize("which", CROSSOVERS)
def test_the_feed_moves_and_names_the_process(running: dict[str, Crossover], which: str) -> None:
    processes, spoken = running[which], SPOKEN_ON[which]
    taken = time.time_ns() // 1000
    with RawWebSocket(processes.fanout_port, "/v1/feed") as feed:
        before = check_snapshot(feed.receive())
        send(processes, which, a_run(f"shown-{which}", 1, range(10), sampled_at_us=taken))
        goal = before.totals.processed + 10

        def moved() -> Snapshot | None:
            snapshot = check_snapshot(feed.receive())
            named = which in {process.name for process in snapshot.processes}
            counted = snapshot.latency_ms.accepted.n and snapshot.latency_ms.processed.n
            return snapshot if named and counted and snapshot.totals.processed >= goal else None

        snapshot = until(moved, "the samples are shown")
    assert snapshot is not None
    entry = {entry.producer: entry for entry in snapshot.producers}[f"shown-{which}"]
    assert entry.last == a_sample(f"shown-{which}", 1, 9, sampled_at_us=taken)
    pids = {process.name: process.pid for process in snapshot.processes}
    assert pids[which] == processes[which].pid
    if which == WEBSOCKET_REDIS:
        assert pids.keys() >= {"fanout", "worker-1", "worker-2", "redis"}
    totals = processes.totals(spoken)
    until(
        lambda: processes.histogram("accepted", spoken).n == totals["accepted"], "the clock accepted is told"
    )
    assert processes.histogram("processed", spoken).n == totals["processed"] - totals["future"]


def test_http_before_memory_needs_no_redis(running: dict[str, Crossover]) -> None:
    assert list(running[HTTP_MEMORY].children) == [HTTP_MEMORY]
    with pytest.raises(HandshakeRefused):
        RawWebSocket(running[HTTP_MEMORY].ingest_port, "/v1/feed")


def test_websocket_before_redis_leaves_the_feed_to_the_fan_out(running: dict[str, Crossover]) -> None:
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(running[WEBSOCKET_REDIS].websocket_port, "/v1/feed")
    assert refused.value.status == 404


@pytest.mark.parametrize("which", CROSSOVERS)
def test_metrics_are_prometheus_text(running: dict[str, Crossover], which: str) -> None:
    processes = running[which]
    port = processes.ingest_port if which == HTTP_MEMORY else processes.websocket_port
    assert processes.metric("processed_total", port) == processes.totals(SPOKEN_ON[which])["processed"]
    with H1Client(port) as client:
        assert client.request("GET", "/healthz").json() == {"status": "ok"}
    if which == HTTP_MEMORY:
        assert processes.metric("feed_subscribers", processes.fanout_port) >= 0


def test_a_token_guards_both(running: dict[str, Crossover]) -> None:
    batch, allowed = encode_batch([a_sample("token")]), {"Authorization": "Bearer a-secret"}
    with crossover(TOKEN="a-secret") as memory:
        memory.start_all(HTTP_MEMORY)
        with H1Client(memory.ingest_port) as client:
            assert client.post(batch).status == client.request("GET", "/v1/ledger").status == 401
            assert client.post(batch, authorization="Bearer a-secret").status == 202
        with pytest.raises(HandshakeRefused):
            RawWebSocket(memory.fanout_port, "/v1/feed")
        with RawWebSocket(memory.fanout_port, "/v1/feed", allowed) as feed:
            assert check_snapshot(feed.receive()).totals.processed == 1
    with crossover(TOKEN="a-secret") as redis:
        redis.start("store", WEBSOCKET_REDIS)
        with pytest.raises(HandshakeRefused):
            RawWebSocket(redis.websocket_port, "/v1/ingest")
        with H1Client(redis.websocket_port) as client:
            assert client.request("GET", "/v1/ledger").status == 401
        with RawWebSocket(redis.websocket_port, "/v1/ingest", allowed) as connection:
            connection.send(batch)
            assert connection.verdicts(1) == {}


# -- what an acknowledgement promises --------------------------------------------------------------------------------


def test_a_202_of_memory_means_in_the_aggregates(running: dict[str, Crossover]) -> None:
    memory = running[HTTP_MEMORY]
    with H1Client(memory.ingest_port) as client:
        for last in (4, 9, 14):
            body = encode_batch(a_run("held", 1, range(last - 4, last + 1)))
            assert client.post(body).json() == {"accepted": 5}
            assert memory.processed("held") == [[0, last]]


def test_an_ack_before_redis_means_committed_and_queued() -> None:
    with crossover() as processes:
        processes.start("store", WEBSOCKET_REDIS)
        batch = encode_batch(a_run("held", 1, range(3)))
        with RawWebSocket(processes.websocket_port, "/v1/ingest") as connection:
            connection.send(batch)
            assert connection.verdicts(1) == {}
        connection_to: Any = processes.redis
        assert connection_to.llen(keys.QUEUE) == 1
        claims = connection_to.keys(keys.claim("*"))
        assert [connection_to.get(claim) for claim in claims] == [b"[" + batch + b"]"]
        totals = processes.totals("websocket")
        assert (totals["accepted"], totals["processed"]) == (3, 0)
        info = connection_to.config_get("append*")
        assert (info["appendonly"], info["appendfsync"]) == ("yes", "always")
        processes.start("worker-1")
        until(lambda: processes.processed("held", "websocket") == [[0, 2]], "a worker applies it")


def test_a_commit_without_a_reply_is_never_acked_as_held() -> None:
    """It took place, but the ingest cannot know: the frame is refused for now, and sent again it is a duplicate."""
    with crossover() as processes, ReplyThief(processes.folder, processes.socket) as thief:
        processes.start("store")
        processes.start(WEBSOCKET_REDIS, REDIS_URL=thief.url)
        batch = encode_batch(a_run("stolen", 1, range(5)))
        with RawWebSocket(processes.websocket_port, "/v1/ingest") as connection:
            thief.stealing.set()
            connection.send(batch)
            assert connection.verdicts(1) == {
                0: {"type": "reject", "frame": 0, "error": "unavailable", "detail": "Redis does not answer"}
            }
            thief.stealing.clear()
            connection.send(batch)
            assert connection.verdicts(2) == {}
        processes.start("worker-1")
        until(processes.settled, "everything committed is applied")
        totals = processes.totals("websocket")
        assert (totals["processed"], totals["duplicates"]) == (5, 5)
        until(lambda: processes.totals("websocket")["refused"] == 1, "the last report is in")


def test_while_redis_is_away_it_says_so_and_comes_back() -> None:
    with crossover() as processes:
        processes.start_all(WEBSOCKET_REDIS, workers=1)
        with RawWebSocket(processes.websocket_port, "/v1/ingest") as connection:
            for seqs in (range(5), range(8, 10)):
                connection.send(encode_batch(a_run("resumer", 1, seqs)))
            assert connection.verdicts(2) == {}
            until(processes.settled, "everything committed is applied")
            assert connection.resume("resumer", 1) == {
                "type": "resume",
                "next_seq": 5,
                "held": [[0, 4], [8, 9]],
            }
            processes["store"].kill()
            connection.send(encode_batch([a_sample("resumer", 1, 5)]))
            assert connection.verdicts(3)[2]["error"] == "unavailable"
            assert connection.resume("resumer", 1) == {"type": "resume", "next_seq": 0, "held": []}
            for path, status in (("/readyz", 503), ("/v1/ledger", 503), ("/metrics", 503), ("/healthz", 200)):
                with H1Client(processes.websocket_port) as client:
                    assert client.request("GET", path).status == status, path
            processes["store"].restart()
            processes.wait_ready("store")
            connection.send(encode_batch([a_sample("resumer", 1, 5)]))
            assert connection.verdicts(4) == {}
        assert processes.stack_traces() == []
