"""A connection that came with a token for joining: frames of phones are taken, those of others rejected by name."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedOK

from metrics_core.wire import BatchDecoder, encode_batch
from pipeline_websocket import ingest as module
from pipeline_websocket.ingest import Counts, ProducerConnection
from tests.support.keeping_sink import KeepingSink
from tests.support.samples import NOW_US, a_sample
from tests.support.virtual_time import run_virtually


class Socket:
    """Gives frames, keeps answers."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames
        self.answers: list[dict[str, Any]] = []
        self.id, self.transport = "fake", self

    async def recv(self, *, decode: bool) -> bytes:
        assert decode is False
        if not self.frames:
            await asyncio.sleep(1)  # until the ack is out
            raise ConnectionClosedOK(None, None)
        return self.frames.pop(0)

    def get_write_buffer_size(self) -> int:
        return 0


def served(
    monkeypatch: Any, frames: list[bytes], *, phones_only: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    socket, holder = Socket(frames), KeepingSink()
    monkeypatch.setattr(
        module, "broadcast", lambda _, message, text: socket.answers.append(orjson.loads(message))
    )

    async def main() -> None:
        connection = cast(ServerConnection, socket)
        decoder, counts = BatchDecoder(), Counts()
        producer = ProducerConnection(
            connection, holder, holder, decoder, counts, lambda: NOW_US, None, phones_only
        )
        await producer.serve()

    run_virtually(main())
    return socket.answers, [batch.samples[0].producer for batch in holder.batches]


def frames() -> list[bytes]:
    note = orjson.dumps({"type": "trace", "producer": "web-01", "epoch": 1, "seq": 0, "sent_us": NOW_US})
    server = encode_batch([a_sample("web-01")])
    return [encode_batch([a_sample("phone-anna")]), server, note, server]


def test_only_phones_are_taken(monkeypatch: Any) -> None:
    answers, held = served(monkeypatch, frames(), phones_only=True)
    assert held == ["phone-anna"]
    rejects = [(each["frame"], each["error"]) for each in answers if each["type"] == "reject"]
    assert rejects == [(1, "forbidden"), (2, "forbidden")]  # traced or not
    assert answers[-1] == {"type": "ack", "frames": 3}


def test_with_the_labs_token_all_are(monkeypatch: Any) -> None:
    answers, held = served(monkeypatch, frames(), phones_only=False)
    assert held == ["phone-anna", "web-01", "web-01"]
    assert [each["type"] for each in answers] == ["ack"]
