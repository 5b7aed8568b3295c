"""The bound on all bodies being read together: the first come whole, others are refused, nothing stays taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from metrics_core.errors import BacklogFull, TooLarge
from metrics_core.limits import MAX_BATCH_BYTES
from pipeline_http_redis import bodies
from pipeline_http_redis.bodies import LEAST_MEAN_PIECE_BYTES, MANY_PIECES, MAX_READING_BYTES, BodyReader


class Client:
    """Sends a body in parts; the last one when told to."""

    def __init__(self, size: int, parts: int = 4) -> None:
        self.parts = [b"x" * (size // parts)] * parts
        self.may_end = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if len(self.parts) == 1:
            await self.may_end.wait()
        return {"type": "http.request", "body": self.parts.pop(), "more_body": bool(self.parts)}


@pytest.mark.parametrize("announced", [True, False])
async def test_many_large_bodies_at_once(announced: bool) -> None:
    reader, size = BodyReader(), MAX_BATCH_BYTES
    fit = MAX_READING_BYTES // size
    clients = [Client(size) for _ in range(fit + 3)]
    reads = [
        asyncio.create_task(reader.read(client.receive, size if announced else 0, None)) for client in clients
    ]
    while any(len(client.parts) > 1 for client in clients):
        await asyncio.sleep(0)  # all wait for their last part: all are being read at once
    for client in clients:
        client.may_end.set()
    done = await asyncio.gather(*reads, return_exceptions=True)
    whole = [body for body in done if isinstance(body, bytes)]
    refused = [error for error in done if isinstance(error, BacklogFull)]
    assert len(whole) + len(refused) == len(clients)
    assert all(len(body) == size for body in whole)
    assert len(whole) <= fit
    assert refused
    again = Client(size)
    again.may_end.set()
    assert len(await reader.read(again.receive, size, None) or b"") == size  # nothing stayed taken


class Pieces:
    """Sends pieces of one size until nobody asks any more."""

    def __init__(self, size: int) -> None:
        self.piece = b"x" * size
        self.sent = 0

    async def receive(self) -> dict[str, Any]:
        self.sent += 1
        return {"type": "http.request", "body": self.piece, "more_body": self.sent < 20_000}


async def test_a_body_in_a_million_pieces_is_refused_after_a_thousand() -> None:
    for size in (0, 1, LEAST_MEAN_PIECE_BYTES - 1):
        client = Pieces(size)
        with pytest.raises(TooLarge, match="pieces of 64 bytes"):
            await BodyReader().read(client.receive, 0, None)
        assert client.sent == MANY_PIECES + 1
    client = Pieces(LEAST_MEAN_PIECE_BYTES)
    assert len(await BodyReader().read(client.receive, 0, None) or b"") == 20_000 * LEAST_MEAN_PIECE_BYTES


async def test_a_refused_body_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_READING_BYTES", 100)
    client = Client(400)
    client.may_end.set()
    with pytest.raises(BacklogFull):
        await BodyReader().read(client.receive, 400, None)
    assert client.parts == []
