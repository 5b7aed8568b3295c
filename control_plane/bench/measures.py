"""The measurements. Each gives `Figure`s: the lab against a bare reference, interleaved in one run, median of ratios.

Every run is audited: the pipeline's ledger must hold exactly the identities that were acknowledged, each once. A run
that does not balance, or whose generator was the limit, has no figure (`Void`).
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
import redis
from msgspec import Struct
from rq import Queue
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

from control_plane.bench.bare import CHANNEL
from control_plane.bench.rig import PIPELINE_A, PIPELINE_B, Rig
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel
from load_tests.wire.engine import Engine, LoadResult
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from load_tests.wire.websocket import WebSocketChannel
from metrics_core.errors import LabError
from metrics_core.histogram import Histogram
from metrics_core.sample import Sample
from pipeline_http_redis.store.counters import unfinished_jobs

MOST_GENERATOR_CPU: Final = 0.85  # of one core; above it the generator may be the limit
MOST_LATE_US: Final = 2_000  # generator's own lateness, median
_SETTLE_WITHIN_S: Final = 20.0
_RATES: Final = (100, 300, 1_000, 3_000)


class Void(LabError):
    """A run that has no figure, and why."""


class Figure(Struct):
    """One line of the report.

    Attributes:
        name: Key in the results file and in documents.
        what: What is compared with what.
        ratios: The lab's value over the reference's, one per round (for absolute figures: the values).
        goal: The bound; `at_least` says on which side.
        at_least: True: higher is better.
        unit: `×` for ratios, else the unit of `ratios`.
        lab: Median of the lab's own values, as text with a unit.
        bare: Median of the reference's.
    """

    name: str
    what: str
    ratios: list[float]
    goal: float
    at_least: bool
    unit: str = "×"
    lab: str = ""
    bare: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the median is on the right side of the goal."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal


_ChannelMaker = Callable[[int], Channel]
_run_number = 0


def _engine(make: _ChannelMaker, port: int, connections: int, batch: int) -> Engine:
    global _run_number  # producers of one run must be new to the pipeline
    _run_number += 1
    epoch = time.time_ns() // 1000
    bodies = [ProducerBodies(f"bench-{_run_number}-{i}", epoch, batch, seed=i) for i in range(connections)]
    return Engine([make(port) for _ in range(connections)], bodies)


def _audit(rig: Rig, port: int, engine: Engine, result: LoadResult) -> float:
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
    for name, n in sent.items():
        intervals = list(ledger["producers"].get(name, {}).values())
        if intervals != [[[0, n - 1]]]:
            raise Void(f"the ledger holds {intervals} of {name}, acknowledged were 0 to {n - 1}")
    if ledger["totals"]["duplicates"]:
        raise Void(f"{ledger['totals']['duplicates']} duplicates where each sample was sent once")
    return processed_at


def _wait_for_empty_queue(rig: Rig) -> None:
    connection = redis.Redis.from_url(rig.redis_url)
    deadline = time.monotonic() + _SETTLE_WITHIN_S
    while any(unfinished_jobs(connection)):
        if time.monotonic() > deadline:
            raise Void(f"acknowledged batches are not processed after {_SETTLE_WITHIN_S:.0f} s")
        time.sleep(0.001)
    connection.close()


def _closed(rig: Rig, make: _ChannelMaker, port: int, connections: int, batch: int, seconds: float) -> float:
    """Bodies per second that a server takes; for a pipeline: accepted and processed."""
    engine = _engine(make, port, connections, batch)
    started = time.perf_counter()
    try:
        result = engine.run_closed(seconds)
        if result.cpu_seconds / result.seconds > MOST_GENERATOR_CPU and port in (rig.ingest, rig.websocket):
            raise Void(
                f"the generator used {result.cpu_seconds / result.seconds:.0%} of a core: it is the limit"
            )
        if port in (rig.bare_http, rig.bare_websocket):
            return result.sent / result.seconds
        return result.sent / (_audit(rig, port, engine, result) - started)
    finally:
        engine.close()


def _interleaved(
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


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _rate(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):,.0f} {unit}"


def throughput(rig: Rig, rounds: int, seconds: float) -> Iterator[Figure]:
    """Rates of both pipelines against their bare references."""

    def http1(port: int) -> Channel:
        return Http1Channel("127.0.0.1", port)

    def http2(port: int) -> Channel:
        return Http2Channel("127.0.0.1", port, streams=32)

    def websocket(port: int) -> Channel:
        return WebSocketChannel("127.0.0.1", port)

    cases: tuple[tuple[str, str, _ChannelMaker, int, int, float], ...] = (
        ("a_http1_single", "A, one sample a request, HTTP/1.1, accepted and processed", http1, 64, 1, 0.80),
        ("a_http2_single", "A, one sample a request, HTTP/2, accepted and processed", http2, 4, 1, 0.80),
        ("a_http1_100", "A, 100 samples a request, HTTP/1.1, accepted and processed", http1, 64, 100, 0.50),
    )
    for name, what, make, connections, batch, goal in cases:
        ours, theirs = _interleaved(
            rounds,
            lambda: _closed(rig, make, rig.ingest, connections, batch, seconds),  # noqa: B023  called at once
            lambda: _closed(rig, make, rig.bare_http, connections, batch, seconds),  # noqa: B023
        )
        yield Figure(
            name, what, _ratios(ours, theirs), goal, True, "×", _rate(ours, "req/s"), _rate(theirs, "req/s")
        )
    ours, theirs = _interleaved(
        rounds,
        lambda: _closed(rig, websocket, rig.websocket, 10, 1, seconds),
        lambda: _closed(rig, websocket, rig.bare_websocket, 10, 1, seconds),
    )
    what = "B, one sample a frame"
    yield Figure(
        "b_single",
        what,
        _ratios(ours, theirs),
        0.60,
        True,
        "×",
        _rate(ours, "frames/s"),
        _rate(theirs, "frames/s"),
    )
    ours, theirs = _interleaved(
        rounds,
        lambda: 100 * _closed(rig, websocket, rig.websocket, 10, 100, seconds),
        lambda: _decode_rate(min(seconds, 2.0)),
    )
    what = "B, 100 samples a frame, against decoding the same bytes"
    yield Figure(
        "b_100",
        what,
        _ratios(ours, theirs),
        0.20,
        True,
        "×",
        _rate(ours, "samples/s"),
        _rate(theirs, "samples/s"),
    )


def _decode_rate(seconds: float) -> float:
    """Samples per second of msgspec alone: typed, with its range checks, no socket."""
    decode = msgspec.json.Decoder(list[Sample]).decode
    producer = ProducerBodies("bare", time.time_ns() // 1000, 100)
    bodies = [producer.next(time.time_ns() // 1000) for _ in range(200)]
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for body in bodies:
            decode(body)
        done += len(bodies)
    return 100 * done / elapsed


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
            yield Figure(
                f"a_latency_{rate}_{quantile}", what, _ratios(a, b), goal, False, "×", _ms(a), _ms(b)
            )
        yield Figure(f"a_queue_{rate}", f"A, longest queue at {rate:,} samples/s", queues, 5, False, "jobs")
        ours, theirs = [], []
        for number in range(rounds):
            ours.append(_open_b(rig, rig.websocket, rate, seconds, number))
            theirs.append(_open_b(rig, rig.bare_websocket, rate, seconds, number))
        for position, (quantile, goal) in enumerate((("p50", 2.0), ("p99", 3.0))):
            a, b = [v[position] for v in ours], [v[position] for v in theirs]
            what = f"B, processed latency {quantile} at {rate:,} samples/s"
            yield Figure(
                f"b_latency_{rate}_{quantile}", what, _ratios(a, b), goal, False, "×", _ms(a), _ms(b)
            )


def _ms(values_us: list[float]) -> str:
    return f"{statistics.median(values_us) / 1000:.2f} ms"


def _quantiles(histogram: Histogram, expected: int) -> list[float]:
    if histogram.n != expected:
        raise Void(f"{histogram.n} latencies of {expected} samples")
    return histogram.quantiles_us((0.5, 0.99))


def _check_lateness(result: LoadResult) -> None:
    (median,) = result.lateness.quantiles_us((0.5,))
    if median > MOST_LATE_US:
        raise Void(f"the generator was late by {median / 1000:.1f} ms (median)")


def _open_a(rig: Rig, rate: int, seconds: float, seed: int) -> list[float]:
    engine = _engine(lambda port: Http1Channel("127.0.0.1", port), rig.ingest, 64, 1)
    try:
        before = rig.histogram(rig.ingest)
        result = engine.run_open(rate, seconds, seed)
        _check_lateness(result)
        _audit(rig, rig.ingest, engine, result)
        return _quantiles(rig.histogram(rig.ingest).minus(before), result.sent)
    finally:
        engine.close()


def _open_b(rig: Rig, port: int, rate: int, seconds: float, seed: int) -> list[float]:
    bare = port == rig.bare_websocket
    path = "/timed" if bare else "/v1/ingest"
    make = lambda p: WebSocketChannel("127.0.0.1", p, path=path, acknowledged=not bare)  # noqa: E731
    engine = _engine(make, port, 64, 1)
    try:
        before = rig.histogram(port)
        result = engine.run_open(rate, seconds, seed)
        _check_lateness(result)
        if not bare:
            _audit(rig, port, engine, result)
        deadline = time.monotonic() + _SETTLE_WITHIN_S
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


def fan_in(rig: Rig, rounds: int, seconds: float) -> Iterator[Figure]:
    """CPU per sample with 2,000 producers against 50, same total rate, one dashboard connected."""
    cases = (
        ("a_fan_in", "A", lambda p: Http1Channel("127.0.0.1", p), rig.ingest, rig.fanout, PIPELINE_A),
        (
            "b_fan_in",
            "B",
            lambda p: WebSocketChannel("127.0.0.1", p),
            rig.websocket,
            rig.websocket,
            PIPELINE_B,
        ),
    )
    for name, pipeline, make, port, feed_port, processes in cases:
        with dashboard(feed_port):
            many, few = _interleaved(
                rounds,
                lambda: _cpu_us(rig, make, port, 2_000, seconds, processes),  # noqa: B023
                lambda: _cpu_us(rig, make, port, 50, seconds, processes),  # noqa: B023
            )
        what = f"{pipeline}, CPU per sample, 2,000 producers against 50, 1,000 samples/s"
        yield Figure(name, what, _ratios(many, few), 1.3, False, "×", _rate(many, "µs"), _rate(few, "µs"))


def _cpu_us(
    rig: Rig, make: _ChannelMaker, port: int, producers: int, seconds: float, processes: tuple[str, ...]
) -> float:
    engine = _engine(make, port, producers, 1)
    try:
        engine.run_open(
            2_000, max(1.5, producers / 2_000 * 1.5), 0
        )  # each producer is known before the clock runs
        before = rig.cpu_seconds(processes)
        result = engine.run_open(1_000, seconds, 1)
        _check_lateness(result)
        used = rig.cpu_seconds(processes) - before
        result.sent = sum(producer.next_seq for producer in engine.producers)
        _audit(rig, port, engine, result)
        return 1e6 * used / (1_000 * seconds)
    finally:
        engine.close()


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
