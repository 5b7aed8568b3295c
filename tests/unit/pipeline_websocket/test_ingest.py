"""A producer's connection on a virtual clock: when acks go out, what is rejected, what a resume is told.

Long because: every verdict is asked for through the same fake client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, cast

import orjson
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedOK

from metrics_core.errors import LimitReached, RemoteFault
from metrics_core.intervals import IntervalSet
from metrics_core.rate_limit import RateLimit
from metrics_core.sink import Batch
from metrics_core.wire import BatchDecoder, encode_batch
from pipeline_websocket import ingest as module
from pipeline_websocket.ingest import (
    ACK_EVERY_S,
    ACK_FRAMES,
    ACK_SAMPLES,
    MOST_UNREAD_BYTES,
    Counts,
    ProducerConnection,
)
from tests.support.samples import NOW_US, a_run, a_sample
from tests.support.virtual_time import run_virtually, settle


class FakeConnection:
    """A producer's socket: frames go in, answers come out with their time."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.answers: list[dict[str, Any]] = []
        self.answered_s: list[float] = []
        self.unread = 0
        self.aborts = 0
        self.id = "fake"
        self.transport = self

    async def recv(self, *, decode: bool) -> bytes:
        assert decode is False
        frame = await self.frames.get()
        if frame == b"gone":
            raise ConnectionClosedOK(None, None)
        return frame

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborts += 1

    def take(self, message: bytes) -> None:
        self.answers.append(orjson.loads(message))
        self.answered_s.append(asyncio.get_running_loop().time())

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.frames.put_nowait(frame)

    @property
    def acks(self) -> list[int]:
        return [answer["frames"] for answer in self.answers if answer["type"] == "ack"]


class FakeAggregator:
    """The sink and what it holds."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.intervals = IntervalSet()
        self.fault: RemoteFault | None = None

    async def accept(self, batch: Batch) -> None:
        if self.fault:
            raise self.fault
        self.batches.append(batch)

    async def held(self, name: str, epoch: int) -> IntervalSet:
        return self.intervals if (name, epoch) == ("web-01", 7) else IntervalSet()


@asynccontextmanager
async def connected(
    limit: RateLimit | None = None,
) -> AsyncIterator[tuple[FakeConnection, FakeAggregator, Counts]]:
    connection, aggregator, counts = FakeConnection(), FakeAggregator(), Counts()
    producer = ProducerConnection(
        cast(ServerConnection, connection),
        aggregator,
        aggregator,
        BatchDecoder(),
        counts,
        lambda: NOW_US,
        limit,
    )
    task = asyncio.create_task(producer.serve())
    await asyncio.sleep(1)  # the loop's clock starts at 0, a machine's does not
    yield connection, aggregator, counts
    connection.send(b"gone")
    await task
    assert counts.connections == 0


Scenario = Callable[[FakeConnection, FakeAggregator, Counts], Awaitable[None]]


@pytest.fixture(autouse=True)
def answers_go_to_the_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    def broadcast(connections: list[FakeConnection], message: bytes, *, text: bool) -> None:
        assert text
        (connection,) = connections
        connection.take(message)

    monkeypatch.setattr(module, "broadcast", broadcast)


def run(scenario: Scenario) -> None:
    async def main() -> None:
        async with connected() as (connection, aggregator, counts):
            await scenario(connection, aggregator, counts)

    run_virtually(main())


ONE = encode_batch([a_sample(sampled_at_us=NOW_US - 2_000)])


def test_a_producer_over_its_rate_is_refused_in_the_words_of_pipeline_a() -> None:
    async def main() -> None:
        async with connected(RateLimit(10)) as (connection, aggregator, counts):
            connection.send(encode_batch(a_run("a", 1, range(60))), encode_batch([a_sample()]))
            connection.send(encode_batch(a_run("a", 1, range(1))))
            await settle()
            rejects = [answer for answer in connection.answers if answer["type"] == "reject"]
            fault = {"error": "rate_limited", "detail": "a may send 10 samples/s"}
            assert rejects == [{"type": "reject", "frame": 2, **fault}]
            assert (counts.refused, counts.rejected, len(aggregator.batches)) == (1, 0, 2)
            await asyncio.sleep(4)
            connection.send(encode_batch(a_run("a", 1, range(1))))
            await settle()
            assert len(aggregator.batches) == 3

    run_virtually(main())


def test_an_idle_producer_is_answered_at_once() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(ONE)
        await settle()
        assert connection.acks == [1]
        assert connection.answered_s == [1.0]
        assert counts.accepted == counts.accepted_latency.n == 1
        assert counts.accepted_latency.quantiles_us([1])[0] == pytest.approx(2_000, rel=1 / 128)

    run(scenario)


def test_frames_that_came_together_are_acknowledged_together() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(*[ONE] * 10)
        await settle()
        assert connection.acks == [10]

    run(scenario)


def test_a_busy_producer_is_answered_twenty_times_a_second() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        for _ in range(500):
            await asyncio.sleep(0.002)
            connection.send(ONE)
        await asyncio.sleep(ACK_EVERY_S)
        assert connection.acks[-1] == counts.accepted == 500
        assert 19 <= len(connection.acks) <= 22
        waits = [after - before for before, after in pairwise([1.0, *connection.answered_s])]
        assert max(waits) <= ACK_EVERY_S + 0.003


def test_no_frame_waits_longer_than_50_ms_for_its_ack() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(ONE)
        await settle()
        connection.send(ONE)
        await asyncio.sleep(ACK_EVERY_S - 0.001)
        assert connection.acks == [1]
        await asyncio.sleep(0.002)
        assert connection.acks == [1, 2]

    run(scenario)


def test_a_thousand_frames_are_acknowledged_at_once() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(ONE)
        await settle()
        connection.send(*[ONE] * (ACK_FRAMES + 3))
        await settle()
        assert connection.acks == [1, ACK_FRAMES + 1]
        assert connection.answered_s[1] == connection.answered_s[0]
        await asyncio.sleep(ACK_EVERY_S)
        assert connection.acks[-1] == ACK_FRAMES + 4

    run(scenario)


def test_what_waits_for_an_ack_is_bounded_in_samples() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(ONE)
        await settle()
        connection.send(*[encode_batch(a_run("a", 1, range(ACK_SAMPLES // 4)))] * 4)
        await settle()
        assert connection.acks == [1, 5]

    run(scenario)


def test_a_rejected_frame_is_named_and_counts_as_answered() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(ONE, b"[]", ONE, b"{")
        await settle()
        detail = "$: expected at least 1 sample"
        assert connection.answers == [
            {"type": "reject", "frame": 1, "error": "schema", "detail": detail},
            {"type": "reject", "frame": 3, "error": "malformed", "detail": "Input data was truncated"},
            {"type": "ack", "frames": 4},
        ]
        assert (counts.accepted, counts.rejected, counts.refused) == (2, 2, 0)
        assert len(aggregator.batches) == 2

    run(scenario)


def test_what_the_sink_refuses_is_rejected_as_refused() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        aggregator.fault = LimitReached("more than 3 producers")
        connection.send(ONE)
        await settle()
        assert connection.answers[0] == {
            "type": "reject", "frame": 0, "error": "limit_reached", "detail": "more than 3 producers",
        }  # fmt: skip
        assert (counts.accepted, counts.rejected, counts.refused) == (0, 0, 1)

    run(scenario)


def test_a_resume_is_answered_and_is_no_frame() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        aggregator.intervals = IntervalSet([(0, 41), (50, 60)])
        connection.send(b'{"type":"resume","producer":"web-01","epoch":7}')
        connection.send(b'{"type":"resume","producer":"web-02","epoch":7}')
        connection.send(ONE)
        await settle()
        assert connection.answers == [
            {"type": "resume", "next_seq": 42, "held": [[0, 41], [50, 60]]},
            {"type": "resume", "next_seq": 0, "held": []},
            {"type": "ack", "frames": 1},
        ]
        assert counts.rejected == 0

    run(scenario)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"resume"}',
        b'{"type":"resume","producer":"web-01"}',
        b'{"type":"resume","producer":"web-01","epoch":-1}',
        b'{"type":"resume","producer":"web-01","epoch":7,"x":1}',
        b'{"type":"resume","producer":"' + b"x" * 65 + b'","epoch":7}',
        b'{"type":"resume","producer":"\xff","epoch":7}',
        b'"resume"',
        b'{"resume":' * 10_000,
    ],
)
def test_a_malformed_resume_is_a_rejected_frame(frame: bytes) -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.send(frame)
        await settle()
        assert [answer["type"] for answer in connection.answers] == ["reject", "ack"]
        assert counts.rejected == 1

    run(scenario)


def test_a_producer_that_does_not_read_its_answers_is_cut() -> None:
    async def scenario(connection: FakeConnection, aggregator: FakeAggregator, counts: Counts) -> None:
        connection.unread = MOST_UNREAD_BYTES
        connection.send(ONE)
        await asyncio.sleep(1)
        assert (connection.aborts, connection.acks) == (0, [1])
        connection.unread = MOST_UNREAD_BYTES + 1
        connection.send(ONE)
        await settle()
        assert (connection.aborts, connection.acks) == (1, [1])

    run(scenario)


def test_a_producer_that_leaves_gets_no_late_ack() -> None:
    async def main() -> None:
        async with connected() as (connection, _, counts):
            connection.send(ONE)
            await settle()
            connection.send(ONE)
            await settle()
        await asyncio.sleep(1)
        assert connection.acks == [1]
        assert counts.accepted == 1

    run_virtually(main())
