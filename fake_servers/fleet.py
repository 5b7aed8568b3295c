"""The fleet: all producers, their links and the pipelines they speak to, as tasks of one process.

It knows who is there and what is made when; how links send is behind `lines.py`. Faults on purpose come in here, one at
a time where they touch connections. `drain` ends the sampling and waits, for a bounded time, until every sample has its
fate.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from fake_servers.config import FleetConfig
from fake_servers.faults import EVERYONE, ProducerFaults
from fake_servers.history import History
from fake_servers.lines import Lines
from fake_servers.link import Link, PipelineState
from fake_servers.producer import Producer
from fake_servers.real import REAL, ThisMachine, machine_name
from fake_servers.roles import server_at
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Signals, Source
from lab_runtime.logs import get_logger
from lab_runtime.process import now_us
from metrics_core.errors import SchemaViolation
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

PIPELINE_A: Final = "http_redis"
PIPELINE_B: Final = "websocket"
DRAIN_S: Final = 10.0
"""How long a drain may take that nobody waits for with a signal in hand."""

FATES: Final = ("created", "acked", "rejected", "dropped", "crashed")
"""What the ledger tells, by the names that an `Outbox` has for it; `crashed` only of lives that ended by a crash."""

log = get_logger("fleet")


class Fleet:
    """All producers of the process. It connects to nothing before `run`.

    Args:
        config: The settings.
    """

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self.pipelines = {name: PipelineState(name) for name in (PIPELINE_A, PIPELINE_B)}
        self._lines = Lines(config)
        self._changing = asyncio.Lock()
        self._samplers: list[asyncio.Task[None]] = []
        epoch = now_us()
        self.sample_log = SampleLog(config.sample_log, epoch) if config.sample_log else None
        self.producers: dict[str, Producer] = {}
        for index in range(config.servers):
            name, role = server_at(index)
            source = Signals(config.seed, name, role, config.spike_rate, config.spike_height)
            self._add(index, name, role.name, source, epoch)
        if config.real:
            self._add(config.servers, machine_name(taken=self.producers), REAL.name, ThisMachine(), epoch)

    def _add(self, index: int, name: str, role: str, source: Source, epoch: int) -> None:
        config, faults = self._config, ProducerFaults()
        history = History(name, epoch, config.outbox_capacity)
        # Half of the servers by each version, and of each role too: the roles come in rounds of ten.
        by_turns = ("http1", "http2")[(index + index // 10) % 2]
        transport_a = {"twin": by_turns, "http1": "http1", "http2": "http2"}.get(config.transport)
        links = {}
        if transport_a:
            links[PIPELINE_A] = self._link(PIPELINE_A, transport_a, history, faults, confirm=False)
        if config.transport in ("twin", "websocket"):
            links[PIPELINE_B] = self._link(PIPELINE_B, "websocket", history, faults, confirm=config.replay)
        self.producers[name] = Producer(name, role, source, history, links, faults, self.sample_log)

    def _link(
        self, pipeline: str, transport: str, history: History, faults: ProducerFaults, confirm: bool
    ) -> Link:
        config, state = self._config, self.pipelines[pipeline]
        batch, capacity = config.batch, config.outbox_capacity
        return Link(state, transport, history, batch, capacity, confirm, faults, config.seed)

    @property
    def crashes(self) -> int:
        """Link tasks that ended by an unforeseen fault and were started again."""
        return self._lines.crashes

    async def run(self) -> None:
        """Sample and send until cancelled. Phases are spread over the interval, so that the load is even."""
        interval_s, begin_s = 1 / self._config.rate, time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lines.hold(self.links()))
            for index, producer in enumerate(self.producers.values()):
                first_s = begin_s + interval_s * index / len(self.producers)
                self._samplers.append(tasks.create_task(producer.run(first_s, interval_s)))

    async def drain(self, within_s: float | None = None) -> tuple[bool, int]:
        """Stop sampling and wait until every sample has its fate.

        Args:
            within_s: How long at most; None: `DRAIN_S`.

        Returns:
            Whether that is so, and how many samples are without one.
        """
        self.stop_sampling()
        deadline_s = time.monotonic() + (DRAIN_S if within_s is None else within_s)
        settled = False
        while (
            not settled and time.monotonic() < deadline_s
        ):  # simpler than an event that every ack would have to set
            await asyncio.sleep(0.02)
            settled = all(link.settled for link in self.links())
        waiting = {name: sum(link.outbox.waiting for link in self.links(name)) for name in self.pipelines}
        if settled:
            log.info("drained")
        else:
            log.warning("drain gave up, these samples have no fate", **waiting)
        return settled, sum(waiting.values())

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

    # -- faults on purpose ---------------------------------------------------------------------------------------

    async def begin_fault(self, kind: str, target: str, grade: float | None) -> int:
        """Let a checked fault act on one producer or on everyone.

        Returns:
            How many producers it acts on. Less than asked for where a producer has crashed so often that the pipelines
            would not remember one epoch more.

        Raises:
            SchemaViolation: There is no such producer.
        """
        producers = self._targets(target)
        async with self._changing:
            match kind:
                case "crash-producer":
                    return await self._crash(producers)
                case "reconnect-storm":
                    await self._lines.reconnect(_links_of(producers), "reconnect storm")
                case _:
                    for producer in producers:
                        producer.faults.begin(kind, grade or 0.0)
        return len(producers)

    async def undo_fault(self, kind: str, target: str) -> int:
        """End an undoable fault.

        Returns:
            How many producers it acted on.

        Raises:
            SchemaViolation: There is no such producer.
        """
        producers = self._targets(target)
        async with self._changing:
            affected = sum(producer.faults.undo(kind) for producer in producers)
            for link in _links_of(producers):
                link.wake.set()  # what was held back goes out
        return affected

    async def route(self, pipeline: str, netloc: str | None) -> int:
        """Lead all links of a pipeline to another host and port; None: back to the configured one.

        Returns:
            How many links there are.
        """
        links = self.links(pipeline)
        async with self._changing:
            await self._lines.route(links, pipeline == PIPELINE_A, netloc)
        return len(links)

    def _targets(self, target: str) -> list[Producer]:
        if target == EVERYONE:
            return list(self.producers.values())
        if target not in self.producers:
            raise SchemaViolation(f"$.target: no server is named {target!r:.80}, and {EVERYONE} means all")
        return [self.producers[target]]

    async def _crash(self, producers: list[Producer]) -> int:
        dying = [producer for producer in producers if producer.lives < MAX_EPOCHS_PER_PRODUCER]
        links = _links_of(dying)
        for producer in dying:
            producer.die()
        try:
            await self._lines.close(links)
        finally:
            for producer in dying:
                epoch = max(now_us(), producer.history.epoch + 1)
                producer.begin_life(History(producer.name, epoch, self._config.outbox_capacity))
            for link in links:
                link.down("the server crashed")
            self._lines.open(links)
        return len(dying)

    # -- the account ---------------------------------------------------------------------------------------------

    def ledger(self) -> dict[str, dict[str, Ledger]]:
        """What became of every identity of every life, by pipeline and fate; epochs without any are left out."""
        return {
            pipeline: {fate: _ledger_of(self.links(pipeline), fate) for fate in FATES}
            for pipeline in self.pipelines
        }

    def reasons(self, pipeline: str) -> dict[str, dict[str, list[list[int | str]]]]:
        """Why samples were rejected, by producer and epoch: `[[low, high, reason], …]`."""
        found: dict[str, dict[str, list[list[int | str]]]] = {}
        for link in self.links(pipeline):
            for epoch, outbox, reasons in link.lives():
                if len(outbox.rejected):
                    told = reasons.as_lists(outbox.rejected)
                    found.setdefault(link.history.producer, {})[str(epoch)] = told
        return found

    def resent(self, pipeline: str) -> int:
        """Samples of copies that were sent on purpose and acked."""
        return sum(link.resent for link in self.links(pipeline))


def _links_of(producers: list[Producer]) -> list[Link]:
    return [link for producer in producers for link in producer.links.values()]


def _ledger_of(links: list[Link], fate: str) -> Ledger:
    found: Ledger = {}
    for link in links:
        lives = link.past if fate == "crashed" else link.lives()
        for life in lives:
            intervals: IntervalSet = getattr(life.outbox, fate)
            if len(intervals):
                found.setdefault(link.history.producer, {})[life.epoch] = intervals
    return found
