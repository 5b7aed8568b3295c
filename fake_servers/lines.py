"""The lines: what sends on every link, and how connections are opened, cut and led elsewhere while the fleet runs.

Each link has one task, under a guard: a fault that nobody foresaw is logged and counted, and that one link starts
again. A fault on purpose ends such tasks (`close`), changes something, and starts new ones (`open`); in between
nothing is in flight, so the account of the outboxes is exact. One such change goes on at a time.

Not here: when samples are made (`fleet.py`), and how one is sent (`http.py`, `websocket.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from random import Random
from typing import Final

from fake_servers.config import FleetConfig
from fake_servers.http import HttpClient, send_by_http
from fake_servers.link import Link
from fake_servers.retry import Backoff
from fake_servers.websocket import WebSocketTransport, send_by_websocket
from lab_runtime.logs import get_logger

CLOSE_WITHIN_S: Final = 3.0
"""A connection that is not closed after this long is let go."""

REST_S: Final = 2.0
"""How long a change of protocol waits for the answers to what is on its way."""

log = get_logger("fleet")


class Lines:
    """The tasks and clients behind the links of a fleet. It connects to nothing before `hold`.

    Args:
        config: Where the pipelines are, and the seed of the delays between attempts.
    """

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self.crashes = 0
        """Link tasks that ended by an unforeseen fault and were started again."""
        self._clients: dict[str, HttpClient] = {}
        self._websocket = WebSocketTransport(config)
        self._http_netloc: str | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[Link, asyncio.Task[None]] = {}

    async def hold(self, links: Iterable[Link]) -> None:
        """Send on every link until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self.open(links)
                await asyncio.Event().wait()  # also where there is no link: until cancelled
        finally:
            self._group = None
            for client in self._clients.values():
                await client.close()

    def open(self, links: Iterable[Link]) -> None:
        """Start to send on these links; without effect before `hold` and after it."""
        if self._group is None:
            return
        for link in links:
            link.last_words = None
            self._tasks[link] = self._group.create_task(self._guard(link))

    async def close(self, links: Iterable[Link]) -> None:
        """End sending on these links, as their `last_words` say; then nothing of them is in flight."""
        tasks = [task for link in links if (task := self._tasks.pop(link, None))]
        for _ in range(2):  # the second time without last words: they are not heard
            for task in tasks:
                task.cancel()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=CLOSE_WITHIN_S)
                tasks = list(late)

    async def reconnect(self, links: Iterable[Link], reason: str) -> None:
        """Cut all connections of these links at once, and open them again; those that have none stay without."""
        links = [link for link in links if link in self._tasks]
        transports = {link.transport for link in links}
        clients = [client for name, client in self._clients.items() if name in transports]
        for link in links:
            link.last_words = b""
            link.down(reason)
        old = [client.renew() for client in clients]
        try:
            await self.close(links)
        finally:
            self.open(links)
            if old:
                await asyncio.wait([asyncio.create_task(closing) for closing in old], timeout=CLOSE_WITHIN_S)

    async def change(self, links: dict[Link, str]) -> None:
        """Let links speak another protocol, or speak at all: what is on its way is answered first, for a time.

        Args:
            links: Those to be changed, with what each is to speak.
        """
        for link in links:
            link.resting = True
        try:
            deadline_s = time.monotonic() + REST_S
            while any(link.in_flight for link in links) and time.monotonic() < deadline_s:
                await asyncio.sleep(0.01)
            await self.close(links)
        finally:
            for link, transport in links.items():
                link.transport, link.resting = transport, False
            self.open(links)

    def set_replay(self, replay: bool) -> None:
        """From the next connection on, give pipeline B back what it acked and lost, or not."""
        self._websocket.replay = replay

    async def tidy(self) -> None:
        """Close the connections of protocols that no link speaks now."""
        spoken = {link.transport for link in self._tasks}
        idle = [client.renew() for name, client in self._clients.items() if name not in spoken]
        if idle:
            await asyncio.wait([asyncio.create_task(closing) for closing in idle], timeout=CLOSE_WITHIN_S)

    def _client(self, transport: str) -> HttpClient:
        if transport not in self._clients:
            self._clients[transport] = client = HttpClient(self._config, transport)
            client.lead_to(self._http_netloc)
        return self._clients[transport]

    async def route(self, links: Iterable[Link], transport_is_http: bool, netloc: str | None) -> None:
        """Lead links elsewhere: close their connections, open them to `netloc`.

        Args:
            links: All links of one pipeline.
            transport_is_http: Which pipeline that is.
            netloc: Host and port; None: back to the configured ones.
        """
        if transport_is_http:
            self._http_netloc = netloc
            for client in self._clients.values():
                client.lead_to(netloc)
        else:
            self._websocket.lead_to(netloc)
        await self.reconnect(links, "led elsewhere" if netloc else "led back")

    async def _guard(self, link: Link) -> None:
        backoff = Backoff(Random(f"{self._config.seed}/{link.history.producer}/{link.transport}"))
        send: Callable[[], Awaitable[None]]
        if link.transport == "websocket":
            send = partial(send_by_websocket, link, self._websocket, backoff)
        else:
            send = partial(send_by_http, link, self._client(link.transport), backoff)
        while True:
            try:
                await send()
            except Exception as error:  # whatever it is, it ends one attempt of one link
                self.crashes += 1
                link.down(f"internal: {type(error).__name__}")
                log.error(
                    "link failed", server=link.history.producer, pipeline=link.state.name, exc_info=error
                )
                await asyncio.sleep(backoff.next_delay_s())
