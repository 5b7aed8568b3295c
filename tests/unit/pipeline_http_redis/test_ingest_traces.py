"""`lab-trace`: the sink is told of the one sample that it names, and no header can cost a batch."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from lab_runtime.guards import Guards
from lab_runtime.process import now_us
from metrics_core.sink import Batch
from metrics_core.wire import encode_batch
from pipeline_http_redis.ingest import Counts, IngestEndpoint
from tests.support.reply import Reply
from tests.support.samples import NOW_US, a_run


class FakeSink:
    """Keeps the last batch."""

    def __init__(self) -> None:
        self.batch: Batch | None = None

    async def accept(self, batch: Batch) -> None:
        self.batch = batch


def taken_with(*traces: bytes) -> Batch:
    """What the sink got of five samples, sent with these headers."""
    sink, reply = FakeSink(), Reply()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    headers += [(b"lab-trace", text) for text in traces]

    async def receive() -> Message:
        return {
            "type": "http.request",
            "body": encode_batch(a_run("web-01", 3, range(5))),
            "more_body": False,
        }

    async def send(message: Message) -> None:
        reply.status = message.get("status", reply.status)

    async def main() -> None:
        await IngestEndpoint(sink, Guards(), Counts())({"headers": headers}, receive, send)

    asyncio.run(main())
    assert reply.status == 202
    assert sink.batch is not None
    return sink.batch


def test_a_traced_sample_comes_with_its_way_so_far() -> None:
    before_us = now_us()
    trace = taken_with(b"2@%d" % (NOW_US - 5)).trace
    assert trace is not None
    assert (trace.identity, trace.sampled_at_us) == (("web-01", 3, 2), NOW_US)
    assert [name for name, _ in trace.hops] == ["sent", "received", "decoded"]
    (_, sent_us), (_, received_us), (_, decoded_us) = trace.hops
    assert sent_us == NOW_US - 5, "by the producer's own word"
    assert before_us <= received_us <= decoded_us <= now_us()


@pytest.mark.parametrize(
    "traces", [(), (b"5@1",), (b"x",), (b"",), (b"2@1", b"bad"), (b"9" * 8_000,), (b"2@-1",)]
)
def test_nothing_else_in_the_header_changes_anything(traces: tuple[bytes, ...]) -> None:
    batch = taken_with(*traces)
    assert batch.trace is None
    assert len(batch.samples) == 5
