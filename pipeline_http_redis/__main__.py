"""`python -m pipeline_http_redis ingest|worker|fanout`: one process of pipeline A, configured by `LAB_…` variables."""

from __future__ import annotations

import asyncio
import sys

from lab_runtime.env import Env
from lab_runtime.open_files import allow_many_connections
from lab_runtime.process import run_async, start
from pipeline_http_redis.config import Config

_ROLES = ("ingest", "worker", "fanout")


def main(role: str) -> None:
    """Run one role; imports only what that role needs, which keeps a worker small."""

    def body(env: Env, name: str) -> None:
        config = Config.from_env(env, name)
        allow_many_connections()
        if role == "ingest":
            run_async(lambda stop: _ingest(config, stop))
        elif role == "worker":
            from pipeline_http_redis.worker import work

            if config.takes_orders:
                from pipeline_http_redis.obedient_worker import ObedientWorker

                work(config, ObedientWorker)
            else:
                work(config)
        else:
            from pipeline_http_redis.fanout import FanoutServer

            run_async(lambda stop: FanoutServer(config).serve(stop))

    start(role, body)


async def _ingest(config: Config, stop: asyncio.Event) -> None:
    from pipeline_http_redis.ingest import Counts
    from pipeline_http_redis.orders import PipelineOrders
    from pipeline_http_redis.server import IngestServer
    from pipeline_http_redis.store_side import StoreSide

    server = IngestServer(
        config.host,
        config.ingest_port,
        config.guards,
        StoreSide(config, Counts()),
        config.producer_rate,
        config.max_in_flight,
        config.tls,
        PipelineOrders(config.redis_url, config.host) if config.takes_orders else None,
    )
    await server.serve(stop)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in _ROLES:
        sys.exit(f"usage: python -m pipeline_http_redis {'|'.join(_ROLES)}")
    main(sys.argv[1])
