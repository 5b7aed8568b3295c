"""The seam between a process that serves an ingest and what stands behind it.

`metrics_core.sink.Sink` is what an ingest asks for each batch; `Behind` is what the process around it asks: run beside
it, and answer the plain GET requests. So the HTTP server and the WebSocket server each serve any store, and neither
imports one.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from metrics_core.sink import Refusals, Sink


class Behind(Protocol):
    """What stands behind an ingest. Its answers may raise `RemoteFault`: the store cannot be asked."""

    sink: Sink
    counts: Refusals

    def running(self, stop: asyncio.Event) -> AbstractAsyncContextManager[None]:
        """Do what must go on beside the serving; sets `stop` where that fails. Leaving hands over the last counts."""

    async def ledger(self) -> dict[str, Any]:
        """The body of `GET /v1/ledger`."""

    async def histograms(self) -> dict[str, Any]:
        """The body of `GET /v1/histograms`."""

    async def windows(self) -> dict[str, Any]:
        """The body of `GET /v1/windows`."""

    async def whereabouts(self) -> dict[str, Any]:
        """The body of `GET /v1/whereabouts`."""

    async def failing(self) -> dict[str, str]:
        """What keeps it from its work, and the detail; empty: nothing."""

    async def metrics(self) -> bytes:
        """The body of `GET /metrics`."""
