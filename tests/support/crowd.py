"""Many dashboards in a process of their own: they read every snapshot and do nothing with it.

`python -m tests.support.crowd PORT HOW_MANY` connects them, then prints one line; on SIGTERM it prints how many
snapshots each of them got, as JSON. They are made for some seconds: pings are not answered.
"""

from __future__ import annotations

import json
import selectors
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.child import Child, clean_environ
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import until

_CHUNK_BYTES: Final = 1 << 18
_LENGTHS: Final = {126: 2, 127: 8}


class FrameCounter:
    """Counts the frames in the bytes of one connection, in whatever pieces they come."""

    def __init__(self) -> None:
        self.frames = 0
        self._head = b""
        self._left = 0

    def take(self, data: bytes) -> None:
        """Count on."""
        while data:
            if self._left:
                skipped = min(self._left, len(data))
                self._left, data = self._left - skipped, data[skipped:]
                continue
            self._head, data = self._head + data[:1], data[1:]
            if len(self._head) >= 2 and len(self._head) == 2 + _LENGTHS.get(self._head[1], 0):
                self._left = int.from_bytes(self._head[2:] or self._head[1:], "big")
                self._head = b""
                self.frames += 1


def main() -> None:
    """Connect, and read until SIGTERM."""
    port, dashboards = int(sys.argv[1]), int(sys.argv[2])
    running = True

    def end(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    counters = []
    with selectors.DefaultSelector() as selector:
        for _ in range(dashboards):
            feed = RawWebSocket(port, "/v1/feed")
            feed.sock.setblocking(False)
            counters.append(FrameCounter())
            selector.register(feed.sock, selectors.EVENT_READ, (feed, counters[-1]))
        while running:
            for key, _ in selector.select(0.1):
                feed, counter = key.data
                counter.take(feed.sock.recv(_CHUNK_BYTES))
    print(json.dumps([counter.frames for counter in counters]), flush=True)


class Crowd:
    """Dashboards that look at one feed.

    Attributes:
        frames: What each of them got; known when they are gone.
    """

    def __init__(self) -> None:
        self.frames: list[int] = []


@contextmanager
def crowd(lab: Pipelines, port: int, dashboards: int) -> Iterator[Crowd]:
    """So many dashboards are connected to a feed for as long as the block lasts."""
    log = lab.folder / "crowd.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.support.crowd", str(port), str(dashboards)]
    process = Child("crowd", command, clean_environ(), log)
    found = Crowd()

    def connected(wanted: int) -> bool:
        assert process.alive or not wanted, process.said()
        return lab.metric("feed_subscribers", port) == wanted

    try:
        until(lambda: connected(dashboards), f"{dashboards} dashboards are connected")
        yield found
    finally:
        process.close()
    found.frames = json.loads(process.said())
    until(lambda: connected(0), "all dashboards are gone")


if __name__ == "__main__":
    main()
