"""Reads a pipeline's feed as a dashboard would, and tells what each snapshot shows.

A snapshot names each producer's newest sample; with it all earlier samples of that producer count as visible, as they
are part of the window beside it. (Simplification: in pipeline A two workers may apply two batches of a producer in
either order; then a few samples count as visible one snapshot early.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import msgspec
from msgspec import Struct, field
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from lab_runtime.process import now_us

OPENS_WITHIN_S = 5.0
_AGAIN_AFTER_S = 0.25


class Newest(Struct):
    """The newest sample of a producer."""

    epoch: int
    seq: int


class Entry(Struct):
    """A producer in a snapshot."""

    producer: str
    last: Newest | None = None


class Backlog(Struct):
    """What waits inside a pipeline, and how much may."""

    waiting: float = 0
    capacity: float = 0


class View(Struct):
    """A process in a snapshot."""

    name: str
    pid: int


class Snapshot(Struct):
    """The parts of a snapshot that the load tests need."""

    pipeline: str
    totals: dict[str, int]
    backlog: Backlog
    producers: list[Entry]
    processes: list[View] = field(default_factory=list)


_decode = msgspec.json.Decoder(Snapshot).decode


class Observer:
    """A subscriber of a feed, in a greenlet of its own; connects again when the feed goes away.

    Args:
        url: The feed.
        token: Bearer token; empty: none.
        on_snapshot: Told of each snapshot and of when it came, µs since 1970.
    """

    def __init__(self, url: str, token: str, on_snapshot: Callable[[Snapshot, int], None]) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._on_snapshot = on_snapshot
        self._greenlet: Any = None
        self.newest: Snapshot | None = None
        self.problem = "no snapshot yet"

    def start(self) -> None:
        """Begin to read."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End it."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        while True:
            try:
                with connect(
                    self._url,
                    additional_headers=self._headers,
                    proxy=None,
                    compression=None,
                    max_size=None,
                    open_timeout=OPENS_WITHIN_S,
                    close_timeout=0.5,
                ) as feed:
                    while True:
                        text = feed.recv(decode=False)
                        at_us = now_us()
                        self.newest, self.problem = _decode(text), ""
                        self._on_snapshot(self.newest, at_us)
            except (OSError, TimeoutError, WebSocketException) as error:
                self.problem = f"the feed at {self._url} does not answer ({type(error).__name__})"
            except msgspec.DecodeError as error:
                self.problem = f"the feed at {self._url} sends no snapshots ({error})"
            gevent.sleep(_AGAIN_AFTER_S)
