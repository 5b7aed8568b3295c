"""Rates of both pipelines against their bare references."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from control_plane.bench.figure import Figure
from control_plane.bench.rig import Rig
from control_plane.bench.runs import (
    ChannelMaker,
    closed,
    http1,
    http2,
    interleaved,
    rate_text,
    ratios,
    websocket,
)
from load_tests.wire.bodies import ProducerBodies
from metrics_core.sample import Sample


def throughput(rig: Rig, rounds: int, seconds: float) -> Iterator[Figure]:
    """Rates of both pipelines against their bare references."""

    cases: tuple[tuple[str, str, ChannelMaker, int, int, float], ...] = (
        ("a_http1_single", "A, one sample a request, HTTP/1.1, accepted and processed", http1, 64, 1, 0.80),
        ("a_http2_single", "A, one sample a request, HTTP/2, accepted and processed", http2, 4, 1, 0.80),
        ("a_http1_100", "A, 100 samples a request, HTTP/1.1, accepted and processed", http1, 64, 100, 0.50),
    )
    for name, what, make, connections, batch, goal in cases:
        ours, theirs = interleaved(
            rounds,
            lambda: closed(rig, make, rig.ingest, connections, batch, seconds),  # noqa: B023  called at once
            lambda: closed(rig, make, rig.bare_http, connections, batch, seconds),  # noqa: B023
        )
        yield Figure(
            name,
            what,
            ratios(ours, theirs),
            goal,
            True,
            "×",
            rate_text(ours, "req/s"),
            rate_text(theirs, "req/s"),
        )
    ours, theirs = interleaved(
        rounds,
        lambda: closed(rig, websocket, rig.websocket, 10, 1, seconds),
        lambda: closed(rig, websocket, rig.bare_websocket, 10, 1, seconds),
    )
    what = "B, one sample a frame"
    yield Figure(
        "b_single",
        what,
        ratios(ours, theirs),
        0.60,
        True,
        "×",
        rate_text(ours, "frames/s"),
        rate_text(theirs, "frames/s"),
    )
    ours, theirs = interleaved(
        rounds,
        lambda: 100 * closed(rig, websocket, rig.websocket, 10, 100, seconds),
        lambda: _decode_rate(min(seconds, 2.0)),
    )
    what = "B, 100 samples a frame, against decoding the same bytes"
    yield Figure(
        "b_100",
        what,
        ratios(ours, theirs),
        0.20,
        True,
        "×",
        rate_text(ours, "samples/s"),
        rate_text(theirs, "samples/s"),
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
