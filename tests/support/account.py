"""The account after a fault: every sample has one fate, and pipeline A's aggregates are exactly what was sent.

Said plainly and apart from the code under test: windows are counted again out of what `OutboxLoad` created.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from control_plane.oracle import judge, read_log
from metrics_core.limits import WINDOW_US, WINDOWS_KEPT
from metrics_core.sample import METRICS
from pipeline_http_redis.store import keys
from tests.support.outbox_load import OutboxLoad, OutboxProducer, readings
from tests.support.pipelines import Pipelines
from tests.support.waiting import until

CAUGHT_UP_WITHIN_S = 15.0


def wait_for_samples(load: OutboxLoad, more: int, within_s: float = 40) -> None:
    """Wait until so many samples more are acked: the load goes on."""
    goal = load.acked + more
    until(lambda: load.acked >= goal, f"{more} samples more are acked", within_s)


def told(load: OutboxLoad, status: int, times: int, within_s: float = 20) -> None:
    """Wait until a status was answered so often (0: a connection was lost)."""
    until(lambda: load.statuses()[status] >= times, f"status {status} for the {times}. time", within_s)


def check_account(pipelines: Pipelines, load: OutboxLoad, dead_lettered: int = 0) -> dict[str, int]:
    """Everything acked is processed, by identity; every arrival has one fate; the aggregates are exact.

    Args:
        pipelines: Pipeline A, without load by now.
        load: All that it was sent.
        dead_lettered: Samples that must have been set aside; they are none of the load's.

    Returns:
        The pipeline's totals.
    """
    caught_up(pipelines)
    ledger = pipelines.ledger()
    for producer in load.producers:
        sent = [[0, sum(n for _, n, _ in producer.batches) - 1]]
        assert producer.acked.as_lists() == sent, f"{producer.name}: all that was sent is acked"
        assert ledger[producer.name][1].as_lists() == sent, (
            f"{producer.name}: all that was acked is processed"
        )
    totals = pipelines.totals()
    assert totals["processed"] == load.acked
    assert totals["accepted"] == totals["processed"] + totals["duplicates"] + totals["dead_lettered"], (
        f"no arrival without a fate: {totals}"
    )
    assert totals["dead_lettered"] == dead_lettered
    assert totals["late"] == totals["future"] == 0
    assert pipelines.histogram("processed").n == totals["processed"]
    assert not pipelines.redis.keys(keys.claim("*"))
    check_aggregates(pipelines, load)
    return totals


def caught_up(pipelines: Pipelines, within_s: float = CAUGHT_UP_WITHIN_S) -> float:
    """Wait until everything committed is applied; gives the seconds that it took."""
    begun_s = time.monotonic()
    until(pipelines.settled, "everything committed is applied", within_s)
    return time.monotonic() - begun_s


def check_aggregates(pipelines: Pipelines, load: OutboxLoad) -> None:
    """The windows and the newest sample of every producer are those of what it sent."""
    for producer in load.producers:
        packed = pipelines.redis.hget(keys.PRODUCERS, producer.name)
        assert isinstance(packed, bytes), producer.name
        stored = keys.unpack_producer(packed)
        last = stored.last_sample()
        assert last is not None
        first, n, taken_us = producer.batches[-1]
        assert (last.epoch, last.seq, last.sampled_at_us) == (1, first + n - 1, taken_us), producer.name
        expected = expected_windows(producer)
        found = {s.index: (s.n, s.lows, s.highs, s.sums) for s in stored.windows}
        assert found == expected, (
            f"{producer.name}: the windows differ from what was sent: {found} {expected}"
        )


def check_by_oracle(pipelines: Pipelines, pipeline: str) -> None:
    """The same for samples of the fleet, whose own log says what they were. The fleet must be drained."""
    port = pipelines.ingest_port if pipeline == "http_redis" else pipelines.websocket_port
    windows = pipelines.get(port, "/v1/windows")
    assert windows is not None, f"no windows from {pipeline}"
    log = read_log(pipelines.folder / "test" / "samples")
    findings = judge(log, pipelines.ledger_json(pipeline), windows, time.time_ns() // 1000)
    assert len(findings) > 0
    assert [finding.as_line() for finding in findings if not finding.ok] == []


def expected_windows(producer: OutboxProducer) -> dict[int, Any]:
    """Number of the window → count, minima, maxima and sums of what a producer sent, for the windows kept."""
    seqs: dict[int, list[int]] = defaultdict(list)
    for first, n, taken_us in producer.batches:
        seqs[taken_us // WINDOW_US] += range(first, first + n)
    windows: dict[int, Any] = {}
    for index in range(max(seqs) - WINDOWS_KEPT + 1, max(seqs) + 1):
        if index in seqs:
            rows = [readings(seq) for seq in seqs[index]]
            columns = [[row[metric] for row in rows] for metric in METRICS]
            windows[index] = (
                len(rows),
                [min(column) for column in columns],
                [max(column) for column in columns],
                [sum(column) for column in columns],
            )
    return windows
