"""Pipeline B's traces: a note before a frame has no number, times that one frame, and can cost no sample."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, cast

import orjson
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedOK

from metrics_core.rate_limit import RateLimit
from metrics_core.sink import Batch
from metrics_core.wire import BatchDecoder, encode_batch
from pipeline_websocket import ingest as module
from pipeline_websocket.aggregator import Aggregator
from pipeline_websocket.ingest import Counts, ProducerConnection
from pipeline_websocket.memory_side import AggregatorSink
from tests.support.keeping_sink import KeepingSink
from tests.support.samples import NOW_US, a_run, a_sample


class FakeConnection:
    """A producer that says its frames and goes."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames: Iterator[bytes] = iter(frames)
        self.answers: list[dict[str, Any]] = []
        self.transport = self

    async def recv(self, *, decode: bool) -> bytes:
        await asyncio.sleep(0)
        for frame in self._frames:
            return frame
        await asyncio.sleep(0.1)  # the last ack goes out
        raise ConnectionClosedOK(None, None)

    def get_write_buffer_size(self) -> int:
        return 0


def note(seq: int = 2, producer: str = "web-01", epoch: int = 3) -> bytes:
    said = {"type": "trace", "producer": producer, "epoch": epoch, "seq": seq, "sent_us": NOW_US - 5}
    return orjson.dumps(said)


BATCH = encode_batch(a_run("web-01", 3, range(5)))
RESUME = b'{"type": "resume", "producer": "web-01", "epoch": 3}'


def converse(
    monkeypatch: pytest.MonkeyPatch, *frames: bytes, limit: RateLimit | None = None
) -> tuple[list[Batch], list[dict[str, Any]], Counts]:
    connection, sink, counts = FakeConnection(list(frames)), KeepingSink(), Counts()
    monkeypatch.setattr(
        module, "broadcast", lambda to, message, text: to[0].answers.append(orjson.loads(message))
    )
    clock = itertools.count(NOW_US)

    async def main() -> None:
        decoder = BatchDecoder()
        server = cast(ServerConnection, connection)
        await ProducerConnection(server, sink, sink, decoder, counts, lambda: next(clock), limit).serve()

    asyncio.run(main())
    return sink.batches, connection.answers, counts


def test_a_note_is_no_frame_and_times_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, answers, counts = converse(monkeypatch, note(), BATCH, BATCH, BATCH)
    traced, *after = (batch.trace for batch in batches)
    assert after == [None, None]
    assert traced is not None
    assert (traced.identity, traced.sampled_at_us) == (("web-01", 3, 2), NOW_US)
    hops = [("sent", NOW_US - 5), ("received", NOW_US), ("decoded", NOW_US + 1)]
    assert traced.hops == hops
    assert answers[-1] == {"type": "ack", "frames": 3}
    assert counts.accepted == 15


@pytest.mark.parametrize("strange", [note(5), note(producer="web-02"), note(epoch=4)])
def test_a_note_of_another_sample_is_forgotten(monkeypatch: pytest.MonkeyPatch, strange: bytes) -> None:
    batches, answers, _ = converse(monkeypatch, strange, BATCH)
    assert [batch.trace for batch in batches] == [None]
    assert answers[-1] == {"type": "ack", "frames": 1}


def test_a_traced_frame_can_be_bad_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, answers, counts = converse(monkeypatch, note(), b"[]", BATCH)
    assert [batch.trace for batch in batches] == [None]
    assert [answer["frame"] for answer in answers if answer["type"] == "reject"] == [0]
    assert answers[-1] == {"type": "ack", "frames": 2}
    assert counts.rejected == 1


def test_after_a_note_a_resume_is_still_answered_and_another_note_is_no_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, answers, _ = converse(monkeypatch, note(), RESUME, BATCH)
    assert [answer["type"] for answer in answers] == ["resume", "ack"]
    batches, answers, counts = converse(monkeypatch, *[note()] * 5_000, BATCH)
    assert counts.rejected == 2_500, "each second one is the frame that the first announced"
    assert [answer["frame"] for answer in answers if answer["type"] == "reject"] == list(range(2_500))
    assert len(batches) == 1


def test_the_rate_limit_counts_traced_frames_too(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [part for _ in range(30) for part in (note(), BATCH)]
    batches, answers, counts = converse(monkeypatch, *frames, limit=RateLimit(10))
    assert counts.refused == 30 - len(batches) > 0
    assert {answer["error"] for answer in answers if answer["type"] == "reject"} == {"rate_limited"}


def test_the_memory_tells_when_a_sample_was_applied_and_says_nothing_of_a_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches, _, _ = converse(monkeypatch, note(1), BATCH, note(2), BATCH)
    sink = AggregatorSink(Aggregator(16))

    async def main() -> None:
        await sink.accept(Batch(b"", [a_sample("web-01", 3, 0)]))
        for batch in batches:
            await sink.accept(batch)

    asyncio.run(main())
    assert [(trace.seq, trace.hops[-1][0]) for trace in sink.traces] == [(1, "applied")]
    assert sink.arrivals == 11
