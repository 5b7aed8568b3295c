"""`python -m fake_servers`: run the fleet until SIGTERM, then drain the outboxes, then end.

Whoever sends SIGTERM does not wait for ever (the lab's supervisor kills after 5 s), so the end has a time for each
step, and one for all. Samples that have no fate by then stay in the producers' log, and their number is told.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Final

from fake_servers.config import FleetConfig
from fake_servers.control import listen, serve_control
from fake_servers.fleet import Fleet
from lab_runtime.env import Env
from lab_runtime.logs import get_logger
from lab_runtime.open_files import allow_many_connections
from lab_runtime.process import run_async, start

log = get_logger("fleet")


DRAIN_S: Final = 2.5
"""After SIGTERM: how long the outboxes may take."""

CLOSE_S: Final = 1.2
"""Then: how long the connections may take to close."""

END_S: Final = 4.3
"""After SIGTERM: the process is gone, whatever hangs."""


async def serve(config: FleetConfig, stop: asyncio.Event) -> None:
    """Run the fleet and its control API until `stop` is set and the outboxes are drained.

    Raises:
        ConfigError: The control API's port cannot be had.
    """
    listener = listen(config)
    fleet, ended = Fleet(config), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_control(fleet, config, listener, ended))
        running = tasks.create_task(fleet.run())
        log.info("fleet started", servers=len(fleet.producers), rate=config.rate, transport=config.transport)
        await stop.wait()
        _end_in_time()
        await fleet.drain(DRAIN_S)
        running.cancel()
        await asyncio.wait([running], timeout=CLOSE_S)
        ended.set()
    if fleet.sample_log:
        fleet.sample_log.close()


def _end_in_time() -> None:
    """End the process after `END_S` from a thread of its own, which a busy event loop cannot hold up."""

    def end() -> None:
        log.warning("not ended in time, ends now")
        os._exit(1)

    timer = threading.Timer(END_S, end)
    timer.daemon = True
    timer.start()


def main(env: Env, _: str) -> None:
    """Read the settings and run."""
    config = FleetConfig.from_env(env)
    allow_many_connections()
    run_async(lambda stop: serve(config, stop))


if __name__ == "__main__":
    start("fleet", main)
