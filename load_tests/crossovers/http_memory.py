"""HTTP before memory: pipeline A's ingest on its port (base + 1), pipeline B's aggregator, B's feed on A's (base + 2).

One process, one event loop. A 202 means: in the ring and the aggregates of this process's memory.

Not here: the ingest (`pipeline_http_redis/`), the memory and its snapshots (`pipeline_websocket/`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from websockets.asyncio.server import ServerConnection

from lab_runtime.env import Env
from lab_runtime.feed import HttpRoutes
from lab_runtime.process import now_us
from metrics_core.sink import Batch, Sink
from pipeline_http_redis.server import IngestServer
from pipeline_websocket.config import Config
from pipeline_websocket.ingest import Counts
from pipeline_websocket.memory_side import MemorySide
from pipeline_websocket.server import FEED, get_routes, listening


class CountingSink:
    """Counts the clock *accepted* where pipeline A does: when the batch is held, just before the 202.

    Pipeline B's own transport counts it when it sends an ack; HTTP has none, and its ingest leaves it to the sink.
    """

    def __init__(self, sink: Sink, counts: Counts) -> None:
        self._accept = sink.accept
        self._counts = counts

    async def accept(self, batch: Batch) -> None:
        """Pass a batch on, and count it.

        Raises:
            Refused: The sink's own.
        """
        await self._accept(batch)
        at_us, counts = now_us(), self._counts
        counts.accepted += len(batch.samples)
        counts.accepted_latency.add_all([at_us - sample.sampled_at_us for sample in batch.samples])


class CountingMemory(MemorySide):
    """Pipeline B's memory behind a transport that does not count what is accepted."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.sink = CountingSink(self.sink, self.connected)


class HttpMemory:
    """The process `http-memory`.

    Raises:
        ConfigError: A variable does not hold what it may hold.
    """

    def __init__(self, env: Env, name: str) -> None:
        self._config = replace(Config.from_env(env, name), port=env.port(2))
        self._memory = CountingMemory(self._config)
        self._ingest = IngestServer(self._config.host, env.port(1), self._config.guards, self._memory)

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve both ports until `stop` is set."""
        await asyncio.gather(self._ingest.serve(stop), self._serve_feed(stop))

    async def _serve_feed(self, stop: asyncio.Event) -> None:
        config, every_route = self._config, get_routes(self._memory)
        routes = {path: every_route[path] for path in ("/healthz", "/readyz", "/metrics")}
        http = HttpRoutes(frozenset({FEED}), routes, config.guards, frozenset())
        async with listening(self._subscribed, config.host, config.port, http):
            await stop.wait()

    async def _subscribed(self, connection: ServerConnection) -> None:
        await self._memory.fanout.serve(connection)
