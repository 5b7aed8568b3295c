"""The same batches through both pipelines: same ledger, same counts, same aggregates, to the last bit."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from metrics_core.ledger import count
from metrics_core.sample import Sample
from metrics_core.wire import encode_batch
from tests.support.h1_client import H1Client
from tests.support.h2_client import H2Client
from tests.support.oracle import Oracle
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import rough_stream
from tests.support.schema import Snapshot, check_ledger, check_snapshot
from tests.support.waiting import until

COUNTED = ("processed", "duplicates", "future", "accepted")


def send_to_a(pipeline_a: Pipelines, stream: list[list[Sample]], seed: int) -> None:
    """By both versions of HTTP in turn, some batches waiting for their answer while others go."""
    source = Random(seed)
    with H1Client(pipeline_a.ingest_port) as one, H2Client(pipeline_a.ingest_port) as two:
        waiting: list[int] = []
        for batch in stream:
            if source.random() < 0.5:
                assert one.post(encode_batch(batch)).status == 202
            else:
                waiting.append(two.post(encode_batch(batch)))
            while len(waiting) > source.randrange(8):
                assert two.reply(waiting.pop(0)).status == 202
        for request in waiting:
            assert two.reply(request).status == 202
    until(pipeline_a.settled, "everything committed is applied")


def send_to_b(pipelines: Pipelines, stream: list[list[Sample]]) -> None:
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as connection:
        for batch in stream:
            connection.send(encode_batch(batch))
        assert connection.verdicts(len(stream)) == {}


def snapshot_of(port: int) -> Snapshot:
    with RawWebSocket(port, "/v1/feed") as feed:
        return check_snapshot(feed.receive())


def counts(pipelines: Pipelines, pipeline: str) -> dict[str, int]:
    totals = pipelines.totals(pipeline)
    histogram = pipelines.histogram("processed", pipeline)
    return {name: totals[name] for name in COUNTED} | {"histogram": histogram.n}


def difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def of_this_run(found: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name.startswith(prefix)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_same_stream(pipelines: Pipelines, pipeline_a: Pipelines, seed: int) -> None:
    prefix = f"{'valkey' if pipeline_a is pipelines else 'redis'}-{seed}"
    now_us = time.time_ns() // 1000
    stream = rough_stream(seed, now_us, prefix)
    oracle = Oracle()
    for batch in stream:
        oracle.add(batch, now_us)

    before = counts(pipeline_a, "http_redis"), counts(pipelines, "websocket")
    send_to_a(pipeline_a, stream, seed)
    send_to_b(pipelines, stream)
    check_ledger(pipeline_a.ledger_json("http_redis"))
    check_ledger(pipelines.ledger_json("websocket"))
    ledger_a = of_this_run(pipeline_a.ledger("http_redis"), prefix)
    ledger_b = of_this_run(pipelines.ledger("websocket"), prefix)
    assert ledger_a == ledger_b
    assert count(ledger_a) == oracle.processed
    for name, epochs in oracle.ledger().items():
        for epoch, seqs in epochs.items():
            assert {n for low, high in ledger_a[name][epoch] for n in range(low, high + 1)} == seqs

    after = counts(pipeline_a, "http_redis"), counts(pipelines, "websocket")
    counted = difference(after[0], before[0])
    assert counted == difference(after[1], before[1])
    assert counted == {
        "processed": oracle.processed,
        "duplicates": oracle.duplicates,
        "future": oracle.future,
        "accepted": oracle.processed + oracle.duplicates,
        "histogram": oracle.processed - oracle.future,
    }

    a = {entry.producer: entry for entry in snapshot_of(pipeline_a.fanout_port).producers}
    b = {entry.producer: entry for entry in snapshot_of(pipelines.websocket_port).producers}
    for name in oracle.ledger():
        assert a[name].last == b[name].last == oracle.last(name)
        assert a[name].window == b[name].window, "every figure, the means too"
        window = oracle.window(name)
        if window is None:
            assert a[name].window is None
            continue
        for metric, (low, high, n) in window.items():
            figures = getattr(a[name].window, metric)
            assert (figures.min, figures.max, figures.n) == (low, high, n)
