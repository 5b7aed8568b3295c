"""Throughput over the number of workers, or of producers: as fast as the pipeline answers (closed model).

A point is samples accepted *and* processed per second, the time that the last ones take included, ledger checked.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from load_tests.target.arm import Arm
from load_tests.target.rig import Rig
from load_tests.target.target import Target
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel, ReplyError
from load_tests.wire.engine import Engine
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from load_tests.wire.websocket import WebSocketChannel
from metrics_core.errors import LabError

PROCESSED_WITHIN_S: Final = 30.0
_WARMUP_S: Final = 0.5
_CHANNELS: Final[dict[str, Callable[..., Channel]]] = {
    "http1": Http1Channel,
    "http2": Http2Channel,
    "websocket": WebSocketChannel,
}


def workers_curve(
    arm: Arm, counts: list[int], producers: int, batch: int, seconds: float, rounds: int
) -> Iterator[tuple[int, float]]:
    """Median throughput for each number of RQ workers, samples/s; rounds are interleaved.

    Raises:
        LabError: A point cannot be measured.
    """
    measured: dict[int, list[float]] = {n: [] for n in counts}
    for number in range(rounds):
        for n in counts if number % 2 == 0 else reversed(counts):
            settings = tuple(sorted({**dict(arm.settings), "LAB_WORKERS": str(n)}.items()))
            sized = replace(arm, settings=settings)
            with sized.make_rig() as rig:
                measured[n].append(throughput(sized.target(rig), rig, producers, batch, seconds))
    for n, values in measured.items():
        yield n, statistics.median(values)


def producers_curve(
    arm: Arm, counts: list[int], batch: int, seconds: float, rounds: int
) -> Iterator[tuple[int, float]]:
    """Median throughput for each number of producers, samples/s; rounds are interleaved.

    Raises:
        LabError: A point cannot be measured.
    """
    measured: dict[int, list[float]] = {n: [] for n in counts}
    for number in range(rounds):
        with (
            arm.make_rig() as rig
        ):  # of each round: how many names and epochs a pipeline remembers is bounded
            target = arm.target(rig)
            for n in counts if number % 2 == 0 else reversed(counts):
                measured[n].append(throughput(target, rig, n, batch, seconds))
    for n, values in measured.items():
        yield n, statistics.median(values)


def throughput(target: Target, rig: Rig, producers: int, batch: int, seconds: float) -> float:
    """Samples accepted and processed per second.

    Raises:
        LabError: An answer that no correct run gives, or samples that are not processed in time.
    """
    channel, epoch = _CHANNELS[target.protocol], time.time_ns() // 1000
    bodies = [ProducerBodies(f"curve-{i}", epoch, batch, seed=i) for i in range(producers)]
    try:
        engine = Engine((channel(target.host, target.port) for _ in range(producers)), bodies)
    except (OSError, ReplyError) as error:
        raise LabError(f"{target.arm} cannot be reached: {_said(error)}") from None
    try:
        warm = engine.run_closed(_WARMUP_S)
        _until_processed(rig, target.port, bodies, warm.sent * batch)
        started_s, before = time.perf_counter(), sum(producer.next_seq for producer in bodies)
        result = engine.run_closed(seconds)
        ended_s = _until_processed(rig, target.port, bodies, before + result.sent * batch)
        return result.sent * batch / (ended_s - started_s)
    except (OSError, ReplyError) as error:
        raise LabError(f"{target.arm} with {producers} producers: {_said(error)}") from None
    finally:
        engine.close()


def _said(error: Exception) -> str:
    """Without the number that the system puts before its words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _until_processed(rig: Rig, port: int, bodies: list[ProducerBodies], sent: int) -> float:
    """When the ledger held every sample that was sent, by `time.perf_counter`."""
    epoch = str(bodies[0].epoch)
    deadline_s = time.perf_counter() + PROCESSED_WITHIN_S
    while True:
        at_s = time.perf_counter()
        known = (rig.get(port, "/v1/ledger") or {"producers": {}})["producers"]
        intervals = [known.get(each.name, {}).get(epoch, []) for each in bodies]
        if sum(high - low + 1 for runs in intervals for low, high in runs) >= sent:
            return at_s
        if at_s > deadline_s:
            raise LabError(f"acknowledged samples are not processed after {PROCESSED_WITHIN_S:.0f} s")
        time.sleep(0.005)
