"""The feed's fan-out: newest wins, nothing queues, a subscriber that takes nothing is cut. And plain GET answers."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import orjson
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedOK
from websockets.http11 import Request, Response

from lab_runtime.feed import CUT_AFTER_S, Answer, Fanout, HttpRoutes, json_answer, text_answer
from lab_runtime.guards import Guards
from metrics_core.snapshot import BufferView
from tests.support.virtual_time import run_virtually, settle


class FakeConnection:
    """A subscriber: takes what is sent while `room` is set."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.room = asyncio.Event()
        self.room.set()
        self.aborts = 0
        self.closed = asyncio.Event()
        self.transport = self.protocol = self
        self.max_message_size = 2**22
        self.options: dict[tuple[int, int], int | bytes] = {}
        self.said = b""
        self.closed_with = 0

    async def send(self, message: bytes, *, text: bool) -> None:
        assert text
        if self.closed.is_set():
            raise ConnectionClosedOK(None, None)
        await self.room.wait()
        self.taken.append(message)

    def abort(self) -> None:
        self.aborts += 1
        self.closed.set()

    async def recv(self, *, decode: bool) -> bytes:
        assert not decode
        await self.closed.wait()
        if self.said:
            return self.said
        raise ConnectionClosedOK(None, None)

    async def close(self, code: int, reason: str) -> None:
        self.closed_with = code

    def get_extra_info(self, name: str) -> FakeConnection:
        assert name == "socket"
        return self

    def fileno(self) -> int:
        return 7

    def setsockopt(self, level: int, option: int, size: int | bytes) -> None:
        self.options[level, option] = size

    def get_write_buffer_size(self) -> int:
        return 32_768


def subscribe(fanout: Fanout) -> tuple[FakeConnection, asyncio.Task[None]]:
    connection = FakeConnection()
    return connection, asyncio.create_task(fanout.serve(cast(ServerConnection, connection)))


def test_every_subscriber_gets_every_snapshot_when_it_keeps_up() -> None:
    async def main() -> None:
        fanout = Fanout()
        one, task = subscribe(fanout)
        two, other = subscribe(fanout)
        await settle()
        assert fanout.subscribers == 2
        for n in range(3):
            fanout.publish(b"%d" % n)
            await settle()
        assert one.taken == two.taken == [b"0", b"1", b"2"]
        assert (fanout.skipped, fanout.cut) == (0, 0)
        task.cancel()
        other.cancel()
        await asyncio.gather(task, other, return_exceptions=True)
        assert fanout.subscribers == 0

    run_virtually(main())


def test_a_new_subscriber_waits_for_the_next_snapshot() -> None:
    async def main() -> None:
        fanout = Fanout()
        fanout.publish(b"old")
        connection, task = subscribe(fanout)
        await settle()
        assert connection.taken == []
        fanout.publish(b"new")
        await settle()
        assert connection.taken == [b"new"]
        task.cancel()

    run_virtually(main())


def test_a_slow_subscriber_skips_to_the_newest_and_holds_up_nobody() -> None:
    async def main() -> None:
        fanout = Fanout()
        slow, slow_task = subscribe(fanout)
        fast, fast_task = subscribe(fanout)
        await settle()
        slow.room.clear()
        for n in range(10):
            fanout.publish(b"%d" % n)
            await settle()
        assert fanout.buffer == BufferView("feed", 1, 2, "snapshots")
        assert len(fast.taken) == 10
        slow.room.set()
        await settle()
        assert slow.taken == [b"0", b"9"], "the one in hand, then the newest"
        assert fanout.skipped == 8
        assert (fanout.subscribers, fanout.cut) == (2, 0)
        slow_task.cancel()
        fast_task.cancel()

    run_virtually(main())


def test_a_subscriber_that_takes_nothing_is_cut() -> None:
    async def main() -> None:
        fanout = Fanout()
        stuck, task = subscribe(fanout)
        await settle()
        stuck.room.clear()
        fanout.publish(b"0")
        await asyncio.sleep(CUT_AFTER_S - 0.01)
        assert stuck.aborts == 0
        await asyncio.sleep(0.02)
        await task
        assert stuck.aborts == 1
        assert (fanout.cut, fanout.subscribers) == (1, 0)

    run_virtually(main())


def test_a_subscriber_that_says_something_is_sent_away() -> None:
    async def main() -> None:
        fanout = Fanout()
        connection, task = subscribe(fanout)
        await settle()
        connection.said = b"hello"
        connection.closed.set()
        await task
        assert (connection.closed_with, fanout.subscribers) == (1008, 0)

    run_virtually(main())


def test_what_is_held_for_a_subscriber_is_bounded() -> None:
    async def main() -> None:
        connection, task = subscribe(Fanout())
        await settle()
        assert connection.max_message_size <= 1024
        assert connection.options[socket.SOL_SOCKET, socket.SO_SNDBUF] == 2**17
        task.cancel()

    run_virtually(main())


def test_a_subscriber_that_leaves_is_forgotten_at_once() -> None:
    """Not with the next snapshot: while nobody is connected there is none, and a process that stops waits for all."""

    async def main() -> None:
        fanout = Fanout()
        connection, task = subscribe(fanout)
        await settle()
        connection.closed.set()
        await task
        assert (fanout.subscribers, fanout.cut, connection.aborts) == (0, 0, 0)

    run_virtually(main())


def test_a_subscriber_that_leaves_while_it_is_sent_to() -> None:
    async def main() -> None:
        fanout = Fanout()
        stuck, task = subscribe(fanout)
        await settle()
        stuck.room.clear()
        fanout.publish(b"0")
        await settle()
        stuck.closed.set()
        await task
        assert (fanout.subscribers, fanout.cut, stuck.taken) == (0, 0, [])

    run_virtually(main())


# -- plain GET answers -----------------------------------------------------------------------------------------------


async def _hello() -> Answer:
    return json_answer({"hello": 1})


async def _text() -> Answer:
    return text_answer(b"metric 1\n")


def ask(path: str, token: str = "", **headers: str) -> Response | None:
    routes = HttpRoutes(
        frozenset({"/v1/feed"}),
        {"/hello": _hello, "/open": _text},
        Guards(token=token),
        guarded=frozenset({"/hello"}),
    )
    request = Request(path, Headers(Host="127.0.0.1:8767", **headers))
    found: Any = run_virtually(routes(cast(ServerConnection, None), request))
    return cast(Response | None, found)


def status_of(response: Response | None) -> int:
    assert response is not None
    assert response.headers["Content-Length"] == str(len(response.body))
    return response.status_code


UPGRADE = {"Upgrade": "WebSocket"}


def test_a_route_answers() -> None:
    response = ask("/hello?x=1")
    assert status_of(response) == 200
    assert response is not None
    assert orjson.loads(response.body) == {"hello": 1}


def test_an_unknown_path_is_404_also_for_websockets() -> None:
    assert status_of(ask("/nope")) == 404
    assert status_of(ask("/nope", **UPGRADE)) == 404


def test_a_socket_path_upgrades_or_says_that_it_would() -> None:
    assert ask("/v1/feed", **UPGRADE) is None
    assert status_of(ask("/v1/feed")) == 426


@pytest.mark.parametrize("path", ["/v1/feed", "/hello"])
def test_a_token_guards_sockets_and_guarded_paths(path: str) -> None:
    refused = ask(path, token="secret", **UPGRADE)
    assert status_of(refused) == 401
    assert refused is not None
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert status_of(ask(f"{path}?token=wrong", token="secret", **UPGRADE)) == 401
    for allowed in (
        ask(path, token="secret", Authorization="Bearer secret", **UPGRADE),
        ask(f"{path}?token=secret", token="secret", **UPGRADE),
    ):
        assert allowed is None or allowed.status_code == 200


def test_health_and_metrics_need_no_token() -> None:
    assert status_of(ask("/open", token="secret")) == 200
