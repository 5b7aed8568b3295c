"""Pipeline B end to end: acks, rejects, resume, feed, and peers that do not read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.engine import Engine
from load_tests.wire.websocket import WebSocketChannel, encode_frame
from metrics_core.wire import encode_batch
from tests.integration.conftest import FreshPipelines
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import BINARY, PING, HandshakeRefused, RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import check_ledger, check_snapshot
from tests.support.waiting import until

PIPELINE = "websocket"


@pytest.fixture(scope="module")
def running() -> Iterator[Pipelines]:
    """Pipeline B with small rings; every test uses names of its own."""
    with temporary_pipelines(RING_CAPACITY="16", FEED_HZ="20", RUN="a run") as pipelines:
        pipelines.start("websocket")
        yield pipelines


@pytest.fixture
def producer(running: Pipelines) -> Iterator[RawWebSocket]:
    """A producer's connection."""
    with RawWebSocket(running.websocket_port, "/v1/ingest") as connection:
        yield connection


# -- acks, rejects, resume -------------------------------------------------------------------------------------------


def test_an_ack_means_held(running: Pipelines, producer: RawWebSocket) -> None:
    for frame in range(3):
        producer.send(encode_batch(a_run("held", 1, range(frame * 5, frame * 5 + 5))))
        assert producer.verdicts(frame + 1) == {}
        assert running.processed("held", PIPELINE) == [[0, frame * 5 + 4]]


def test_acks_are_cumulative_and_cover_at_most_1_000_frames(
    running: Pipelines, producer: RawWebSocket
) -> None:
    frames = [encode_frame(encode_batch([a_sample("burst", 1, seq)])) for seq in range(5_000)]
    before = time.monotonic()
    producer.sock.sendall(b"".join(frames))
    acks = [0]
    while acks[-1] < 5_000:
        message = producer.message()
        assert message.keys() == {"type", "frames"}
        acks.append(message["frames"])
    took_s = time.monotonic() - before
    assert all(0 < after - before <= 1_000 for before, after in pairwise(acks))
    assert len(acks) - 1 <= took_s / 0.05 + 5 + 2, "not more often than every 50 ms or every 1,000 frames"
    assert running.processed("burst", PIPELINE) == [[0, 4_999]]


def test_text_binary_and_fragmented_frames_are_the_same(running: Pipelines, producer: RawWebSocket) -> None:
    producer.send(encode_batch([a_sample("frames", 1, 0)]))
    producer.send(encode_batch([a_sample("frames", 1, 1)]), BINARY)
    body = encode_batch([a_sample("frames", 1, 2)])
    producer.sock.sendall(encode_frame(body[:30], 0x01) + encode_frame(body[30:60], 0x00))
    producer.send(b"still there?", PING)  # may come between fragments
    producer.sock.sendall(encode_frame(body[60:], 0x80))
    assert producer.verdicts(3) == {}
    assert running.processed("frames", PIPELINE) == [[0, 2]]


def test_a_rejected_frame_is_named_and_the_others_are_held(
    running: Pipelines, producer: RawWebSocket
) -> None:
    before = running.totals(PIPELINE)
    for seq in range(6):
        producer.send(encode_batch([a_sample("named", 1, seq)]) if seq % 2 else b'{"seq":%d}' % seq)
    rejects = producer.verdicts(6)
    assert sorted(rejects) == [0, 2, 4]
    assert {reject["error"] for reject in rejects.values()} == {"schema"}
    assert running.processed("named", PIPELINE) == [[1, 1], [3, 3], [5, 5]]
    after = running.totals(PIPELINE)
    assert (after["rejected"] - before["rejected"], after["accepted"] - before["accepted"]) == (3, 3)


def test_the_same_batch_five_times_is_processed_once(running: Pipelines, producer: RawWebSocket) -> None:
    before = running.totals(PIPELINE)
    for _ in range(5):
        producer.send(encode_batch(a_run("five-times", 1, range(10))))
    producer.verdicts(5)
    after = running.totals(PIPELINE)
    grown = {name: after[name] - before[name] for name in ("accepted", "processed", "duplicates")}
    assert grown == {"accepted": 50, "processed": 10, "duplicates": 40}


def test_resume_tells_what_to_send_again(running: Pipelines, producer: RawWebSocket) -> None:
    assert producer.resume("resumer", 1) == {"type": "resume", "next_seq": 0, "held": []}
    for seqs in (range(5), range(8, 10)):
        producer.send(encode_batch(a_run("resumer", 1, seqs)))
    producer.verdicts(2)
    producer.close()  # without a word
    with RawWebSocket(running.websocket_port, "/v1/ingest") as again:
        answer = again.resume("resumer", 1)
        assert answer == {"type": "resume", "next_seq": 5, "held": [[0, 4], [8, 9]]}
        assert again.resume("resumer", 2) == {"type": "resume", "next_seq": 0, "held": []}
        again.send(encode_batch(a_run("resumer", 1, range(5, 8))))
        assert again.verdicts(1) == {}, "a resume has no frame number"
    assert running.processed("resumer", PIPELINE) == [[0, 9]]


def test_under_load_nothing_is_lost(running: Pipelines) -> None:
    """As fast as it goes on four connections; every identity is there, once."""
    before = running.totals(PIPELINE)["processed"]
    bodies = [ProducerBodies(f"load-{n}", 1, batch) for n, batch in enumerate((1, 1, 7, 100))]
    engine = Engine([WebSocketChannel("127.0.0.1", running.websocket_port) for _ in bodies], bodies)
    result = engine.run_closed(0.5)
    engine.close()
    assert result.sent > 1_000
    for body in bodies:
        assert running.processed(body.name, PIPELINE) == [[0, body.next_seq - 1]]
    ledger = check_ledger(running.ledger_json(PIPELINE))
    assert ledger.totals.processed - before == sum(body.next_seq for body in bodies)
    histogram = running.histogram("processed", PIPELINE)
    assert histogram.n == ledger.totals.processed - ledger.totals.future
    assert running.histogram("accepted", PIPELINE).n == ledger.totals.accepted


def test_rings_overwrite_and_say_so(running: Pipelines, producer: RawWebSocket) -> None:
    before = running.totals(PIPELINE)["overwritten"]
    producer.send(encode_batch(a_run("ring", 1, range(50))))
    producer.verdicts(1)
    totals = running.totals(PIPELINE)
    assert totals["overwritten"] - before == 50 - 16
    assert running.processed("ring", PIPELINE) == [[0, 49]], "retention, not loss"


# -- feed and endpoints ----------------------------------------------------------------------------------------------


def test_snapshots_show_what_was_sent(running: Pipelines, producer: RawWebSocket) -> None:
    taken = time.time_ns() // 1000
    producer.send(encode_batch(a_run("shown", 1, range(10), sampled_at_us=taken)))
    producer.verdicts(1)
    with RawWebSocket(running.websocket_port, "/v1/feed") as feed:
        snapshot = check_snapshot(feed.receive())
        entry = {entry.producer: entry for entry in snapshot.producers}["shown"]
        assert entry.last == a_sample("shown", 1, 9, sampled_at_us=taken)
        assert entry.window is not None
        assert (entry.window.cpu_percent.n, entry.status) == (10, "healthy")
        assert (snapshot.pipeline, snapshot.run, snapshot.backlog.unit) == (PIPELINE, "a run", "samples")
        until(lambda: check_snapshot(feed.receive()).processes, "the process is measured")
        [process] = check_snapshot(feed.receive()).processes
    assert process.pid == running["websocket"].pid


def test_ops_endpoints(running: Pipelines) -> None:
    for path, answer in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})):
        with H1Client(running.websocket_port) as client:
            assert client.request("GET", path).json() == answer
    assert running.metric("processed_total", running.websocket_port) == running.totals(PIPELINE)["processed"]
    assert running.metric("samples_not_folded", running.websocket_port) >= 0


def test_a_token_guards_producers_dashboards_and_ledger(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines(TOKEN="a-secret")
    pipelines.start("websocket")
    port, allowed = pipelines.websocket_port, {"Authorization": "Bearer a-secret"}
    for path in ("/v1/ingest", "/v1/feed", "/v1/ingest?token=wrong"):
        with pytest.raises(HandshakeRefused) as refused:
            RawWebSocket(port, path)
        assert refused.value.status == 401
    with H1Client(port) as client:
        assert client.request("GET", "/v1/ledger").status == 401
    for path, headers in (("/v1/ingest", allowed), ("/v1/ingest?token=a-secret", {})):
        with RawWebSocket(port, path, headers) as producer:
            producer.send(encode_batch([a_sample("token")]))
            assert producer.verdicts(1) == {}
    assert pipelines.totals(PIPELINE)["processed"] == 1
    with H1Client(port) as client:
        assert client.request("GET", "/healthz").status == 200


def test_a_page_from_elsewhere_can_neither_read_nor_write(running: Pipelines) -> None:
    for path in ("/v1/feed", "/v1/ingest"):
        with pytest.raises(HandshakeRefused) as refused:
            RawWebSocket(running.websocket_port, path, {"Origin": "http://evil.example"})
        assert refused.value.status == 403


def test_a_taken_port_is_said_in_one_line(running: Pipelines, fresh_pipelines: FreshPipelines) -> None:
    other = fresh_pipelines(PORT_BASE=str(running.base))
    with pytest.raises(AssertionError, match="websocket ended"):
        other.start("websocket")
    said = other["websocket"].said()
    assert "Traceback" not in said
    assert str(running.websocket_port) in said
