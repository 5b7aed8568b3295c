"""The fan-out process of pipeline A: Redis → snapshot → every dashboard, on `websockets`.

Four times a second it asks the store what changed, builds one snapshot and offers it to every subscriber; while nobody
is connected it builds none. A crash or a second instance costs nothing: all state is in Redis.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

import redis
from websockets.asyncio.server import ServerConnection, serve

from lab_runtime.connections import Connections
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
from lab_runtime.ops import metrics_text
from lab_runtime.peers import OPEN_WITHIN_S
from lab_runtime.process import SelfMeter, end_with, now_us
from lab_runtime.self_faults import PATH as ORDERS
from lab_runtime.self_faults import SelfFaults, serve_order
from lab_runtime.tls import server_context
from metrics_core.snapshot import (
    BufferView,
    ProcessView,
    ProducerBoard,
    ProducerView,
    SlidingLatency,
    SlidingRate,
    encode_snapshot,
)
from metrics_core.trace import RecentTraces
from pipeline_http_redis.config import Config
from pipeline_http_redis.store.counters import Counters, store_process
from pipeline_http_redis.store.feed import Changes, Feed
from pipeline_http_redis.store.keys import STREAM_LENGTH

_FEED: Final = "/v1/feed"
_WORKER: Final = "worker"  # how the names of workers begin
_log = get_logger("fanout")


class FanoutServer:
    """One fan-out process."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._feed = Feed(config.redis_url)
        self._fanout = Fanout()
        self._connections = Connections(config.max_connections)
        self._traces = RecentTraces(now_us())
        self._board = ProducerBoard(config.rules)
        self._rate = SlidingRate()
        self._accepted, self._processed = SlidingLatency(), SlidingLatency()
        self._meter = SelfMeter(config.name)
        self._store_meter = StoreMeter(self._feed)
        self._orders = SelfFaults(config.host) if config.takes_orders else None
        self._failure = "no tick yet"

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        routes = {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._metrics}
        config = self._config
        sockets = frozenset({_FEED, ORDERS} if self._orders else {_FEED})
        http = HttpRoutes(sockets, routes, config.guards, frozenset(), self._connections)
        tick = asyncio.create_task(self._tick_for_ever())
        end_with(tick, stop)
        async with serve(
            self._subscribe,
            config.host,
            config.fanout_port,
            process_request=http,
            create_connection=http.connections.new,  # type: ignore[arg-type]
            ssl=server_context(config.tls),
            compression=None,
            max_size=1024,  # dashboards have nothing to say here
            write_limit=WRITE_LIMIT_BYTES,
            open_timeout=OPEN_WITHIN_S,
            close_timeout=CLOSE_TIMEOUT_S,
        ):
            _log.info("listening", host=self._config.host, port=self._config.fanout_port)
            await stop.wait()
            tick.cancel()
        await self._feed.aclose()

    async def _subscribe(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        if self._orders and connection.request.path.partition("?")[0] == ORDERS:
            await serve_order(self._orders.obey, connection)
        else:
            await self._fanout.serve(connection)

    async def _tick_for_ever(self) -> None:
        period_s = 1 / self._config.feed_hz
        next_look = reported = time.monotonic()
        while True:
            next_look += period_s
            await asyncio.sleep(max(0.0, next_look - time.monotonic()))
            next_look = max(next_look, time.monotonic() - period_s)
            try:
                if time.monotonic() - reported >= 1.0:
                    reported = time.monotonic()
                    await self._feed.report(self._meter.observe(), now_us())
                    await self._store_meter.look()
                if self._fanout.subscribers:
                    self._fanout.publish(await self._snapshot())
                else:
                    self._traces.nobody_looks(now_us())
                    await self._feed.listen()
                self._failure = ""
            except (redis.RedisError, OSError) as error:
                if not self._failure:
                    _log.warning("store_away", error=type(error).__name__)
                self._failure = f"redis: {type(error).__name__}"
                self._feed.start_over()

    async def _snapshot(self) -> bytes:
        changes = await self._feed.changes(now_us())
        counters = changes.counters
        self._traces.publish(changes.traces, now_us())
        for name, stored in changes.producers.items():
            self._board.update(name, ProducerView(stored.last_sample(), stored.windows))
        at_us, totals = now_us(), counters.totals
        return encode_snapshot(
            pipeline="http_redis",
            run=self._config.run,
            at_us=at_us,
            totals=totals,
            rate_per_s=self._rate.observe(totals["processed"], at_us),
            backlog={"waiting": counters.waiting, "capacity": self._config.backlog_capacity, "unit": "jobs"},
            buffers=self._buffers(changes),
            latency_ms={
                "accepted": self._accepted.observe(counters.accepted, at_us),
                "processed": self._processed.observe(counters.processed, at_us),
            },
            producers=self._board.entries(at_us),
            processes=[*counters.processes, *self._store_meter.views],
            alerts=_alerts(counters, self._config.backlog_capacity),
            traces=self._traces.newest,
            subscribers=self._fanout.subscribers,
        )

    def _buffers(self, changes: Changes) -> list[BufferView]:
        counters = changes.counters
        gathered, most = (sum(column) for column in zip((0, 0), *counters.gathered, strict=True))
        workers = sum(process.name.startswith(_WORKER) for process in counters.processes)
        return [
            BufferView("group commit", gathered, most, "batches"),
            BufferView("Redis queue", counters.waiting, self._config.backlog_capacity, "jobs"),
            BufferView("workers", counters.in_hand, workers, "jobs"),
            BufferView("stream", changes.entries, STREAM_LENGTH, "batches"),
            self._fanout.buffer,
        ]

    async def _alive(self) -> Answer:
        return json_answer({"status": "ok"})

    async def _ready(self) -> Answer:
        with suppress(redis.RedisError, OSError):
            await self._feed.redis.ping()
            return json_answer({"status": "ready"})
        return json_answer({"status": "not ready", "failing": "redis", "detail": self._failure}, 503)

    async def _metrics(self) -> Answer:
        fanout, connections = self._fanout, self._connections
        counters = {"feed_snapshots_skipped": fanout.skipped, "feed_subscribers_cut": fanout.cut}
        gauges = {"feed_subscribers": fanout.subscribers} | connections.gauges()
        return text_answer(metrics_text("http_redis", counters | connections.counters(), gauges))


class StoreMeter:
    """CPU and memory of the Redis process, as it tells them itself (so it may run anywhere)."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._before: tuple[float, float] | None = None
        self.views: list[ProcessView] = []

    async def look(self) -> None:
        """Ask once; `views` holds the store's process from the second look on."""
        pid, cpu_s, rss_bytes = await store_process(self._feed.redis)
        now = time.monotonic()
        if self._before is not None and now > self._before[0] and cpu_s >= self._before[1]:
            percent = 100 * (cpu_s - self._before[1]) / (now - self._before[0])
            self.views = [ProcessView("redis", pid, round(percent, 1), rss_bytes)]
        self._before = (now, cpu_s)


def _alerts(counters: Counters, capacity: int) -> list[str]:
    alerts = []
    if counters.waiting >= capacity:
        alerts.append(f"backlog full: {counters.waiting} jobs wait, the ingest answers 429")
    if counters.totals["dead_lettered"]:
        alerts.append(f"{counters.totals['dead_lettered']} samples set aside (dead letters)")
    return alerts
