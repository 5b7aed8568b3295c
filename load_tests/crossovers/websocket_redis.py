"""WebSocket before Redis: pipeline B's ingest on its port (base + 3), pipeline A's group commit behind it.

Pipeline A's workers and fan-out run beside it as ever. An ack means what A's 202 means: on disk in Redis's append-only
file (with `appendfsync always`) and queued for a worker.

A connection has one commit in flight: its next frame is read when the last one is held, which is what the ingest asks
of any sink. Frames of many connections share a commit.

Not here: the ingest (`pipeline_websocket/`), the batcher and the store (`pipeline_http_redis/`).
"""

from __future__ import annotations

import asyncio
from typing import Final

import redis
from websockets.asyncio.server import ServerConnection

from lab_runtime.env import Env
from lab_runtime.feed import HttpRoutes
from lab_runtime.logs import get_logger
from lab_runtime.process import now_us
from metrics_core.intervals import IntervalSet
from metrics_core.wire import BatchDecoder
from pipeline_http_redis.config import Config
from pipeline_http_redis.store.intake import Intake
from pipeline_http_redis.store.ledger import read_marks
from pipeline_http_redis.store_side import StoreSide
from pipeline_websocket.ingest import Counts, ProducerConnection
from pipeline_websocket.server import GUARDED, INGEST, get_routes, listening

STOP_WITHIN_S: Final = 4.0
_log = get_logger("websocket_redis")


class Marks:
    """Answers `resume` from Redis's marks.

    They tell what is processed. What is acknowledged and waits for a worker is not among them: a producer that resumes
    meanwhile sends it again, and it is counted as a duplicate. Nor does a producer learn anything while Redis is away:
    then it is told that nothing is held, which is never too much.
    """

    def __init__(self, intake: Intake) -> None:
        self._redis = intake.redis

    async def held(self, name: str, epoch: int) -> IntervalSet:
        """The sequence numbers processed of one producer and epoch."""
        try:
            return await read_marks(self._redis, name, epoch)
        except (redis.RedisError, OSError) as error:
            _log.warning("store_away", error=type(error).__name__)
            return IntervalSet()


class WebSocketRedis:
    """The process `websocket-redis`.

    Raises:
        ConfigError: A variable does not hold what it may hold.
    """

    def __init__(self, env: Env, name: str) -> None:
        self._config = Config.from_env(env, name)
        self._port = env.port(3)
        self._counts = Counts()
        # The clock *accepted* ends with the ack, as in pipeline B, not with the commit.
        self._store = StoreSide(self._config, self._counts, self._counts.accepted_latency)
        self._marks = Marks(self._store.intake)
        self._decoder = BatchDecoder()

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then wait for the commits in flight, close, and hand over the last counts."""
        config = self._config
        http = HttpRoutes(frozenset({INGEST}), get_routes(self._store), config.guards, GUARDED)
        async with self._store.running(stop):
            try:
                async with (
                    asyncio.timeout(None) as ends,
                    listening(self._connected, config.host, self._port, http),
                ):
                    await stop.wait()
                    ends.reschedule(asyncio.get_running_loop().time() + STOP_WITHIN_S)
            except TimeoutError:  # Redis keeps a commit waiting
                _log.warning("stopped_late", waited_s=STOP_WITHIN_S)

    async def _connected(self, connection: ServerConnection) -> None:
        producer = ProducerConnection(
            connection, self._store.sink, self._marks, self._decoder, self._counts, now_us
        )
        await producer.serve()
