"""`python -m fake_servers`: run the fleet until SIGTERM, then drain the outboxes, then end."""

from __future__ import annotations

import asyncio
import resource

from fake_servers.config import FleetConfig
from fake_servers.control import listen, serve_control
from fake_servers.fleet import Fleet
from lab_runtime.env import Env
from lab_runtime.logs import get_logger
from lab_runtime.process import run_async, start

log = get_logger("fleet")


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
        await fleet.drain()
        running.cancel()
        ended.set()


def allow_many_connections() -> None:
    """Raise this process's own limit of open files as far as it may: each server holds a connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(env: Env, _: str) -> None:
    """Read the settings and run."""
    config = FleetConfig.from_env(env)
    allow_many_connections()
    run_async(lambda stop: serve(config, stop))


if __name__ == "__main__":
    start("fleet", main)
