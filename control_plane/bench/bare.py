"""The bare references: the least that a server with the same libraries can do. No validation, no store, no ledger.

`python -m control_plane.bench.bare http PORT`       Starlette on Hypercorn, `orjson.loads`, 202
`python -m control_plane.bench.bare websocket PORT`  `websockets` receive loop, `orjson.loads`, an ack every 50 ms
`python -m control_plane.bench.bare worker URL`      RQ's SimpleWorker as it comes, on the queue `bare`
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import orjson

from lab_runtime.process import now_us, run_async
from metrics_core.histogram import Histogram

CHANNEL = "bare"


def serve_http(port: int) -> None:
    """The bare endpoint, with pipeline A's Hypercorn settings."""
    from hypercorn.asyncio import serve
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from pipeline_http_redis.server import hypercorn_config, listen

    async def endpoint(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(b'{"accepted":1}', 202, media_type="application/json")

    app = Starlette(routes=[Route("/v1/samples", endpoint, methods=["POST"])])
    sock = listen("127.0.0.1", port)
    run_async(lambda stop: serve(app, hypercorn_config(sock), shutdown_trigger=stop.wait))  # type: ignore[arg-type]


def serve_websocket(port: int) -> None:
    """The bare receive loop. GET /v1/histograms gives the one-way latencies of single samples."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response

    from lab_runtime.feed import HttpRoutes, json_answer
    from lab_runtime.guards import Guards

    latency = Histogram()

    async def receive_timed(connection: ServerConnection) -> None:
        async for message in connection:
            latency.add(now_us() - orjson.loads(message)["sampled_at_us"])

    async def receive(connection: ServerConnection) -> None:
        frames = 0

        async def acknowledge() -> None:
            while True:
                await asyncio.sleep(0.05)
                broadcast([connection], b'{"type":"ack","frames":%d}' % frames, text=True)

        ticker = asyncio.create_task(acknowledge())
        with suppress(ConnectionClosed):
            async for message in connection:
                orjson.loads(message)
                frames += 1
        ticker.cancel()

    async def connected(connection: ServerConnection) -> None:
        assert connection.request is not None
        await (receive_timed if connection.request.path == "/timed" else receive)(connection)

    async def histograms() -> tuple[int, bytes, str]:
        return json_answer({"processed": latency.as_pairs()})

    routes = HttpRoutes(
        frozenset({"/v1/ingest", "/timed"}), {"/v1/histograms": histograms}, Guards(), frozenset()
    )

    async def process(connection: ServerConnection, request: Request) -> Response | None:
        return await routes(connection, request)

    async def main(stop: asyncio.Event) -> None:
        async with serve(connected, "127.0.0.1", port, process_request=process, compression=None):
            await stop.wait()

    run_async(main)


def publish(body: str) -> None:
    """The bare job: publish what it was given."""
    from rq import get_current_job

    job = get_current_job()
    assert job is not None
    job.connection.publish(CHANNEL, body)


def work(url: str) -> None:
    """RQ's SimpleWorker with nothing changed."""
    import redis
    from rq import Queue, SimpleWorker

    connection = redis.Redis.from_url(url)
    SimpleWorker([Queue("bare", connection=connection)], connection=connection).work(logging_level="WARNING")


if __name__ == "__main__":
    kind, where = sys.argv[1:]
    if kind == "http":
        serve_http(int(where))
    elif kind == "websocket":
        serve_websocket(int(where))
    else:
        work(where)
