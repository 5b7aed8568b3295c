"""Small stand-ins for the two pipelines, with faults by script. They keep what they took, so that tests can audit it.

They are not pipelines: no aggregates, no store, no validation beyond the decoder, which refuses invalid samples.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator
from random import randrange
from time import monotonic
from typing import Any, cast

import orjson
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed

from metrics_core.errors import InvalidSample
from metrics_core.intervals import IntervalSet
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder
from tests.support.http_stand_in import Asked, Told, cut_all
from tests.support.http_stand_in import serve as serve_http

Identity = tuple[str, int, int]
Held = dict[str, dict[int, IntervalSet]]


def free_port() -> int:
    """A port that nobody listens on just now, below those that outgoing connections are given."""
    while True:
        port = randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Taken:
    """What a stand-in took: every arrival of every identity, and the bytes it came in."""

    def __init__(self) -> None:
        self.arrivals: Counter[Identity] = Counter()
        self.samples: dict[Identity, Sample] = {}
        self.batches: list[int] = []
        self.bodies: list[bytes] = []
        self.refused: list[bytes] = []
        self.held: Held = {}
        self._decode = BatchDecoder().decode

    def take(self, body: bytes) -> int:
        samples = self._decode(body)
        self.bodies.append(body)
        self.batches.append(len(samples))
        for sample in samples:
            identity = (sample.producer, sample.epoch, sample.seq)
            self.arrivals[identity] += 1
            self.samples[identity] = self.newest = sample
            self.held.setdefault(sample.producer, {}).setdefault(sample.epoch, IntervalSet()).add(
                sample.seq, sample.seq
            )
        return len(samples)


class HttpStandIn(Taken):
    """Pipeline A's ingest. `script` holds the next answers; when it is empty, a batch is taken and answered 202.

    A step is an answer, told without taking the batch, or one of the words `hang` (no answer until `release`),
    `lose_answer` (taken, then like `hang`), `cut` (taken, then the connection is cut) and `miscount`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: deque[Told | str] = deque()
        self.always: Told | str | None = None
        self.versions: set[tuple[str, str]] = set()
        self.tokens: set[str | None] = set()
        self.attempts_s: list[float] = []
        self.traces: list[str] = []
        self.release = asyncio.Event()

    async def answer(self, asked: Asked) -> Told:
        assert (asked.method, asked.path) == ("POST", "/v1/samples")
        assert asked.headers["content-type"] == "application/json"
        self.attempts_s.append(monotonic())
        self.tokens.add(asked.headers.get("authorization"))
        if trace := asked.headers.get("lab-trace"):
            self.traces.append(trace)
        step = self.script.popleft() if self.script else self.always
        if isinstance(step, Told):
            return step
        if step == "hang":
            await self.release.wait()
            return Told(500)
        try:
            samples = self.take(asked.body)
        except InvalidSample as fault:
            self.refused.append(asked.body)
            return Told(fault.status, orjson.dumps(fault.as_dict()))
        self.versions.add((self.newest.producer, asked.version))
        if step == "lose_answer":
            await self.release.wait()
        if step == "cut":
            return Told(0)
        return Told(202, b'{"accepted":%d}' % (samples + (step == "miscount")))

    @contextlib.asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on a port (0: any) until the block ends.

        Yields:
            The URL.
        """
        async with serve_http(self.answer, port) as port:
            yield f"http://127.0.0.1:{port}"


class WebSocketStandIn(Taken):
    """Pipeline B's ingest.

    Attributes:
        script: One step per coming frame: None takes and acks it, `swallow` takes it and never acks, `cut` takes it
            and cuts the connection, a dict is sent as a reject; when it is empty, frames are taken and acked.
        tells_held: Whether the answer to `resume` has `held`.
        resumes: The questions that came.
        notes: Of samples that are traced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: deque[str | dict[str, str] | None] = deque()
        self.tells_held = True
        self.resumes: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self.says: list[bytes] = []
        self.connections: set[ServerConnection] = set()
        self._server: Server | None = None

    def forget(self) -> None:
        """Lose the memory, as a crash would."""
        self.held.clear()

    def cut(self) -> None:
        """Cut every connection."""
        for connection in self.connections:
            connection.transport.abort()

    async def answer(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/v1/ingest"
        self.tokens.add(connection.request.headers.get("Authorization"))
        self.connections.add(connection)
        try:
            with contextlib.suppress(ConnectionClosed):
                await self._converse(connection)
        finally:
            self.connections.discard(connection)

    async def _converse(self, connection: ServerConnection) -> None:
        question = orjson.loads(await connection.recv(decode=False))
        assert question.keys() == {"type", "producer", "epoch"}
        self.resumes.append(question)
        held = self.held.get(question["producer"], {}).get(question["epoch"], IntervalSet())
        reply: dict[str, Any] = {"type": "resume", "next_seq": held.next_missing()}
        if self.tells_held:
            reply["held"] = held.as_lists()
        await connection.send(orjson.dumps(reply), text=True)
        frames = 0
        while True:
            body = await connection.recv(decode=False)
            if body.startswith(b'{"type":"trace"'):
                self.notes.append(orjson.loads(body))
                continue
            step = self.script.popleft() if self.script else None
            if isinstance(step, dict):
                await connection.send(orjson.dumps({"type": "reject", "frame": frames, **step}), text=True)
            else:
                try:
                    self.take(body)
                except InvalidSample as fault:
                    self.refused.append(body)
                    reject = {"type": "reject", "frame": frames} | fault.as_dict()
                    await connection.send(orjson.dumps(reject), text=True)
            frames += 1
            if step == "cut":
                connection.transport.abort()
            if self.says:
                await connection.send(self.says.pop(), text=True)
            if step != "swallow":
                await connection.send(orjson.dumps({"type": "ack", "frames": frames}), text=True)

    @contextlib.asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on a port (0: any) until the block ends.

        Yields:
            The URL.
        """
        transports: set[asyncio.Transport] = set()

        class Connection(ServerConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.add(cast(asyncio.Transport, transport))
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.discard(self.transport)
                super().connection_lost(exc)

        server = serve_websocket(
            self.answer, "127.0.0.1", port, compression=None, close_timeout=0.2, create_connection=Connection
        )
        async with server as listening:
            yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await cut_all(transports)
