"""Both pipelines behind slow links: proxies of the fault engine, run by a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.faults.proxy import Proxy
from tests.support.pipelines import Pipelines


@contextmanager
def slow_links(pipelines: Pipelines, bytes_per_s: float) -> Iterator[dict[str, str]]:
    """Proxies in front of both pipelines that let so much through; gives the fleet's settings to use them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxies = [
        Proxy(("127.0.0.1", 0), ("127.0.0.1", port))
        for port in (pipelines.ingest_port, pipelines.websocket_port)
    ]
    try:
        for proxy in proxies:
            asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
            loop.call_soon_threadsafe(lambda proxy=proxy: proxy.set(throttle_bytes_per_s=bytes_per_s))  # type: ignore[misc]
        a, b = (
            f"{proxy.address[0]}:{proxy.address[1]}" for proxy in proxies if isinstance(proxy.address, tuple)
        )
        yield {"INGEST_URL": f"http://{a}", "PIPELINE_B_URL": f"ws://{b}"}
    finally:
        for proxy in proxies:
            asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
