"""Dashboards that do not read, on both pipelines' feeds, and thousands of WebSockets that say nothing.

`LAB_TEST_WEBSOCKETS=10000` opens that many idle ones instead of 2,000; the bounds are the same, per connection.
"""

from __future__ import annotations

import os
import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Final

import pytest

from lab_runtime.open_files import allow_many_connections
from load_tests.wire.websocket import encode_frame
from metrics_core.wire import encode_batch
from tests.support.gauges import Held
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import PONG, RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.waiting import until

SILENT: Final = 5
HZ: Final = 20
PERIOD_MS: Final = 1_000 / HZ
PRODUCERS: Final = 1_000
FRAMES: Final = 40
CUT_WITHIN_S: Final = 6.0
"""5 s from the moment that what the kernel takes is full."""

IDLE: Final = int(os.environ.get("LAB_TEST_WEBSOCKETS") or 2_000)
MOST_BYTES_PER_IDLE: Final = 64 * 1024
ROUNDS: Final = 5
BATCHES: Final = 400


@pytest.fixture(scope="module")
def lab() -> Iterator[Pipelines]:
    """Both pipelines, a thousand producers each: a snapshot of some 250 KB, twenty times a second."""
    with temporary_pipelines(PRODUCER_RATE="0", FEED_HZ=str(HZ)) as running:
        running.start_a(workers=1)
        running.start("websocket")
        batch = encode_batch([a_sample(f"one-of-many-{n:04}") for n in range(PRODUCERS)])
        with H1Client(running.ingest_port) as client:
            assert client.post(batch).status == 202
        with RawWebSocket(running.websocket_port, "/v1/ingest") as producer:
            producer.send(batch)
            assert producer.verdicts(1) == {}
        yield running


def intervals_ms(feed: RawWebSocket, frames: int = FRAMES) -> list[float]:
    """Milliseconds between the frames that a dashboard gets."""
    at_s = []
    for _ in range(frames):
        feed.receive()
        at_s.append(time.monotonic())
    return [(after - before) * 1_000 for before, after in pairwise(at_s)]


def p99(took: list[float]) -> float:
    return sorted(took)[int(0.99 * (len(took) - 1))]


@pytest.mark.parametrize("pipeline", ["http_redis", "websocket"])
def test_silent_dashboards_are_cut_and_harm_nobody(lab: Pipelines, pipeline: str) -> None:
    """Held for each: 1 MiB at most. Cut: 5 s after it took its last byte. The others see their frames as before."""
    port = lab.fanout_port if pipeline == "http_redis" else lab.websocket_port
    server = lab["fanout" if pipeline == "http_redis" else "websocket"]
    held, said = Held(lab, port), []
    for _ in range(ROUNDS):  # of which one must be undisturbed by whatever else this machine does
        cut_before = lab.metric("feed_subscribers_cut_total", port)
        with RawWebSocket(port, "/v1/feed") as healthy, ExitStack() as stack:
            calm_ms = p99(intervals_ms(healthy))
            memory, begun_s = server.rss_bytes, time.monotonic()
            for _ in range(SILENT):
                stack.enter_context(RawWebSocket(port, "/v1/feed", receive_buffer=4_096))
            disturbed_ms = p99(intervals_ms(healthy))
            each = (server.rss_bytes - memory) / SILENT
            assert each < 2**20

            def all_cut(healthy: RawWebSocket = healthy, most: float = cut_before + SILENT) -> bool:
                healthy.receive()
                return lab.metric("feed_subscribers_cut_total", port) == most

            until(all_cut, "all are cut", within_s=15)
            took_s = time.monotonic() - begun_s
        said.append(f"{calm_ms:.1f} → {disturbed_ms:.1f} ms")
        if disturbed_ms <= max(1.2 * calm_ms, calm_ms + 0.2 * PERIOD_MS) and took_s < CUT_WITHIN_S:
            break
    else:
        pytest.fail(f"p99 between frames, alone → beside {SILENT} silent: {said}, cut after {took_s:.1f} s")
    print(f"{pipeline}: p99 between frames, alone → beside {SILENT} silent: {said}")
    print(f"{pipeline}: {each / 1024:.0f} KiB for each silent one, cut after {took_s:.1f} s")
    held.comes_back()


# -- idle ones -------------------------------------------------------------------------------------------------------


@contextmanager
def idle_websockets(port: int, n: int) -> Iterator[list[socket.socket]]:
    """So many open WebSockets on the ingest, of which nobody sends anything; they answer pings, as idle ones do."""
    allow_many_connections()
    head = (
        f"GET /v1/ingest HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    found = []
    try:
        for first in range(0, n, 200):
            part = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(min(200, n - first))]
            found += part
            for sock in part:
                sock.sendall(head)
            for sock in part:
                assert sock.recv(4_096).startswith(b"HTTP/1.1 101 ")
        yield found
    finally:
        for sock in found:
            sock.close()


def answer_pings(idle: list[socket.socket]) -> None:
    """Once for all that were pinged since."""
    with selectors.DefaultSelector() as selector:
        for sock in idle:
            selector.register(sock, selectors.EVENT_READ)
        for key, _ in selector.select(0):
            pinged = key.fileobj
            assert isinstance(pinged, socket.socket)
            ping = pinged.recv(4_096)
            assert ping[:1] == b"\x89", "an idle WebSocket hears nothing but pings"
            pinged.sendall(encode_frame(ping[2:6], 0x80 | PONG))


def seconds_for(port: int, name: str, batches: int) -> float:
    """How long pipeline B takes for so many batches of 100 samples."""
    frames = [encode_batch(a_run(name, 1, range(n * 100, n * 100 + 100))) for n in range(batches)]
    with RawWebSocket(port, "/v1/ingest") as producer:
        begun_s = time.monotonic()
        for frame in frames:
            producer.send(frame)
        assert producer.verdicts(batches) == {}
        return time.monotonic() - begun_s


def test_idle_websockets_cost_little(lab: Pipelines) -> None:
    port, server = lab.websocket_port, lab["websocket"]
    held = Held(lab, port)
    seconds_for(port, "warm-up", BATCHES)
    alone_s = [seconds_for(port, f"alone-{n}", BATCHES) for n in range(ROUNDS)]
    memory = server.rss_bytes
    with idle_websockets(port, IDLE) as idle:
        each = (server.rss_bytes - memory) / IDLE
        assert lab.metric("connections", port) >= IDLE
        beside_s = []
        for n in range(ROUNDS):
            beside_s.append(seconds_for(port, f"beside-{n}", BATCHES))
            answer_pings(idle)
    slower = statistics.median(beside_s) / statistics.median(alone_s) - 1
    print(
        f"{IDLE} idle WebSockets: {each / 1024:.1f} KiB each, batches of 100 take {slower:+.1%} (median of {ROUNDS})"
    )
    assert each < MOST_BYTES_PER_IDLE
    # The lab's claim is 10 %; min against min is what chance disturbs least, and still it gets some room here
    assert min(beside_s) < 1.25 * min(alone_s)
    held.comes_back(within_s=30)
