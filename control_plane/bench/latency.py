"""Processed latency at fixed rates (open model), against the bare way of one message."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis
from rq import Queue

from control_plane.bench.bare import CHANNEL
from control_plane.bench.figure import Figure, Void
from control_plane.bench.rig import Rig
from control_plane.bench.runs import SETTLE_WITHIN_S, audit, check_lateness, http1, make_engine, ratios
from load_tests.wire.websocket import WebSocketChannel
from metrics_core.histogram import Histogram
from pipeline_http_redis.store.counters import unfinished_jobs

_RATES: Final = (100, 300, 1_000, 3_000)


def latency(rig: Rig, rounds: int, seconds: float) -> Iterator[Figure]:
    """Processed latency at fixed rates (open model), against the bare way of one message."""
    for rate in _RATES:
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        queues: list[float] = []
        for number in range(rounds):
            with _queue_watch(rig) as longest:
                ours.append(_open_a(rig, rate, seconds, number))
            queues.append(float(longest[0]))
            theirs.append(_bare_rq(rig, min(seconds, 3.0)))
        for position, (quantile, goal) in enumerate((("p50", 4.0), ("p99", 4.0))):
            a, b = [v[position] for v in ours], [v[position] for v in theirs]
            what = f"A, processed latency {quantile} at {rate:,} samples/s"
            yield Figure(f"a_latency_{rate}_{quantile}", what, ratios(a, b), goal, False, "×", _ms(a), _ms(b))
        yield Figure(f"a_queue_{rate}", f"A, longest queue at {rate:,} samples/s", queues, 5, False, "jobs")
        ours, theirs = [], []
        for number in range(rounds):
            ours.append(_open_b(rig, rig.websocket, rate, seconds, number))
            theirs.append(_open_b(rig, rig.bare_websocket, rate, seconds, number))
        for position, (quantile, goal) in enumerate((("p50", 2.0), ("p99", 3.0))):
            a, b = [v[position] for v in ours], [v[position] for v in theirs]
            what = f"B, processed latency {quantile} at {rate:,} samples/s"
            yield Figure(f"b_latency_{rate}_{quantile}", what, ratios(a, b), goal, False, "×", _ms(a), _ms(b))


def _ms(values_us: list[float]) -> str:
    return f"{statistics.median(values_us) / 1000:.2f} ms"


def _quantiles(histogram: Histogram, expected: int) -> list[float]:
    if histogram.n != expected:
        raise Void(f"{histogram.n} latencies of {expected} samples")
    return histogram.quantiles_us((0.5, 0.99))


def _open_a(rig: Rig, rate: int, seconds: float, seed: int) -> list[float]:
    engine = make_engine(http1, rig.ingest, 64, 1)
    try:
        before = rig.histogram(rig.ingest)
        result = engine.run_open(rate, seconds, seed)
        check_lateness(result)
        audit(rig, rig.ingest, engine, result)
        return _quantiles(rig.histogram(rig.ingest).minus(before), result.sent)
    finally:
        engine.close()


def _open_b(rig: Rig, port: int, rate: int, seconds: float, seed: int) -> list[float]:
    bare = port == rig.bare_websocket
    path = "/timed" if bare else "/v1/ingest"
    make = lambda p: WebSocketChannel("127.0.0.1", p, path=path, acknowledged=not bare)  # noqa: E731
    engine = make_engine(make, port, 64, 1)
    try:
        before = rig.histogram(port)
        result = engine.run_open(rate, seconds, seed)
        check_lateness(result)
        if not bare:
            audit(rig, port, engine, result)
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while (taken := rig.histogram(port).minus(before)).n < result.sent and time.monotonic() < deadline:
            time.sleep(0.01)
        return _quantiles(taken, result.sent)
    finally:
        engine.close()


def _bare_rq(rig: Rig, seconds: float) -> list[float]:
    """enqueue → SimpleWorker → PUBLISH on an idle system, one at a time; same Valkey, same fsync."""
    connection = redis.Redis.from_url(rig.redis_url)
    queue = Queue("bare", connection=connection)
    taken = Histogram()
    with connection.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(CHANNEL)
        subscription.get_message(timeout=1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            queue.enqueue("control_plane.bench.bare.publish", "sample", result_ttl=0)
            while subscription.get_message(timeout=5) is None:
                if time.perf_counter() - start > 10:
                    raise Void("the bare RQ worker does not answer")
            taken.add(int((time.perf_counter() - start) * 1e6))
            time.sleep(0.01)
    connection.close()
    return taken.quantiles_us((0.5, 0.99))


@contextmanager
def _queue_watch(rig: Rig) -> Iterator[list[int]]:
    """The longest queue seen by a look every 20 ms."""
    longest, stop = [0], threading.Event()

    def look() -> None:
        connection = redis.Redis.from_url(rig.redis_url)
        while not stop.wait(0.02):
            longest[0] = max(longest[0], unfinished_jobs(connection)[0])
        connection.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield longest
    finally:
        stop.set()
        watcher.join()
