"""One run of load against a pipeline or a bare reference, audited.

The pipeline's ledger must hold exactly the identities that were acknowledged, each once. A run that does not balance,
or whose generator was the limit, has no figure (`Void`).
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Final

import redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

from control_plane.bench.figure import Void
from control_plane.bench.rig import Rig
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel
from load_tests.wire.engine import Engine, LoadResult
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from load_tests.wire.websocket import WebSocketChannel
from pipeline_http_redis.store.counters import unfinished_jobs

MOST_GENERATOR_CPU: Final = 0.85  # of one core; above it the generator may be the limit
MOST_LATE_US: Final = 2_000  # generator's own lateness, median
SETTLE_WITHIN_S: Final = 20.0

ChannelMaker = Callable[[int], Channel]
_RUNS_PER_NAME: Final = 50  # below both bounds of a pipeline: 64 epochs per producer, 10,000 producers
_numbers = count()


def http1(port: int) -> Channel:
    """An HTTP/1.1 connection."""
    return Http1Channel("127.0.0.1", port)


def http2(port: int) -> Channel:
    """An HTTP/2 connection with 32 streams."""
    return Http2Channel("127.0.0.1", port, streams=32)


def websocket(port: int) -> Channel:
    """A WebSocket of a producer."""
    return WebSocketChannel("127.0.0.1", port)


def make_engine(make: ChannelMaker, port: int, connections: int, batch: int) -> Engine:
    """Connections to a server, each with a producer of its own in an epoch that the server has not seen."""
    series, epoch = next(_numbers) // _RUNS_PER_NAME, time.time_ns() // 1000
    bodies = [ProducerBodies(f"bench-{series}-{i}", epoch, batch, seed=i) for i in range(connections)]
    return Engine((make(port) for _ in range(connections)), bodies)


def audit(rig: Rig, port: int, engine: Engine, result: LoadResult) -> float:
    """Wait until everything acknowledged is processed, then hold the ledger against what was sent.

    Returns:
        When all was processed, by `time.perf_counter`.

    Raises:
        Void: Something is lost, doubled, or not processed in time.
    """
    sent = {producer.name: producer.next_seq for producer in engine.producers if producer.next_seq}
    if sum(sent.values()) != result.sent * engine.producers[0].batch:
        raise Void(f"the generator made {sum(sent.values())} samples and sent {result.sent} bodies")
    if port == rig.ingest:  # B acknowledges what is processed already
        _wait_for_empty_queue(rig)
    processed_at = time.perf_counter()
    ledger = rig.get(port, "/v1/ledger") or {"producers": {}}
    epoch = str(engine.producers[0].epoch)
    for name, n in sent.items():
        intervals = ledger["producers"].get(name, {}).get(epoch)
        if intervals != [[0, n - 1]]:
            raise Void(f"the ledger holds {intervals} of {name}, acknowledged were 0 to {n - 1}")
    if ledger["totals"]["duplicates"]:
        raise Void(f"{ledger['totals']['duplicates']} duplicates where each sample was sent once")
    return processed_at


def _wait_for_empty_queue(rig: Rig) -> None:
    connection = redis.Redis.from_url(rig.redis_url)
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while any(unfinished_jobs(connection)):
        if time.monotonic() > deadline:
            raise Void(f"acknowledged batches are not processed after {SETTLE_WITHIN_S:.0f} s")
        time.sleep(0.001)
    connection.close()


def closed(rig: Rig, make: ChannelMaker, port: int, connections: int, batch: int, seconds: float) -> float:
    """Bodies per second that a server takes; for a pipeline: accepted and processed."""
    engine = make_engine(make, port, connections, batch)
    started = time.perf_counter()
    try:
        result = engine.run_closed(seconds)
        if result.cpu_seconds / result.seconds > MOST_GENERATOR_CPU and port in (rig.ingest, rig.websocket):
            raise Void(
                f"the generator used {result.cpu_seconds / result.seconds:.0%} of a core: it is the limit"
            )
        if port in (rig.bare_http, rig.bare_websocket):
            return result.sent / result.seconds
        return result.sent / (audit(rig, port, engine, result) - started)
    finally:
        engine.close()


def check_lateness(result: LoadResult) -> None:
    (median,) = result.lateness.quantiles_us((0.5,))
    if median > MOST_LATE_US:
        raise Void(f"the generator was late by {median / 1000:.1f} ms (median)")


def interleaved(
    rounds: int, lab: Callable[[], float], bare: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Values of both, round by round, the order turned every time (ABBA)."""
    ours, theirs = [], []
    for number in range(rounds):
        if number % 2:
            ours.append(lab())
            theirs.append(bare())
        else:
            theirs.append(bare())
            ours.append(lab())
    return ours, theirs


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """The lab's value over the reference's, round by round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def rate_text(values: list[float], unit: str) -> str:
    """The median with its unit."""
    return f"{statistics.median(values):,.0f} {unit}"


@contextmanager
def dashboard(port: int) -> Iterator[None]:
    """One subscriber that reads all it gets."""
    with connect_websocket(f"ws://127.0.0.1:{port}/v1/feed", compression=None, max_size=None) as feed:

        def read() -> None:
            with suppress(ConnectionClosed):
                while True:
                    feed.recv(decode=False)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            feed.close()
            reader.join()
