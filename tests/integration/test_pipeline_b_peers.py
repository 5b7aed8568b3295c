"""Pipeline B and peers that do not read, leave in the middle, or are there when it stops."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import pairwise

import pytest

from load_tests.wire.websocket import encode_frame
from metrics_core.wire import encode_batch
from tests.integration.conftest import FreshPipelines
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import check_snapshot
from tests.support.waiting import until


@pytest.fixture(scope="module")
def running() -> Iterator[Pipelines]:
    """Pipeline B; every test uses names of its own."""
    with temporary_pipelines() as pipelines:
        pipelines.start("websocket")
        yield pipelines


def many_producers(pipelines: Pipelines, n: int) -> None:
    """Make snapshots large: a few hundred bytes per producer."""
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as producer:
        producer.send(encode_batch([a_sample(f"many-{number:05}") for number in range(n)]))
        producer.verdicts(1)


def test_a_slow_dashboard_skips_to_the_newest_and_is_cut_when_it_takes_nothing(
    fresh_pipelines: FreshPipelines,
) -> None:
    pipelines = fresh_pipelines(FEED_HZ="20")
    pipelines.start("websocket")
    port, server = pipelines.websocket_port, pipelines["websocket"]
    many_producers(pipelines, 4_000)
    with (
        RawWebSocket(port, "/v1/feed") as healthy,
        RawWebSocket(port, "/v1/feed", receive_buffer=4_096) as slow,
    ):
        size = len(healthy.receive())
        assert size > 2**20
        memory = server.rss_bytes
        for _ in range(20):  # meanwhile the slow one reads nothing
            healthy.receive()
        stamps = [check_snapshot(slow.receive()).at_us for _ in range(10)]
        longest_us = max(after - before for before, after in pairwise(stamps))
        assert longest_us > 5 * 50_000, "after what the kernel held for it, it skipped to the newest"
        assert pipelines.metric("feed_snapshots_skipped_total", pipelines.websocket_port) > 5
        assert pipelines.metric("feed_subscribers_cut_total", pipelines.websocket_port) == 0

        def cut() -> bool:
            healthy.receive()
            return pipelines.metric("feed_subscribers_cut_total", pipelines.websocket_port) == 1

        until(cut, "it is cut", within_s=10)
        assert pipelines.metric("feed_subscribers", pipelines.websocket_port) == 1
        assert server.rss_bytes - memory < 8 * size + 16 * 2**20, "nothing queued for it"
        assert slow.close_code() == 1006
        check_snapshot(healthy.receive())


def cut_while_sending(connection: RawWebSocket, piece: bytes, times: int) -> bool:
    try:
        for _ in range(times):
            connection.sock.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_a_producer_that_does_not_read_its_answers_is_cut(running: Pipelines) -> None:
    """Its answers may pile up to a bound; the others go on."""
    memory = running["websocket"].rss_bytes
    refused = encode_frame(b'{"%b":1}' % (b"x" * 180)) * 500  # each frame is answered by some 300 bytes
    with (
        RawWebSocket(running.websocket_port, "/v1/ingest") as healthy,
        RawWebSocket(running.websocket_port, "/v1/ingest", receive_buffer=4_096) as deaf,
    ):
        assert cut_while_sending(deaf, refused, times=2_000)
        healthy.send(encode_batch([a_sample("beside-the-deaf")]))
        assert healthy.verdicts(1) == {}
    assert "producer_does_not_read" in running["websocket"].said()
    assert running["websocket"].rss_bytes - memory < 16 * 2**20
    until(lambda: running.metric("producer_connections", running.websocket_port) == 0, "it is forgotten")


def test_a_producer_that_leaves_in_the_middle_of_a_frame_leaves_no_trace(running: Pipelines) -> None:
    frame = encode_frame(encode_batch(a_run("cut-off", 1, range(3))))
    for first in (1, 5, len(frame) - 1):
        with RawWebSocket(running.websocket_port, "/v1/ingest") as producer:
            producer.sock.sendall(frame[:first])
    until(lambda: running.metric("producer_connections", running.websocket_port) == 0, "they are forgotten")
    assert running.processed("cut-off", "websocket") == []


# -- the end ---------------------------------------------------------------------------------------------------------


def test_sigterm_closes_with_1001(fresh_pipelines: FreshPipelines) -> None:
    pipelines = fresh_pipelines()
    pipelines.start("websocket")
    server = pipelines["websocket"]
    with (
        RawWebSocket(pipelines.websocket_port, "/v1/ingest") as producer,
        RawWebSocket(pipelines.websocket_port, "/v1/feed") as feed,
    ):
        producer.send(encode_batch([a_sample("last-words")]))
        assert producer.verdicts(1) == {}
        check_snapshot(feed.receive())
        server.send(signal.SIGTERM)
        for connection in (producer, feed):
            assert connection.close_code() == 1001
        code, took_s = server.wait()  # these peers do not answer the close
    assert (code, pipelines.stack_traces()) == (0, [])
    assert took_s < 5
