"""Both feeds tell the way of one and the same sample, and say the same of which servers are in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from metrics_core.sample import Sample
from metrics_core.trace import Trace
from metrics_core.wire import encode_batch
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import Snapshot, check_snapshot
from tests.support.waiting import until

HOPS_A = ["sent", "received", "decoded", "committed", "dequeued", "applied", "published"]
HOPS_B = ["sent", "received", "decoded", "applied", "published"]


def now_us() -> int:
    return time.time_ns() // 1000


def note(sample: Sample) -> bytes:
    said = '{"type": "trace", "producer": "%s", "epoch": %d, "seq": %d, "sent_us": %d}'
    return (said % (sample.producer, sample.epoch, sample.seq, now_us())).encode()


def send(
    pipelines: Pipelines, pipeline_a: Pipelines, batch: list[Sample], traced: Sample | None = None
) -> None:
    """One batch down both pipelines."""
    with H1Client(pipeline_a.ingest_port) as client:
        headers = {"lab-trace": f"{traced.seq}@{now_us()}"} if traced else {}
        assert client.post(encode_batch(batch), **headers).status == 202
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as connection:
        if traced:
            connection.send(note(traced))
        connection.send(encode_batch(batch))
        assert connection.verdicts(1) == {}


def shown(feed: RawWebSocket, holds: Callable[[Snapshot], bool], what: str) -> Snapshot:
    found: list[Snapshot] = []

    def look() -> bool:
        found[:] = [check_snapshot(feed.receive())]
        return holds(found[0])

    until(look, what, within_s=30)
    return found[0]


def way_of(snapshot: Snapshot, sample: Sample) -> Trace | None:
    identity = (sample.producer, sample.epoch, sample.seq)
    return next((trace for trace in snapshot.traces if trace.identity == identity), None)


def test_one_sample_both_ways(pipelines: Pipelines, pipeline_a: Pipelines) -> None:
    name = f"traced-{pipeline_a.base}"
    began_us = now_us()
    batch = a_run(name, 1, range(5), sampled_at_us=began_us)
    with (
        RawWebSocket(pipeline_a.fanout_port, "/v1/feed") as feed_a,
        RawWebSocket(pipelines.websocket_port, "/v1/feed") as feed_b,
    ):
        for feed in (feed_a, feed_b):
            check_snapshot(feed.receive())  # from now on somebody looks
        send(pipelines, pipeline_a, batch, batch[3])
        seen = {}
        for feed, hops in ((feed_a, HOPS_A), (feed_b, HOPS_B)):
            snapshot = shown(feed, lambda s: way_of(s, batch[3]) is not None, "the trace")
            trace = way_of(snapshot, batch[3])
            assert trace is not None
            assert [hop for hop, _ in trace.hops] == hops
            moments = [began_us, *[at_us for _, at_us in trace.hops], snapshot.at_us]
            assert moments == sorted(moments), "no hop before the one before it"
            assert trace.sampled_at_us == began_us
            assert any(entry.producer == name for entry in snapshot.producers), "published means shown"
            seen[snapshot.pipeline] = trace.identity
        assert seen["http_redis"] == seen["websocket"]


def test_a_repeat_has_no_way_to_tell(pipelines: Pipelines, pipeline_a: Pipelines) -> None:
    name = f"repeated-{pipeline_a.base}"
    first, second = (a_sample(name, 1, seq, sampled_at_us=now_us()) for seq in (0, 1))
    with (
        RawWebSocket(pipeline_a.fanout_port, "/v1/feed") as feed_a,
        RawWebSocket(pipelines.websocket_port, "/v1/feed") as feed_b,
    ):
        for feed in (feed_a, feed_b):
            check_snapshot(feed.receive())
        send(pipelines, pipeline_a, [first])
        until(pipeline_a.settled, "applied")
        send(pipelines, pipeline_a, [first], first)
        until(pipeline_a.settled, "applied")
        send(pipelines, pipeline_a, [second], second)
        for feed in (feed_a, feed_b):
            snapshot = shown(feed, lambda s: way_of(s, second) is not None, "the trace of the other")
            assert way_of(snapshot, first) is None


def test_the_same_samples_are_the_same_alerts(pipelines: Pipelines, pipeline_a: Pipelines) -> None:
    """Seeded readings around all thresholds, in different pieces and orders, by several producers."""
    source, prefix, taken = Random(5), f"alert-{pipeline_a.base}", now_us()
    by_producer = [
        [
            a_sample(
                f"{prefix}-{number}",
                seq=seq,
                sampled_at_us=taken - 12_000_000 + seq * 1_000_000,
                cpu_percent=source.choice([74.9, 75, 79.9, 80, 89.9, 90, 94.9, 95, 30]),
                memory_percent=source.choice([79.9, 80, 84.9, 85, 95]),
                disk_percent=source.choice([10, 79.9, 80, 85, 94.9]),
            )
            for seq in range(12)
        ]
        for number in range(12)
    ]
    with H1Client(pipeline_a.ingest_port) as client:
        for samples in by_producer:
            mixed = source.sample(samples, len(samples))
            for start in range(0, len(mixed), 5):
                assert client.post(encode_batch(mixed[start : start + 5])).status == 202
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as connection:
        for samples in by_producer:
            connection.send(encode_batch(samples))
        assert connection.verdicts(len(by_producer)) == {}
    until(pipeline_a.settled, "applied")

    def of(port: int) -> dict[str, list[str]]:
        with RawWebSocket(port, "/v1/feed") as feed:
            entries = check_snapshot(feed.receive()).producers
        return {entry.producer: entry.alerts for entry in entries if entry.producer.startswith(prefix)}

    found = of(pipeline_a.fanout_port)
    assert found == of(pipelines.websocket_port)
    assert len(found) == 12
    told = {alert for alerts in found.values() for alert in alerts}
    assert {"cpu warning", "memory warning", "disk warning", "cpu critical"} <= told


def test_every_buffer_is_told_in_the_order_of_the_way(pipelines: Pipelines, pipeline_a: Pipelines) -> None:
    held = a_run(f"buffered-{pipeline_a.base}", 1, range(40), sampled_at_us=now_us())
    with (
        RawWebSocket(pipeline_a.fanout_port, "/v1/feed") as feed_a,
        RawWebSocket(pipelines.websocket_port, "/v1/feed") as feed_b,
    ):
        told = shown(feed_a, lambda s: s.buffers[0].capacity > 0, "what the ingest reported")
        assert [(b.name, b.capacity, b.unit) for b in told.buffers] == [
            ("group commit", 4096, "batches"),
            ("Redis queue", 1000, "jobs"),
            ("workers", 2, "jobs"),
            ("stream", 5000, "batches"),
            ("feed", told.subscribers, "snapshots"),
        ]
        before = check_snapshot(feed_b.receive())
        assert [(b.name, b.unit) for b in before.buffers] == [
            ("fold", "samples"), ("ring", "samples"), ("feed", "snapshots"),
        ]  # fmt: skip
        send(pipelines, pipeline_a, held)
        in_rings = before.buffers[1].waiting
        after = shown(feed_b, lambda s: s.buffers[1].waiting == in_rings + 40, "40 samples more in the rings")
        assert after.buffers[1].capacity == 512 * len(after.producers)
        workers = [pipeline_a[name] for name in ("worker-1", "worker-2")]
        for worker in workers:
            worker.pause()
        try:
            with H1Client(pipeline_a.ingest_port) as client:
                for seq in range(40, 50):
                    sample = a_sample(held[0].producer, 1, seq, sampled_at_us=now_us())
                    assert client.post(encode_batch([sample])).status == 202
            jobs = shown(feed_a, lambda s: s.buffers[1].waiting + s.buffers[2].waiting >= 10, "ten jobs wait")
            assert jobs.buffers[1].waiting == jobs.backlog.waiting
        finally:
            for worker in workers:
                worker.resume()
        shown(feed_a, lambda s: s.buffers[1].waiting == s.buffers[2].waiting == 0, "nothing waits")
