"""The fleet: all producers, their links and the pipelines they speak to, as tasks of one process.

Every task of a link runs under a guard: a fault that nobody foresaw is logged and counted, and that one link
starts again; the others and the sampling go on. `drain` ends the sampling and waits, for a bounded time,
until every sample has its fate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import Final

from fake_servers.config import FleetConfig
from fake_servers.history import History
from fake_servers.http import HttpClient, send_by_http
from fake_servers.link import Link, PipelineState
from fake_servers.outbox import Outbox
from fake_servers.producer import Producer
from fake_servers.real import REAL, ThisMachine, machine_name
from fake_servers.retry import Backoff
from fake_servers.roles import server_at
from fake_servers.signals import Signals, Source
from fake_servers.websocket import WebSocketTransport, send_by_websocket
from lab_runtime.logs import get_logger
from lab_runtime.process import now_us
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger

PIPELINE_A: Final = "http_redis"
PIPELINE_B: Final = "websocket"
DRAIN_S: Final = 10.0
"""How long a drain may take."""

log = get_logger("fleet")


class Fleet:
    """All producers of the process. It connects to nothing before `run`.

    Args:
        config: The settings.
    """

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self.pipelines = {name: PipelineState(name) for name in (PIPELINE_A, PIPELINE_B)}
        self.crashes = 0
        """Link tasks that ended by an unforeseen fault and were started again."""
        self._samplers: list[asyncio.Task[None]] = []
        epoch = now_us()
        self.producers: dict[str, Producer] = {}
        for index in range(config.servers):
            name, role = server_at(index)
            source = Signals(config.seed, name, role, config.spike_rate, config.spike_height)
            self._add(index, name, role.name, source, epoch)
        if config.real:
            self._add(config.servers, machine_name(taken=self.producers), REAL.name, ThisMachine(), epoch)

    def _add(self, index: int, name: str, role: str, source: Source, epoch: int) -> None:
        config = self._config
        history = History(name, epoch, config.outbox_capacity)
        # Half of the servers by each version, and of each role too: the roles come in rounds of ten.
        by_turns = ("http1", "http2")[(index + index // 10) % 2]
        transport_a = {"twin": by_turns, "http1": "http1", "http2": "http2"}.get(config.transport)
        links = {}
        if transport_a:
            links[PIPELINE_A] = self._link(PIPELINE_A, transport_a, history, confirm=False)
        if config.transport in ("twin", "websocket"):
            links[PIPELINE_B] = self._link(PIPELINE_B, "websocket", history, confirm=config.replay)
        self.producers[name] = Producer(name, role, source, history, links)

    def _link(self, pipeline: str, transport: str, history: History, confirm: bool) -> Link:
        config = self._config
        return Link(
            self.pipelines[pipeline], transport, history, config.batch, config.outbox_capacity, confirm
        )

    async def run(self) -> None:
        """Sample and send until cancelled. Phases are spread over the interval, so that the load is even."""
        interval_s, begin_s = 1 / self._config.rate, time.monotonic()
        websocket = WebSocketTransport(self._config)
        async with AsyncExitStack() as resources, asyncio.TaskGroup() as tasks:
            clients = {}
            for name in sorted({link.transport for link in self.links()} - {"websocket"}):
                clients[name] = HttpClient(self._config, name)
                resources.push_async_callback(clients[name].close)
            for link in self.links():
                backoff = Backoff(Random(f"{self._config.seed}/{link.history.producer}/{link.transport}"))
                if link.transport == "websocket":
                    send = partial(send_by_websocket, link, websocket, backoff)
                else:
                    send = partial(send_by_http, link, clients[link.transport], backoff)
                tasks.create_task(self._guard(link, send, backoff))
            for index, producer in enumerate(self.producers.values()):
                first_s = begin_s + interval_s * index / len(self.producers)
                self._samplers.append(tasks.create_task(producer.run(first_s, interval_s)))

    async def _guard(self, link: Link, send: Callable[[], Awaitable[None]], backoff: Backoff) -> None:
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

    async def drain(self) -> tuple[bool, int]:
        """Stop sampling and wait, at most `DRAIN_S`, until every sample has its fate.

        Returns:
            Whether that is so, and how many samples are without one.
        """
        self.stop_sampling()
        deadline_s = time.monotonic() + DRAIN_S
        settled = False
        while (
            not settled and time.monotonic() < deadline_s
        ):  # simpler than an event that every ack would have to set
            await asyncio.sleep(0.02)
            settled = all(link.settled for link in self.links())
        waiting = sum(link.outbox.waiting for link in self.links())
        log.info("drained" if settled else "drain gave up", waiting=waiting)
        return settled, waiting

    def stop_sampling(self) -> None:
        """Take no more readings, and send the batches that are not full yet."""
        for sampler in self._samplers:
            sampler.cancel()
        for producer in self.producers.values():
            producer.status = "stopped"
        for link in self.links():
            link.flush()

    def links(self, pipeline: str | None = None) -> list[Link]:
        """The links to one pipeline, or all."""
        return [
            link for name, state in self.pipelines.items() if pipeline in (None, name) for link in state.links
        ]

    def failing(self) -> dict[str, str]:
        """The pipelines that no server reaches, and why."""
        reasons = {name: state.failing() for name, state in self.pipelines.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    def ledger(self) -> dict[str, dict[str, Ledger]]:
        """What became of every identity, by pipeline and fate; producers without any are left out."""
        fates: dict[str, Callable[[Outbox], IntervalSet]] = {
            "created": lambda outbox: outbox.created,
            "acked": lambda outbox: outbox.acked,
            "rejected": lambda outbox: outbox.rejected,
            "dropped": lambda outbox: outbox.dropped,
        }
        return {
            pipeline: {
                fate: _ledger_of(self.links(pipeline), identities) for fate, identities in fates.items()
            }
            for pipeline in self.pipelines
        }


def _ledger_of(links: list[Link], identities: Callable[[Outbox], IntervalSet]) -> Ledger:
    found = ((link.history, identities(link.outbox)) for link in links)
    return {history.producer: {history.epoch: intervals} for history, intervals in found if len(intervals)}
