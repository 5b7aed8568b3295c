"""The process of pipeline B: one port for producers (`/v1/ingest`), dashboards (`/v1/feed`) and plain GET requests.

Compression is off: it costs 32 KiB a connection, a frame of one sample gains nothing, and a frame that claims to be
compressed ends its connection before anything is inflated, so no bomb can go off.
"""

from __future__ import annotations

import asyncio
from typing import Final

from websockets.asyncio.server import ServerConnection, serve

from lab_runtime.feed import (
    CLOSE_TIMEOUT_S,
    WRITE_LIMIT_BYTES,
    Answer,
    Fanout,
    HttpRoutes,
    json_answer,
    text_answer,
)
from lab_runtime.logs import get_logger
from lab_runtime.methods import GetConnection
from lab_runtime.ops import metrics_text
from lab_runtime.process import end_with, now_us
from metrics_core.ledger import format_ledger
from metrics_core.limits import MAX_BATCH_BYTES
from metrics_core.sink import Batch
from metrics_core.wire import BatchDecoder
from pipeline_websocket.aggregator import Aggregator
from pipeline_websocket.config import Config
from pipeline_websocket.fanout import SnapshotTicker
from pipeline_websocket.ingest import Counts, ProducerConnection

_INGEST: Final = "/v1/ingest"
_FEED: Final = "/v1/feed"
_log = get_logger("server")


class AggregatorSink:
    """The `Sink` of pipeline B: held means in the ring and in the aggregates of this process's memory."""

    def __init__(self, aggregator: Aggregator) -> None:
        self._add = aggregator.add

    async def accept(self, batch: Batch) -> None:
        """Take a batch at once.

        Raises:
            LimitReached: A bound on producers, epochs or gaps; nothing is kept.
        """
        self._add(batch.samples, now_us())


class PipelineServer:
    """The one process of pipeline B."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._aggregator = Aggregator(config.ring_capacity)
        self._sink = AggregatorSink(self._aggregator)
        self._counts = Counts()
        self._decoder = BatchDecoder()
        self._fanout = Fanout()
        self._ticker = SnapshotTicker(config, self._aggregator, self._counts, self._fanout)

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then close every connection with 1001 (going away)."""
        routes = {
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/v1/ledger": self._ledger,
            "/v1/histograms": self._histograms,
        }
        http = HttpRoutes(frozenset({_INGEST, _FEED}), routes, self._config.token, frozenset({"/v1/ledger"}))
        tick = asyncio.create_task(self._ticker.run())
        end_with(tick, stop)
        async with serve(
            self._connected,
            self._config.host,
            self._config.port,
            process_request=http,
            create_connection=GetConnection,
            origins=[None, *self._config.origins],  # type: ignore[list-item]
            compression=None,
            max_size=MAX_BATCH_BYTES,
            write_limit=WRITE_LIMIT_BYTES,
            close_timeout=CLOSE_TIMEOUT_S,
            backlog=1024,
        ):
            _log.info("listening", host=self._config.host, port=self._config.port)
            await stop.wait()
            tick.cancel()

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        if connection.request.path.partition("?")[0] == _FEED:
            await self._fanout.serve(connection)
        else:
            producer = ProducerConnection(
                connection, self._sink, self._aggregator, self._decoder, self._counts, now_us
            )
            await producer.serve()

    async def _alive(self) -> Answer:
        return json_answer({"status": "ok"})

    async def _ready(self) -> Answer:
        return json_answer({"status": "ready"})

    async def _ledger(self) -> Answer:
        return json_answer(
            {
                "pipeline": "websocket",
                "run": self._config.run,
                "totals": self._ticker.totals(),
                "producers": format_ledger(self._aggregator.ledger()),
            }
        )

    async def _histograms(self) -> Answer:
        return json_answer(
            {
                "pipeline": "websocket",
                "accepted": self._counts.accepted_latency.as_pairs(),
                "processed": self._aggregator.processed_latency.as_pairs(),
            }
        )

    async def _metrics(self) -> Answer:
        fanout = self._fanout
        counters = self._ticker.totals() | {
            "feed_snapshots_skipped": fanout.skipped,
            "feed_subscribers_cut": fanout.cut,
        }
        gauges = {
            "feed_subscribers": fanout.subscribers,
            "producer_connections": self._counts.connections,
            "samples_not_folded": self._aggregator.pending,
        }
        latencies = {
            "accepted": self._counts.accepted_latency,
            "processed": self._aggregator.processed_latency,
        }
        return text_answer(metrics_text("websocket", counters, gauges, latencies))
