"""WebSocket peers that do not end what they begin, or flood control frames: no socket, a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from websockets.asyncio.server import Server
from websockets.protocol import State
from websockets.server import ServerProtocol

from lab_runtime.peers import CONTROL_FRAMES, WatchedConnection, peers
from load_tests.wire.websocket import encode_frame
from tests.support.virtual_time import run_virtually

FINAL, TEXT, CONT, PING, PONG = 0x80, 0x1, 0x0, 0x9, 0xA


class FakeTransport:
    """Takes everything, and knows whether it was cut."""

    def __init__(self) -> None:
        self.written = 0
        self.aborts = 0

    def write(self, data: bytes) -> None:
        self.written += 1

    def abort(self) -> None:
        self.aborts += 1

    def was_cut(self) -> bool:
        return self.aborts == 1

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class FakeServer:
    """Starts no handler."""

    def __init__(self) -> None:
        self.handler_tasks: set[asyncio.Task[None]] = set()

    async def handler(self, connection: WatchedConnection) -> None:
        """Nothing: the test plays the peer and looks at the transport."""


Act = Callable[[WatchedConnection, FakeTransport], Awaitable[None]]


def with_connection(act: Act) -> None:
    async def main() -> None:
        connection = WatchedConnection(ServerProtocol(state=State.OPEN), cast(Server, FakeServer()))
        transport = FakeTransport()
        connection.connection_made(cast(asyncio.Transport, transport))
        connection.request = cast(Any, object())  # the handshake is over
        await act(connection, transport)
        connection.connection_lost(None)

    run_virtually(main())


def test_a_frame_that_does_not_end_is_cut_within_ten_seconds() -> None:
    async def act(connection: WatchedConnection, transport: FakeTransport) -> None:
        frame, cut = encode_frame(bytes(60_000)), peers.cut
        connection.data_received(frame[:1_000])
        for n in range(11):
            await asyncio.sleep(0.5)
            connection.data_received(frame[1_000 + n : 1_001 + n])
        assert not transport.was_cut(), "5.5 s: it has its time"
        await asyncio.sleep(4)
        assert transport.was_cut()
        assert peers.cut == cut + 1

    with_connection(act)


def test_a_message_of_fragments_that_does_not_end_is_cut() -> None:
    async def act(connection: WatchedConnection, transport: FakeTransport) -> None:
        connection.data_received(encode_frame(b"[", TEXT))
        for _ in range(10):
            await asyncio.sleep(1)
            connection.data_received(encode_frame(b" ", CONT))
        assert transport.was_cut()

    with_connection(act)


@pytest.mark.parametrize("whole", [True, False], ids=["frames", "messages in fragments"])
def test_one_after_the_other_is_not_one_that_does_not_end(whole: bool) -> None:
    """Whenever somebody looks, something has begun; but never the same thing."""
    pieces = (
        [encode_frame(b"[]", FINAL | TEXT)]
        if whole
        else [encode_frame(b"[", TEXT), encode_frame(b"]", FINAL)]
    )

    async def act(connection: WatchedConnection, transport: FakeTransport) -> None:
        stream = b"".join(pieces) * 40
        size, at = len(b"".join(pieces)), 3
        connection.data_received(stream[:at])
        for _ in range(39):
            await asyncio.sleep(0.5)
            connection.data_received(stream[at : at + size])
            at += size
            await connection.recv()
        assert not transport.was_cut()

    with_connection(act)


def test_time_in_which_we_do_not_read_is_not_the_peers() -> None:
    async def act(connection: WatchedConnection, transport: FakeTransport) -> None:
        connection.data_received(encode_frame(b"[]") * 30 + encode_frame(b"[]")[:3])
        assert connection.recv_messages.paused
        await asyncio.sleep(60)
        assert not transport.was_cut()

    with_connection(act)


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_control_frames_have_an_allowance(opcode: int) -> None:
    async def act(connection: WatchedConnection, transport: FakeTransport) -> None:
        frame, flooded = encode_frame(b"", FINAL | opcode), peers.flooded
        for _ in range(60):  # an honest peer: one every ten seconds
            connection.data_received(frame)
            await asyncio.sleep(10)
        connection.data_received(frame * CONTROL_FRAMES)
        assert not transport.was_cut()
        connection.data_received(frame * 50)
        assert transport.was_cut()
        assert peers.flooded == flooded + 1
        written = transport.written
        connection.data_received(frame * 1_000)
        assert transport.written == written, "what comes after the end is not worked off"

    with_connection(act)
