"""The proxy for faults over real sockets: each condition by itself, then both pipelines and Redis through it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from control_plane.faults import proxy as proxy_module
from control_plane.faults.proxy import Proxy
from metrics_core.errors import LabError
from tests.support.waiting import until_async

ANYWHERE: Final = ("127.0.0.1", 0)
GUARD_S: Final = 30.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that sends back what it gets; `seen` is all it got."""

    def __init__(self) -> None:
        self.seen = b""
        self.active = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.active += 1
        try:
            while part := await reader.read(65_536):
                self.seen += part
                writer.write(part)
                await writer.drain()
            writer.write_eof()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.active -= 1


class Rig:
    """A proxy before an echo server, and clients that are closed at the end."""

    def __init__(self, proxy: Proxy, echo: Echo) -> None:
        self.proxy, self.echo = proxy, echo
        self.writers: list[asyncio.StreamWriter] = []

    async def opened(self) -> Streams:
        """A client that has said nothing."""
        assert isinstance(self.proxy.address, tuple)
        reader, writer = await asyncio.open_connection(*self.proxy.address)
        self.writers.append(writer)
        return reader, writer

    async def client(self) -> Streams:
        """A client that has been answered once, so that its way is open to the end."""
        reader, writer = await self.opened()
        writer.write(b".")
        assert await reader.readexactly(1) == b"."
        return reader, writer


@asynccontextmanager
async def before_an_echo() -> AsyncIterator[tuple[Proxy, Rig]]:
    """A proxy before an echo server; all is closed afterwards."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with asyncio.timeout(GUARD_S), server:
        async with Proxy(ANYWHERE, server.sockets[0].getsockname()) as proxy:
            rig = Rig(proxy, echo)
            try:
                yield proxy, rig
            finally:
                for writer in rig.writers:
                    writer.transport.abort()
        await until_async(lambda: not echo.active, "the server has seen all its clients go")


async def test_without_conditions_bytes_and_ends_pass() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, writer = await rig.opened()
        body = bytes(range(256)) * 4_000
        writer.write(body)
        writer.write_eof()
        assert await reader.read(-1) == body, "the half that is still open brings everything"
        await until_async(lambda: not proxy.open_connections, "the connection is over")
        assert (proxy.counts.bytes_up, proxy.counts.bytes_down) == (len(body), len(body))
        assert proxy.counts.connections == 1


async def test_a_client_that_is_gone_is_gone_behind_the_proxy_too() -> None:
    async with before_an_echo() as (proxy, rig):
        for _ in range(3):
            _, writer = await rig.client()
            writer.transport.abort()
        await until_async(lambda: not proxy.open_connections, "nothing is held for them")


async def test_a_server_that_is_gone_is_a_connection_reset() -> None:
    with socket.socket() as nobody:
        nobody.bind(ANYWHERE)
        async with asyncio.timeout(GUARD_S), Proxy(ANYWHERE, nobody.getsockname()) as proxy:
            reader, writer = await Rig(proxy, Echo()).opened()
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()
            assert proxy.counts.unreachable == 1


async def test_a_delay_holds_each_part_keeps_the_order_and_the_throughput() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, writer = await rig.client()
        proxy.set(delay_ms=150)
        begun = time.monotonic()
        writer.write(b"there and back")
        assert await reader.readexactly(14) == b"there and back"
        assert time.monotonic() - begun >= 0.3
        body = b"".join(number.to_bytes(4, "big") for number in range(2**20))
        begun = time.monotonic()
        writer.write(body)
        assert await reader.readexactly(len(body)) == body
        # With 64 KiB per delay and nothing more it would take 64 delays: 9.6 s.
        assert 0.3 <= time.monotonic() - begun < 5


async def test_what_is_on_its_way_takes_the_new_delay() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, writer = await rig.client()
        proxy.set(delay_ms=60_000)
        writer.write(b"late")
        await until_async(lambda: proxy.held_bytes == 4, "it is on its way")
        proxy.set()
        assert await reader.readexactly(4) == b"late"


async def test_a_throttle_is_shared_by_all_connections_in_turns() -> None:
    async with before_an_echo() as (proxy, rig):
        clients = [await rig.client() for _ in range(2)]
        proxy.set(throttle_bytes_per_s=8_000)
        begun = time.monotonic()
        for _, writer in clients:
            writer.write(bytes(2_400))
        await asyncio.gather(*(reader.readexactly(800) for reader, _ in clients))
        assert proxy.counts.bytes_down < 4_000, "neither had to wait for all of the other"
        await asyncio.gather(*(reader.readexactly(1_600) for reader, _ in clients))
        assert time.monotonic() - begun >= 4_800 / 8_000
        proxy.set()
        clients[0][1].write(bytes(1_000_000))
        await clients[0][0].readexactly(1_000_000)


async def test_a_sender_has_to_wait_and_little_is_held() -> None:
    async with before_an_echo() as (proxy, rig):
        _, writer = await rig.client()
        writer.transport.set_write_buffer_limits(high=0)
        proxy.set(throttle_bytes_per_s=100)
        writer.write(bytes(64 * 2**20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.drain()
        assert 0 < proxy.held_bytes <= 2 * 64 * 1024


async def test_a_cut_is_silence_and_mending_it_a_reset() -> None:
    async with before_an_echo() as (proxy, rig):
        old = await rig.client()
        proxy.set(cut=True)
        old[1].write(b"into the void")
        new = await rig.opened()
        new[1].write(b"anybody there")
        for reader, _ in (old, new):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await reader.read(1)
        proxy.set()
        for reader, _ in (old, new):
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        assert rig.echo.seen == b".", "what was on its way is lost, not late"
        assert proxy.counts.cut_off == 2
        await rig.client()


async def test_a_swallowed_reply_was_asked_for_and_never_comes() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, writer = await rig.client()
        proxy.set(swallow_replies=1)
        writer.write(b"request")
        assert await reader.read(-1) == b"", "closed, with nothing in it"
        assert rig.echo.seen == b".request"
        assert proxy.counts.replies_swallowed == 1
        await until_async(lambda: not proxy.open_connections, "both ends are closed")


async def test_replies_before_a_swallowed_one_arrive_whole() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, writer = await rig.client()
        proxy.set(delay_ms=100)
        writer.write(b"first")
        await until_async(
            lambda: proxy.counts.bytes_up == 6, "it is at the server, its reply on the way back"
        )
        await until_async(lambda: proxy.held_bytes == 5, "the reply is on its way")
        proxy.set(delay_ms=100, swallow_replies=1)
        writer.write(b"second")
        assert await reader.read(-1) == b"first"


@pytest.mark.parametrize("seed", [1, 2])
async def test_one_seed_swallows_the_same_replies(seed: int) -> None:
    lost = []
    for _ in range(2):
        async with before_an_echo() as (proxy, rig):
            proxy.set(swallow_replies=0.5, seed=seed)
            lost.append([await is_lost(rig) for _ in range(24)])
            assert sum(lost[-1]) == proxy.counts.replies_swallowed
    assert lost[0] == lost[1]
    assert 4 <= sum(lost[0]) <= 20


async def is_lost(rig: Rig) -> bool:
    """Whether the reply to one request on a connection of its own is."""
    reader, writer = await rig.opened()
    writer.write(b"x")
    writer.write_eof()
    return await reader.read(1) == b""


async def test_one_too_many_is_reset_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "MOST_CONNECTIONS", 3)
    async with before_an_echo() as (proxy, rig):
        clients = [await rig.client() for _ in range(3)]
        reader, _ = await rig.opened()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        assert proxy.counts.refused == 1
        clients[0][1].close()
        await until_async(lambda: proxy.open_connections == 2, "one has left")
        await rig.client()


async def test_the_end_of_the_proxy_is_the_end_of_its_connections() -> None:
    async with before_an_echo() as (proxy, rig):
        reader, _ = await rig.client()
        await proxy.close()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await rig.opened()
        await proxy.close()  # twice is fine


@pytest.mark.parametrize(
    "wrong", [{"delay_ms": -1}, {"throttle_bytes_per_s": 0}, {"swallow_replies": 1.5}, {"delay_ms": 1e9}]
)
async def test_a_wrong_condition_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    proxy = Proxy(ANYWHERE, ANYWHERE)
    proxy.set(delay_ms=5)
    with pytest.raises(LabError, match="expected"):
        proxy.set(**wrong)
    assert proxy.conditions.delay_ms == 5


async def test_it_listens_on_loopback_only_and_says_what_it_cannot_do() -> None:
    with pytest.raises(LabError, match="loopback only"):
        await Proxy(("0.0.0.0", 0), ANYWHERE).start()
    async with Proxy(("0.0.0.0", 0), ANYWHERE, anywhere=True) as in_a_container:
        assert in_a_container.address != ("0.0.0.0", 0)
    with pytest.raises(LabError, match="longer than"):
        await Proxy(Path("/tmp") / ("x" * 100), ANYWHERE).start()
    with socket.socket() as taken:
        taken.bind(ANYWHERE)
        taken.listen()
        with pytest.raises(LabError, match="cannot listen"):
            await Proxy(taken.getsockname(), ANYWHERE).start()
