"""The proxy for faults in front of what the lab speaks: each protocol opens, and loses only its reply."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import pytest
import redis
import redis.asyncio

from control_plane.faults.proxy import Proxy
from metrics_core.wire import encode_batch
from tests.support.folders import short_folder
from tests.support.h1_client import H1Client
from tests.support.h2_client import ConnectionLost, H2Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import ClosedByPeer, RawWebSocket
from tests.support.samples import a_sample
from tests.support.waiting import until

ANYWHERE: Final = ("127.0.0.1", 0)


async def test_http1_loses_a_reply_and_the_retry_is_a_duplicate(pipelines: Pipelines) -> None:
    def talk(port: int) -> None:
        with H1Client(port) as client:
            assert client.post(encode_batch([a_sample("proxied-1", 1, 0)])).status == 202

    def lose(port: int) -> None:
        with H1Client(port) as client, pytest.raises(ConnectionError):
            client.post(encode_batch([a_sample("proxied-1", 1, 1)]))

    async with Proxy(ANYWHERE, ("127.0.0.1", pipelines.ingest_port)) as proxy:
        assert isinstance(proxy.address, tuple)
        await asyncio.to_thread(talk, proxy.address[1])
        proxy.set(swallow_replies=1)
        await asyncio.to_thread(lose, proxy.address[1])
        await asyncio.to_thread(
            until, lambda: pipelines.processed("proxied-1") == [[0, 1]], "the request itself got through"
        )


async def test_http2_opens_and_loses_only_the_reply(pipelines: Pipelines) -> None:
    def talk(port: int) -> None:
        with H2Client(port) as client:
            streams = [client.post(encode_batch([a_sample("proxied-2", 1, seq)])) for seq in range(3)]
            assert [client.reply(stream).status for stream in streams] == [202, 202, 202]

    def lose(port: int) -> None:
        with H2Client(port) as client, pytest.raises(ConnectionLost, match="closed by the server"):
            client.reply(client.post(encode_batch([a_sample("proxied-2", 1, 3)])))

    async with Proxy(ANYWHERE, ("127.0.0.1", pipelines.ingest_port)) as proxy:
        assert isinstance(proxy.address, tuple)
        await asyncio.to_thread(talk, proxy.address[1])
        proxy.set(swallow_replies=1)
        await asyncio.to_thread(lose, proxy.address[1])
        await asyncio.to_thread(
            until, lambda: pipelines.processed("proxied-2") == [[0, 3]], "the request itself got through"
        )
        assert proxy.counts.replies_swallowed == 1


async def test_websocket_opens_and_loses_only_the_reply(pipelines: Pipelines) -> None:
    def talk(port: int) -> None:
        with RawWebSocket(port, "/v1/ingest") as client:
            client.send(encode_batch([a_sample("proxied-3", 1, 0)]))
            assert client.verdicts(1) == {}

    def lose(port: int) -> None:
        with RawWebSocket(port, "/v1/ingest") as client:
            assert client.resume("proxied-3", 1)["next_seq"] == 1
            client.send(encode_batch([a_sample("proxied-3", 1, 1)]))
            with pytest.raises(ClosedByPeer):
                client.receive()

    async with Proxy(ANYWHERE, ("127.0.0.1", pipelines.websocket_port)) as proxy:
        assert isinstance(proxy.address, tuple)
        await asyncio.to_thread(talk, proxy.address[1])
        proxy.set(swallow_replies=1)
        await asyncio.to_thread(lose, proxy.address[1])
        await asyncio.to_thread(
            until,
            lambda: pipelines.processed("proxied-3", "websocket") == [[0, 1]],
            "the request itself got through",
        )


async def test_redis_opens_and_loses_only_the_reply(pipelines: Pipelines) -> None:
    key = "proxied"
    with short_folder() as folder:
        path = folder / "proxy.sock"
        async with Proxy(path, pipelines.socket) as proxy:
            assert path.stat().st_mode & 0o077 == 0, "for its owner alone"
            async with redis.asyncio.Redis(unix_socket_path=str(path), retry=None) as client:  # type: ignore[arg-type]
                assert await client.incr(key) == 1
                proxy.set(swallow_replies=1)
                with pytest.raises(redis.ConnectionError):
                    await client.incr(key)  # on the connection that is open
                with pytest.raises(redis.ConnectionError):
                    await client.incr(key)  # on a new one, opened through the proxy
                proxy.set()
                assert await client.incr(key) == 4, "each took place"
                await client.delete(key)
        assert not path.exists()


async def test_a_socket_that_took_its_place_stays() -> None:
    with short_folder() as folder:
        path = folder / "proxy.sock"
        proxy = Proxy(path, folder / "nobody.sock")
        await proxy.start()
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            await proxy.close()
            assert path.exists()
