"""CPU per sample with many producers against few, same total rate, one dashboard connected."""

from __future__ import annotations

from collections.abc import Iterator

from control_plane.bench.figure import Figure
from control_plane.bench.rig import Rig
from control_plane.bench.runs import (
    ChannelMaker,
    audit,
    check_lateness,
    dashboard,
    http1,
    interleaved,
    make_engine,
    rate_text,
    ratios,
    websocket,
)
from load_tests.target.rig import PIPELINE_A, PIPELINE_B


def fan_in(rig: Rig, rounds: int, seconds: float) -> Iterator[Figure]:
    """CPU per sample with 2,000 producers against 50, same total rate, one dashboard connected."""
    cases = (
        ("a_fan_in", "A", http1, rig.ingest, rig.fanout, PIPELINE_A),
        (
            "b_fan_in",
            "B",
            websocket,
            rig.websocket,
            rig.websocket,
            PIPELINE_B,
        ),
    )
    for name, pipeline, make, port, feed_port, processes in cases:
        with dashboard(feed_port):
            many, few = interleaved(
                rounds,
                lambda: _cpu_us(rig, make, port, 2_000, seconds, processes),  # noqa: B023
                lambda: _cpu_us(rig, make, port, 50, seconds, processes),  # noqa: B023
            )
        what = f"{pipeline}, CPU per sample, 2,000 producers against 50, 1,000 samples/s"
        yield Figure(
            name, what, ratios(many, few), 1.3, False, "×", rate_text(many, "µs"), rate_text(few, "µs")
        )


def _cpu_us(
    rig: Rig, make: ChannelMaker, port: int, producers: int, seconds: float, processes: tuple[str, ...]
) -> float:
    engine = make_engine(make, port, producers, 1)
    try:
        engine.run_open(
            2_000, max(1.5, producers / 2_000 * 1.5), 0
        )  # each producer is known before the clock runs
        before = rig.cpu_seconds(processes)
        result = engine.run_open(1_000, seconds, 1)
        check_lateness(result)
        used = rig.cpu_seconds(processes) - before
        result.sent = sum(producer.next_seq for producer in engine.producers)
        audit(rig, port, engine, result)
        return 1e6 * used / (1_000 * seconds)
    finally:
        engine.close()
