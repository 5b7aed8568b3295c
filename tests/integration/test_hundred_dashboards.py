"""What a hundred dashboards cost each pipeline: the rate at which it takes samples with and without them.

Rounds with and without take turns, so that whatever else this machine does hits both. A dashboard is a connection that
reads every snapshot; all of them run in one process beside, and its CPU is part of the cost.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from typing import Final

import pytest

from lab_runtime.process import now_us
from load_tests.wire.websocket import encode_frame
from metrics_core.wire import encode_batch
from tests.support.crowd import crowd
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_sample
from tests.support.waiting import until

pytestmark = pytest.mark.alone

DASHBOARDS: Final = 100
MOST_COST: Final = 0.10
PRODUCERS: Final = 50
ROUNDS: Final = 5
"""Of each kind, in one attempt."""
TRIED_FOR_S: Final = 60.0
"""New attempts are begun for so long: one must be undisturbed by whatever else this machine does."""
SAMPLES_A, SAMPLES_B = 4_000, 80_000
CONNECTIONS_A: Final = 32


@pytest.fixture(scope="module")
def lab() -> Iterator[Pipelines]:
    """Both pipelines as the lab starts them: two workers, four snapshots a second."""
    with temporary_pipelines() as running:
        running.start_a(workers=2)
        running.start("websocket")
        yield running


class Bodies:
    """Batches of one sample each, of fifty producers; no identity comes twice."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, samples: int) -> list[bytes]:
        """The next so many."""
        mark = b'"seq":0'
        templates = []
        for n in range(PRODUCERS):
            before, _, after = encode_batch([a_sample(f"web-{n:02}", sampled_at_us=now_us())]).partition(mark)
            templates.append((before + mark[:-1], after))
        first, self._next = self._next, self._next + samples
        return [
            b"%b%d%b" % (templates[i % PRODUCERS][0], i // PRODUCERS, templates[i % PRODUCERS][1])
            for i in range(first, self._next)
        ]


def rate_of_a(lab: Pipelines, bodies: list[bytes]) -> float:
    """Samples per second that A makes durable and processes, asked by 32 clients that wait for their answers."""
    head = f"POST /v1/samples HTTP/1.1\r\nHost: 127.0.0.1:{lab.ingest_port}\r\nContent-Type: application/json\r\n"
    requests = iter([f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies])
    waiting, answers = 0, defaultdict[socket.socket, bytes](bytes)
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        address = ("127.0.0.1", lab.ingest_port)
        clients = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(CONNECTIONS_A)]
        begun_s = time.monotonic()
        for client in clients:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(client, selectors.EVENT_READ, client)
            client.sendall(next(requests))
            waiting += 1
        while waiting:
            for key, _ in selector.select(30):
                client = key.data
                answers[client] += client.recv(65_536)
                if not answers[client].endswith(b"}"):
                    continue  # the head came, and the body not yet
                assert answers.pop(client).startswith(b"HTTP/1.1 202 ")
                waiting -= 1
                if request := next(requests, None):
                    client.sendall(request)
                    waiting += 1
        until(lab.settled, "all are processed", within_s=60)
        return len(bodies) / (time.monotonic() - begun_s)


def rate_of_b(lab: Pipelines, bodies: list[bytes]) -> float:
    """Samples per second that B takes and acknowledges on one connection, one sample per frame."""
    frames = b"".join(map(encode_frame, bodies))
    with RawWebSocket(lab.websocket_port, "/v1/ingest") as producer:
        producer.sock.settimeout(60)
        begun_s = time.monotonic()
        producer.sock.sendall(frames)
        assert producer.verdicts(len(bodies)) == {}
        return len(bodies) / (time.monotonic() - begun_s)


@pytest.mark.parametrize(
    "pipeline, rate_of, samples",
    [("http_redis", rate_of_a, SAMPLES_A), ("websocket", rate_of_b, SAMPLES_B)],
    ids=["http_redis", "websocket"],
)
def test_a_hundred_dashboards_cost_a_tenth_at_most(
    lab: Pipelines, pipeline: str, rate_of: Callable[[Pipelines, list[bytes]], float], samples: int
) -> None:
    port = lab.fanout_port if pipeline == "http_redis" else lab.websocket_port
    bodies = Bodies()
    rate_of(lab, bodies.take(samples))  # warm
    said = []
    begun_s, cost = time.monotonic(), 1.0
    while cost > MOST_COST and time.monotonic() - begun_s < TRIED_FOR_S:
        rates: dict[int, list[float]] = {0: [], DASHBOARDS: []}
        for n in range(2 * ROUNDS):
            dashboards = DASHBOARDS if n % 4 in (1, 2) else 0  # without, with, with, without
            wanted = bodies.take(samples)
            looking = crowd(lab, port, dashboards) if dashboards else nullcontext()
            with looking as found:
                rates[dashboards].append(rate_of(lab, wanted))
            if found:
                assert min(found.frames) > 0, "somebody saw nothing"
        without, beside = (statistics.median(each) for each in rates.values())
        cost = 1 - beside / without
        said.append(f"{without:,.0f} → {beside:,.0f} samples/s ({cost:+.1%})")
    print(f"{pipeline}, alone → beside {DASHBOARDS} dashboards, medians of {ROUNDS} rounds: {said}")
    assert cost <= MOST_COST, said
    assert lab.metric("feed_subscribers_cut_total", port) == 0
