"""The fleet: all producers, their links and the pipelines they speak to, as tasks of one process.

It runs who is on the roster (`roster.py`) and by which way; how links send is behind `lines.py`. What changes the fleet
while it runs comes in here (faults on purpose) and in `live.py` (knobs, and what is done to single servers), one at a
time where it touches connections. `drain` ends the sampling and waits, for a bounded time, until every sample has its
fate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from fake_servers.account import Reasons
from fake_servers.config import FleetConfig
from fake_servers.faults import EVERYONE
from fake_servers.history import History
from fake_servers.lines import Lines
from fake_servers.link import Link
from fake_servers.pipeline import PIPELINE_A, PIPELINE_B, PipelineState
from fake_servers.producer import Producer
from fake_servers.roster import Roster
from fake_servers.sample_log import SampleLog
from fake_servers.sampling import Sampling
from lab_runtime.logs import get_logger
from lab_runtime.process import now_us
from metrics_core.errors import SchemaViolation
from metrics_core.ledger import Ledger
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

__all__ = ["DRAIN_S", "PIPELINE_A", "PIPELINE_B", "Fleet"]

DRAIN_S: Final = 10.0
"""How long a drain may take that nobody waits for with a signal in hand."""

_LOOK_EVERY_S: Final = 0.02

log = get_logger("fleet")


class Fleet:
    """All producers of the process. It connects to nothing before `run`.

    Args:
        config: The settings.

    Attributes:
        roster: Who is there.
        lines: What sends on the links.
        sampling: What takes the readings.
        changing: Held by whoever changes connections or who is there.
    """

    def __init__(self, config: FleetConfig) -> None:
        self.config = config
        epoch = now_us()
        self.sample_log = SampleLog(config.sample_log, epoch) if config.sample_log else None
        self.roster = Roster(config, self.sample_log, epoch)
        self.lines, self.sampling = Lines(config), Sampling()
        self.changing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None

    @property
    def producers(self) -> dict[str, Producer]:
        """Those that are in the fleet, by name."""
        return self.roster.producers

    @property
    def pipelines(self) -> dict[str, PipelineState]:
        """The two pipelines, by name."""
        return self.roster.pipelines

    @property
    def interval_s(self) -> float:
        """From one reading of a server to its next."""
        return 1 / (self.config.rate * self.roster.knobs.rate_factor)

    @property
    def crashes(self) -> int:
        """Link tasks that ended by an unforeseen fault and were started again."""
        return self.lines.crashes

    async def run(self) -> None:
        """Sample and send until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self.lines.hold(self.links()))
            self.sampling.open(self._group)
            self.sampling.schedule(list(self.producers.values()), self.interval_s)

    async def drain(self, within_s: float | None = None) -> tuple[bool, int]:
        """Stop sampling and wait until every sample has its fate.

        Args:
            within_s: How long at most; None: `DRAIN_S`.

        Returns:
            Whether that is so, and how many samples are without one.
        """
        self.stop_sampling()
        settled = await self.settle(self.roster.all_links(), DRAIN_S if within_s is None else within_s)
        waiting = {name: sum(link.waiting for link in self.roster.all_links(name)) for name in self.pipelines}
        if settled:
            log.info("drained")
        else:
            log.warning("drain gave up, these samples have no fate", **waiting)
        return settled, sum(waiting.values())

    def stop_sampling(self) -> None:
        """Take no more readings, and send the batches that are not full yet."""
        for producer in self.producers.values():
            producer.stop()

    async def settle(self, links: Iterable[Link], within_s: float) -> bool:
        """Wait until every sample of these links has its fate, for a time; gives whether that is so."""
        links, deadline_s = list(links), time.monotonic() + within_s
        while not (settled := all(link.settled for link in links)) and time.monotonic() < deadline_s:
            await asyncio.sleep(_LOOK_EVERY_S)  # simpler than an event that every ack would have to set
        return settled

    def links(self, pipeline: str | None = None) -> list[Link]:
        """The links in use to one pipeline, or to both."""
        return self.roster.links(pipeline)

    def failing(self) -> dict[str, str]:
        """The pipelines that no server reaches, and why."""
        return self.roster.failing()

    def see_off(self, links: Iterable[Link]) -> None:
        """Close links that are turned off, each as soon as all that it had to send has its fate."""
        if self._group and (leaving := {link for link in links if not link.on}):
            self._group.create_task(self._see_off(leaving))

    async def _see_off(self, leaving: set[Link]) -> None:
        while leaving:
            if done := {link for link in leaving if link.on or link.settled}:
                async with self.changing:
                    gone = [link for link in done if not link.on]  # unless it was turned on again
                    await self.lines.close(gone)
                    for link in gone:
                        link.left()
                    await self.lines.tidy()
                leaving -= done
            await asyncio.sleep(_LOOK_EVERY_S)

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
        async with self.changing:
            match kind:
                case "crash-producer":
                    return await self.begin_lives(producers, "the server crashed")
                case "reconnect-storm":
                    await self.lines.reconnect(links_of(producers), "reconnect storm")
                case _:
                    if target == EVERYONE:
                        self.roster.everyones_faults[kind] = grade or 0.0
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
        async with self.changing:
            if target == EVERYONE:
                self.roster.everyones_faults.pop(kind, None)
            affected = sum(producer.faults.undo(kind) for producer in producers)
            for link in links_of(producers):
                link.wake.set()  # what was held back goes out
        return affected

    async def route(self, pipeline: str, netloc: str | None) -> int:
        """Lead all links of a pipeline to another host and port; None: back to the configured one.

        Returns:
            How many links there are.
        """
        async with self.changing:
            await self.lines.route(self.roster.all_links(pipeline), pipeline == PIPELINE_A, netloc)
        return len(self.links(pipeline))

    def _targets(self, target: str) -> list[Producer]:
        producers = self.roster.named(target)
        if not producers and target != EVERYONE:
            raise SchemaViolation(f"$.target: no server is named {target!r:.80}, and {EVERYONE} means all")
        return producers

    async def begin_lives(self, producers: Iterable[Producer], crash: str = "") -> int:
        """End the lives of producers and begin new ones, in new epochs. What is not settled dies with the old one.

        Args:
            producers: Whose.
            crash: Why they die in the middle of a send; empty: they end in order.

        Returns:
            How many; one that had so many epochs that the pipelines would not remember another is spared.
        """
        ending = [producer for producer in producers if producer.lives < MAX_EPOCHS_PER_PRODUCER]
        links = links_of(ending)
        if crash:
            for producer in ending:
                producer.die()
        try:
            await self.lines.close(links)
        finally:
            for producer in ending:
                epoch = max(now_us(), producer.next_epoch)
                producer.begin_life(History(producer.name, epoch, self.config.outbox_capacity))
            for link in links:
                if crash and link.on:
                    link.down(crash)
                else:
                    link.left()
            self.lines.open(link for link in links if link.on)
        return len(ending)

    # -- the account ---------------------------------------------------------------------------------------------

    def ledger(self) -> dict[str, dict[str, Ledger]]:
        """What became of every identity of every life, by pipeline and fate."""
        return self.roster.ledger()

    def reasons(self, pipeline: str) -> Reasons:
        """Why samples were rejected, by producer and epoch: `[[low, high, reason], …]`."""
        return self.roster.reasons(pipeline)

    def resent(self, pipeline: str) -> int:
        """Samples of copies that were sent on purpose and acked."""
        return self.roster.resent(pipeline)


def links_of(producers: Iterable[Producer]) -> list[Link]:
    """All links of some producers."""
    return [link for producer in producers for link in producer.links.values()]
