"""A port's connections: counted, bounded, and ended when their token expires."""

from __future__ import annotations

import asyncio
from typing import cast

from websockets.asyncio.server import ServerConnection

from lab_runtime.connections import Connections
from tests.support.virtual_time import run_virtually


class Peer:
    """A connection that notes how it was closed, and when."""

    def __init__(self) -> None:
        self.closed: list[tuple[float, int, str]] = []

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((asyncio.get_running_loop().time(), int(code), reason))


def expiring(connections: Connections, at_s: float) -> Peer:
    peer = Peer()
    connections.end_at(cast(ServerConnection, peer), at_s)
    return peer


def test_a_connection_ends_when_its_token_does() -> None:
    async def main() -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        connections = Connections(now_s=clock)
        late, early, also = (expiring(connections, begun + wait_s) for wait_s in (7_300.0, 5.0, 5.0))
        await asyncio.sleep(4.9)
        assert not early.closed
        await asyncio.sleep(0.2)
        assert early.closed == also.closed == [(begun + 5.0, 1008, "the token has expired")]
        assert (late.closed, connections.expired) == ([], 2)
        await asyncio.sleep(7_300)
        assert [at_s - begun for at_s, _, _ in late.closed] == [7_300.0]

    run_virtually(main())


def test_one_that_is_gone_is_forgotten() -> None:
    async def main() -> None:
        clock = asyncio.get_running_loop().time
        connections = Connections(now_s=clock)
        expiring(connections, clock() + 1.0)  # nobody holds it
        await asyncio.sleep(2)
        assert connections.expired == 0

    run_virtually(main())


def test_the_bound_counts_the_one_that_asks() -> None:
    connections = Connections(most=2)
    found = []
    for connections.open in (2, 3):
        found.append(connections.full)
    assert found == [False, True]
    assert connections.counters().items() >= {"connections_refused": 0, "connections_expired": 0}.items()
