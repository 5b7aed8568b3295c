"""Pipeline A's feed: valid snapshots, what changed and only that is read again, restarts and gaps cost nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from metrics_core.sample import Sample
from metrics_core.wire import encode_batch
from pipeline_http_redis.store import keys
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import ClosedByPeer, RawWebSocket
from tests.support.samples import a_run, a_sample
from tests.support.schema import ProducerEntry, Snapshot, check_snapshot
from tests.support.waiting import until


@pytest.fixture(scope="module")
def running() -> Iterator[Pipelines]:
    """All of pipeline A; every test uses names of its own."""
    with temporary_pipelines(FEED_HZ="20", RUN="a run") as pipelines:
        pipelines.start_a(workers=1)
        yield pipelines


@pytest.fixture
def feed(running: Pipelines) -> Iterator[RawWebSocket]:
    """A dashboard."""
    with RawWebSocket(running.fanout_port, "/v1/feed") as connection:
        yield connection


def now_us() -> int:
    return time.time_ns() // 1000


def send(pipelines: Pipelines, samples: list[Sample]) -> None:
    with H1Client(pipelines.ingest_port) as client:
        assert client.post(encode_batch(samples)).status == 202


def shown(feed: RawWebSocket, holds: Callable[[Snapshot], bool], what: str) -> Snapshot:
    """Read snapshots, each of them valid, until one holds."""
    found: list[Snapshot] = []

    def look() -> bool:
        found[:] = [check_snapshot(feed.receive())]
        return holds(found[0])

    until(look, what, within_s=10)
    return found[0]


def entries(snapshot: Snapshot) -> dict[str, ProducerEntry]:
    return {entry.producer: entry for entry in snapshot.producers}


def test_snapshots_show_what_was_sent(running: Pipelines, feed: RawWebSocket) -> None:
    before = check_snapshot(feed.receive()).totals
    taken = now_us()
    send(running, a_run("shown", 1, range(10), sampled_at_us=taken))
    send(running, [a_sample("other", sampled_at_us=taken - 60_000_000)])
    snapshot = shown(feed, lambda s: s.totals.processed == before.processed + 11, "both batches")
    assert (snapshot.pipeline, snapshot.run, snapshot.subscribers) == ("http_redis", "a run", 1)
    assert snapshot.totals.accepted == before.accepted + 11
    entry = entries(snapshot)["shown"]
    assert entry.last == a_sample("shown", 1, 9, sampled_at_us=taken)
    assert entry.window is not None
    assert entry.window.cpu_percent.n == 10
    assert (entry.status, entries(snapshot)["other"].status) == ("healthy", "silent")
    assert snapshot.backlog.unit == "jobs"
    assert snapshot.backlog.capacity == 1000


def test_latency_and_rate_move_with_the_load(running: Pipelines, feed: RawWebSocket) -> None:
    before = check_snapshot(feed.receive()).latency_ms
    for seq in range(20):
        send(running, [a_sample("rate", 1, seq, sampled_at_us=now_us())])
    snapshot = shown(
        feed,
        lambda s: min(s.latency_ms.accepted.n, s.latency_ms.processed.n) >= before.processed.n + 20,
        "the latencies of these",
    )
    assert snapshot.latency_ms.accepted.p50 > 0
    shown(feed, lambda s: s.rate_per_s > 0, "a rate")
    shown(feed, lambda s: s.rate_per_s == 0, "no rate when nothing comes")


def test_every_process_is_shown_with_the_store(running: Pipelines, feed: RawWebSocket) -> None:
    wanted = {"ingest-1", "worker-1", "fanout", "redis"}
    snapshot = shown(feed, lambda s: {p.name for p in s.processes} >= wanted, f"{wanted}")
    pids = {process.name: process.pid for process in snapshot.processes}
    assert pids["ingest-1"] == running["ingest-1"].pid
    assert pids["redis"] == running["store"].pid
    assert all(process.rss_bytes > 2**20 for process in snapshot.processes)


def test_many_dashboards_get_the_same_snapshots(running: Pipelines, feed: RawWebSocket) -> None:
    with RawWebSocket(running.fanout_port, "/v1/feed") as other:
        shown(feed, lambda s: s.subscribers == 2, "two dashboards")
        theirs = {other.receive() for _ in range(20)}
        ours = {feed.receive() for _ in range(20)}
        assert theirs & ours
    shown(feed, lambda s: s.subscribers == 1, "one that left")


def test_snapshots_come_at_their_rate(running: Pipelines, feed: RawWebSocket) -> None:
    stamps = [check_snapshot(feed.receive()).at_us for _ in range(21)]
    gaps_ms = sorted((after - before) / 1000 for before, after in itertools.pairwise(stamps))
    assert gaps_ms[0] > 0
    assert gaps_ms[10] == pytest.approx(50, abs=25), "the median, at 20 a second"


@pytest.mark.parametrize("said, code", [(b"hello", 1008), (b"x" * 2_000, 1009)])
def test_a_dashboard_that_speaks_is_cut(
    running: Pipelines, feed: RawWebSocket, said: bytes, code: int
) -> None:
    check_snapshot(feed.receive())
    feed.send(said)
    with pytest.raises(ClosedByPeer) as closed:
        shown(feed, lambda _: False, "the end")
    assert closed.value.code == code


def test_two_fan_outs_show_the_same(running: Pipelines) -> None:
    with temporary_pipelines(REDIS_URL=running.redis_url) as second:
        second.start("fanout")
        send(running, a_run("twice", 1, range(3)))
        until(running.settled, "applied")
        for port in (running.fanout_port, second.fanout_port):
            with RawWebSocket(port, "/v1/feed") as feed:
                entry = entries(check_snapshot(feed.receive()))["twice"]
                assert entry.last == a_sample("twice", 1, 2)


def test_a_gap_in_the_stream_rereads_everything(running: Pipelines, feed: RawWebSocket) -> None:
    """Batches whose entries were cut off before the fan-out saw them are shown all the same."""
    send(running, [a_sample("before-the-gap")])
    shown(feed, lambda s: "before-the-gap" in entries(s), "the first producer")
    fanout = running["fanout"]
    fanout.pause()
    send(running, [a_sample("in-the-gap"), a_sample("before-the-gap", seq=1)])
    until(running.settled, "applied")
    send(running, [a_sample("after-the-gap")])
    until(running.settled, "applied")
    running.redis.xtrim(keys.STREAM, maxlen=1, approximate=False)
    fanout.resume()
    snapshot = shown(feed, lambda s: "after-the-gap" in entries(s), "the last batch")
    assert "in-the-gap" in entries(snapshot)
    assert entries(snapshot)["before-the-gap"].last == a_sample("before-the-gap", seq=1)


def test_more_batches_between_two_ticks_than_the_stream_keeps(running: Pipelines, feed: RawWebSocket) -> None:
    check_snapshot(feed.receive())
    running["fanout"].pause()
    send(running, [a_sample("first-of-many")])
    until(running.settled, "applied")
    script = (  # what thousands of batches would leave in the stream
        "for n = 1, tonumber(ARGV[1]) do local b = redis.call('HINCRBY', KEYS[1], 'batches', 1) "
        "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'batch', b, 'producers', cmsgpack.pack({})) end"
    )
    running.redis.eval(
        script, 2, keys.TOTALS, keys.STREAM, str(keys.STREAM_LENGTH + 2_000), str(keys.STREAM_LENGTH)
    )
    send(running, [a_sample("last-of-many")])
    until(running.settled, "applied")
    assert keys.STREAM_LENGTH <= running.redis.xlen(keys.STREAM) < keys.STREAM_LENGTH + 500
    running["fanout"].resume()
    snapshot = shown(feed, lambda s: "last-of-many" in entries(s), "the newest producer")
    assert "first-of-many" in entries(snapshot), "its stream entry is gone, it is not"


# -- these kill something; they come last ----------------------------------------------------------------------------


def test_a_restarted_fan_out_shows_everything_again(running: Pipelines) -> None:
    send(running, [a_sample(f"restart-{n}") for n in range(5)])
    until(running.settled, "applied")
    running["fanout"].kill()
    running["fanout"].restart()
    running.wait_ready("fanout")
    with RawWebSocket(running.fanout_port, "/v1/feed") as feed:
        snapshot = check_snapshot(feed.receive())
    assert entries(snapshot).keys() >= {f"restart-{n}" for n in range(5)}
    assert snapshot.totals.processed == running.totals()["processed"]


def test_an_outage_of_redis_ends_no_subscription(running: Pipelines, feed: RawWebSocket) -> None:
    send(running, [a_sample("before-the-outage")])
    shown(feed, lambda s: "before-the-outage" in entries(s), "the first producer")
    running["store"].kill()
    running["store"].restart()
    running.wait_ready("store")
    send(running, [a_sample("after-the-outage")])

    def both_are_shown(snapshot: Snapshot) -> bool:
        running.revive("worker-1")
        return entries(snapshot).keys() >= {"before-the-outage", "after-the-outage"}

    shown(feed, both_are_shown, "both producers, on the same connection")


def test_after_an_outage_commits_are_heard_of_again(running: Pipelines, feed: RawWebSocket) -> None:
    check_snapshot(feed.receive())
    running.revive("worker-1")
    sample = a_sample("way-after-the-outage", sampled_at_us=now_us())
    with H1Client(running.ingest_port) as client:
        headers = {"lab-trace": f"{sample.seq}@{sample.sampled_at_us}"}
        assert client.post(encode_batch([sample]), **headers).status == 202
    snapshot = shown(feed, lambda s: bool(s.traces), "its way")
    assert snapshot.traces[-1].producer == sample.producer
    assert "committed" in [hop for hop, _ in snapshot.traces[-1].hops]


def test_a_killed_process_disappears_from_the_feed(running: Pipelines, feed: RawWebSocket) -> None:
    shown(feed, lambda s: "worker-1" in {p.name for p in s.processes}, "the worker")
    running["worker-1"].kill()
    shown(feed, lambda s: "worker-1" not in {p.name for p in s.processes}, "no worker")


def test_a_fan_out_that_cannot_go_on_ends(running: Pipelines) -> None:
    """Something in the store that it cannot read: it must not answer that all is well and stand still."""
    fanout = running["fanout"]
    running.redis.hset(keys.PRODUCERS, "foreign", b"\xc1")
    fanout.kill()
    fanout.restart()
    running.wait_ready("fanout")
    with RawWebSocket(running.fanout_port, "/v1/feed"):
        until(lambda: not fanout.alive, "its supervisor may start it again")
    running.redis.hdel(keys.PRODUCERS, "foreign")
    assert "task_failed" in fanout.said()
    fanout.restart()
    running.wait_ready("fanout")
