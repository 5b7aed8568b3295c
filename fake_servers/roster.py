"""Who is in the fleet, and by which way each server sends: as the knobs say. No sockets, no tasks.

A server that leaves is remembered with its account: the ledger tells its samples as long as the process lives, and when
it comes again it goes on where it was, in the same epoch.
"""

from __future__ import annotations

from collections.abc import Iterable

from fake_servers.account import Reasons, ledger_of, reasons_of
from fake_servers.config import FleetConfig
from fake_servers.faults import EVERYONE, ProducerFaults
from fake_servers.history import History
from fake_servers.knobs import MOST_SERVERS, Knobs
from fake_servers.link import Link
from fake_servers.pipeline import PIPELINE_A, PIPELINE_B, PipelineState
from fake_servers.producer import Producer
from fake_servers.real import REAL, ThisMachine, machine_name
from fake_servers.roles import server_at
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Signals, Source
from lab_runtime.process import now_us
from metrics_core.ledger import Ledger


class Roster:
    """The servers of a fleet.

    Args:
        config: How many there are at first, and what they are like.
        sample_log: Where each sample is written first; None: nowhere.
        epoch: Of the first servers, µs since 1970.

    Attributes:
        producers: Those that are in the fleet, by name; this machine is the last.
        knobs: How the knobs stand.
        everyones_faults: What acts on all, those that come later included; grades by kind.
    """

    def __init__(self, config: FleetConfig, sample_log: SampleLog | None, epoch: int) -> None:
        self._config, self._sample_log = config, sample_log
        self.pipelines = {name: PipelineState(name) for name in (PIPELINE_A, PIPELINE_B)}
        self.knobs = Knobs.from_config(config)
        self.producers: dict[str, Producer] = {}
        self.everyones_faults: dict[str, float] = {}
        self._away: dict[str, Producer] = {}
        for place in range(config.servers):
            self._new(place, epoch)
        if config.real:
            taken = {server_at(place)[0] for place in range(MOST_SERVERS)}
            name = machine_name(taken=taken)
            self.producers[name] = self._made(config.servers, name, REAL.name, ThisMachine(), epoch)

    # -- who is there --------------------------------------------------------------------------------------------

    def come(self, place: int) -> tuple[Producer, dict[Link, str]]:
        """Let the server number `place` join the fleet.

        Returns:
            It, which is to be given a schedule, and its links that need a connection, with what each is to speak.
        """
        name, _ = server_at(place)
        if producer := self._away.pop(name, None):
            self.producers[name] = producer
            producer.faults.copy(self.everyones_faults)
            producer.start()
            anew = self.set_ways(producer)
        else:
            producer = self._new(place, now_us())
            anew = {link: link.transport for link in producer.links.values() if link.on}
        machine = [name for name, other in self.producers.items() if other.role == REAL.name]
        for name in machine:
            self.producers[name] = self.producers.pop(name)
        return producer, anew

    def leave(self, keep: int) -> list[Producer]:
        """Let all servers go but the first `keep`; this machine stays.

        Returns:
            Those that go. They take no more readings; what they have to send is still to be sent.
        """
        going = [p for p in self.producers.values() if p.place >= keep and p.role != REAL.name]
        for producer in going:
            del self.producers[producer.name]
            self._away[producer.name] = producer
            producer.stop()
            for link in producer.links.values():
                link.turn(False)
        return going

    def named(self, target: str) -> list[Producer]:
        """The server of this name, or all for `*`; empty where there is none."""
        if target == EVERYONE:
            return list(self.producers.values())
        return [self.producers[target]] if target in self.producers else []

    def set_ways(self, producer: Producer) -> dict[Link, str]:
        """Let a server send as the knobs say.

        Returns:
            Its links that need another connection for that, with the protocol they are to speak; those that are not
            needed any more are turned off.
        """
        anew: dict[Link, str] = {}
        to_a, to_b = self.knobs.feeds
        for pipeline, on in ((PIPELINE_A, to_a), (PIPELINE_B, to_b)):
            link = producer.links[pipeline]
            speaks = "websocket" if pipeline == PIPELINE_B else self.knobs.http_version(producer.place)
            if on and (not link.on or link.transport != speaks):
                anew[link] = speaks
            link.turn(on)
            if not on or producer.status == "stopped":
                link.flush()
        return anew

    def _new(self, place: int, epoch: int) -> Producer:
        name, role = server_at(place)
        config = self._config
        source = Signals(config.seed, name, role, config.spike_rate, config.spike_height)
        self.producers[name] = self._made(place, name, role.name, source, epoch)
        return self.producers[name]

    def _made(self, place: int, name: str, role: str, source: Source, epoch: int) -> Producer:
        knobs, faults = self.knobs, ProducerFaults()
        faults.copy(self.everyones_faults)
        history = History(name, epoch, self._config.outbox_capacity)
        to_a, to_b = knobs.feeds
        links = {
            PIPELINE_A: self._link(PIPELINE_A, knobs.http_version(place), history, faults, to_a),
            PIPELINE_B: self._link(PIPELINE_B, "websocket", history, faults, to_b),
        }
        return Producer(name, role, source, history, links, faults, self._sample_log, place)

    def _link(
        self, pipeline: str, transport: str, history: History, faults: ProducerFaults, on: bool
    ) -> Link:
        config, knobs, state = self._config, self.knobs, self.pipelines[pipeline]
        confirm = pipeline == PIPELINE_B and knobs.replay == "on"
        capacity, seed = config.outbox_capacity, config.seed
        return Link(state, transport, history, knobs.batch, capacity, confirm, faults, seed, on)

    # -- what is asked of all of them ----------------------------------------------------------------------------

    def links(self, pipeline: str | None = None) -> list[Link]:
        """The links in use to one pipeline, or to both."""
        return [link for link in self.all_links(pipeline) if link.on]

    def all_links(self, pipeline: str | None = None) -> list[Link]:
        """The same with those that are not used (any more); they still have their part of the account."""
        states = self.pipelines.values() if pipeline is None else [self.pipelines[pipeline]]
        return [link for state in states for link in state.links]

    def everyone(self) -> Iterable[Producer]:
        """All servers that there ever were."""
        return [*self.producers.values(), *self._away.values()]

    def failing(self) -> dict[str, str]:
        """The pipelines that no server reaches, and why."""
        reasons = {name: state.failing() for name, state in self.pipelines.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    def ledger(self) -> dict[str, dict[str, Ledger]]:
        """What became of every identity, by pipeline and fate."""
        return {pipeline: ledger_of(self.all_links(pipeline)) for pipeline in self.pipelines}

    def reasons(self, pipeline: str) -> Reasons:
        """Why samples were rejected, by producer and epoch: `[[low, high, reason], …]`."""
        return reasons_of(self.all_links(pipeline))

    def resent(self, pipeline: str) -> int:
        """Samples of copies that were sent on purpose and acked."""
        return sum(link.resent for link in self.all_links(pipeline))
