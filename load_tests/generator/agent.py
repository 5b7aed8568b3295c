"""The producers of one Locust process: connects them, runs them through phases, reports in portions.

A phase is a schedule: first the warm-up, then the measured part. Both use the same connections and identities, so
nothing is set up while it is measured; only the second is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import Event
from msgspec import Struct, convert, field, to_builtins

from lab_runtime.process import now_us
from load_tests.generator.observer import Observer, Snapshot
from load_tests.generator.pacer import Pacer
from load_tests.generator.pipeline import Pipeline, PipelineSilent
from load_tests.generator.producer import OnReply, Producer, Wall
from load_tests.generator.recorder import Portion, Recorder
from load_tests.generator.schedule import send_times
from load_tests.generator.shapes import SHAPES, Shape
from load_tests.runs.schema import Plan, Protocol
from load_tests.target.target import Target
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel, ReplyError
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from load_tests.wire.packets import SocketCount
from load_tests.wire.websocket import WebSocketChannel
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

REPORT_EVERY_S: Final = 0.5
CONNECTED_EVERY_S: Final = 0.05  # before the first phase: a run begins as soon as all are connected
SEEN_WITHIN_S: Final = 2.0
DRAIN_S: Final = 10.0
"""How long answers may take after the last send."""

PHASE: Final = "lab-phase"
REPORT: Final = "lab-report"
"""Locust messages: to the agents, from the agents."""

GIVE_UP: Final = 0
WARM_UP: Final = 1
MEASURED: Final = 2

_CHANNELS: Final[dict[Protocol, Callable[..., Channel]]] = {
    "http1": Http1Channel,
    "http2": Http2Channel,
    "websocket": WebSocketChannel,
}


class Phase(Struct):
    """What agents are told.

    Attributes:
        number: `WARM_UP` or `MEASURED`; `GIVE_UP`: end the one that goes on.
        start_us: When it starts, µs since 1970.
        duration_s, shape: Of the schedule.
    """

    number: int
    start_us: int = 0
    duration_s: float = 0.0
    shape: str = ""


class Report(Struct):
    """What an agent tells.

    Attributes:
        agent: Its Locust client id.
        connected: Its producers with a connection.
        problem: Why one has none; empty: all have.
        done: Number of the last phase that all of its producers went through.
        portion: What was recorded since the last report.
        cpu_s: Processor time of this process in the measured part so far.
        seconds: How long that part has lasted in this process.
        wire: What its connections carried in the measured part: the fields of `SocketCount`, added up.
        connections: How many it opened since the start.
        handshake_bytes: What opening and closing them costs, as IP packets.
        negotiated: What its connections speak.
        unseen: Samples that no snapshot has shown.
        next_seq: Of each producer: how many samples it made.
        epoch: Of all its producers.
    """

    agent: str
    connected: int
    problem: str = ""
    done: int = 0
    portion: Portion = field(default_factory=Portion)
    cpu_s: float = 0.0
    seconds: float = 0.0
    wire: list[int] = field(default_factory=list)
    connections: int = 0
    handshake_bytes: int = 0
    negotiated: str = ""
    unseen: int = 0
    next_seq: dict[str, int] = field(default_factory=dict)
    epoch: int = 0


class Agent:
    """See the module.

    Args:
        target: What it loads.
        plan: How.
        name: Of this agent, in reports.
        send: Sends a report to the coordinator.
        on_reply: Told of every answer (Locust's own statistics).
    """

    def __init__(
        self,
        target: Target,
        plan: Plan,
        name: str,
        send: Callable[[Any], None],
        on_reply: OnReply,
    ) -> None:
        self._target, self._plan, self._name = target, plan, name
        self._prefix = _free_prefix(target)
        self._send, self._on_reply = send, on_reply
        self._epoch = now_us()
        self._pacer = Pacer()
        self.recorder = Recorder()
        self._producers: dict[str, Producer] = {}
        self._phase: Phase | None = None
        self._wall = Wall(0)
        self._new_phase = Event()
        self._running: set[str] = set()
        self._done = 0
        self._problem = ""
        self._cpu_before_s = self._begun_s = 0.0
        self._cpu_s = self._seconds = 0.0
        self._wire = [0, 0, 0, 0]
        self.observer = Observer(target.feed_url, target.token, self._on_snapshot)
        self.observer.start()
        self._reporter = gevent.spawn(self._report_for_ever)

    def close(self) -> None:
        """Close all connections and stop reporting."""
        self._reporter.kill()
        self.observer.stop()
        for producer in self._producers.values():
            producer.close()
        self._pacer.close()

    # -- producers ---------------------------------------------------------------------------------------------------

    def serve(self, number: int) -> None:
        """Be producer `number` (over all processes) until killed: connect, go through every phase."""
        name = f"{self._prefix}-{number:04}"
        target = self._target
        channel = _CHANNELS[target.protocol]

        def connect() -> Channel:
            return channel(target.host, target.port, token=target.token)

        bodies = ProducerBodies(name, self._epoch, self._plan.batch, self._plan.seed)
        producer = Producer(bodies, connect, self._pacer, self.recorder, self._on_reply)
        try:
            producer.connect()
        except (OSError, ReplyError) as error:
            self._problem = f"{target.host}:{target.port}: {error}"
            self._report()
            return
        self._producers[name] = producer
        done = 0
        while True:
            while self._phase is None or self._phase.number == done:
                self._new_phase.wait()
            phase, wall = self._phase, self._wall
            sends_per_s = self._plan.rate_per_s / self._plan.batch / self._plan.producers
            shape = Shape(SHAPES[phase.shape], phase.duration_s)
            moments = send_times(
                shape, sends_per_s, self._plan.schedule, self._plan.seed + phase.number, number
            )
            producer.run(moments, wall, phase.duration_s + DRAIN_S)
            done = phase.number
            self._finished(name)

    def on_phase(self, value: Any) -> None:
        """A phase begins."""
        phase = convert(value, Phase)
        if phase.number == GIVE_UP:
            for producer in self._producers.values():
                producer.give_up()
            self._pacer.release()
            return
        self._wall = Wall(phase.start_us)
        self._running = set(self._producers)
        if phase.number == MEASURED:
            for producer in self._producers.values():
                producer.take_wire()
                producer.unseen.clear()
            self.recorder.start(phase.start_us)
            self._cpu_before_s, self._begun_s = time.process_time(), time.monotonic()
        self._phase = phase
        self._new_phase.set()
        self._new_phase.clear()

    def _finished(self, name: str) -> None:
        self._running.discard(name)
        if not self._running and self._phase:
            gevent.spawn(self._end_phase, self._phase.number)

    def _end_phase(self, number: int) -> None:
        """All producers are through; wait until the feed has shown their samples, then say so."""
        deadline_s = time.monotonic() + SEEN_WITHIN_S
        while number == MEASURED and self._unseen() and time.monotonic() < deadline_s:
            gevent.sleep(0.02)
        self._measure()
        self._done = number
        self._report()

    # -- what is seen ------------------------------------------------------------------------------------------------

    def _on_snapshot(self, snapshot: Snapshot, at_us: int) -> None:
        producers, epoch = self._producers, self._epoch
        for entry in snapshot.producers:
            producer = producers.get(entry.producer)
            if producer is not None and entry.last is not None and entry.last.epoch == epoch:
                producer.saw(entry.last.seq, at_us)

    def _unseen(self) -> int:
        return sum(sent.n for producer in self._producers.values() for sent in producer.unseen)

    # -- reports -----------------------------------------------------------------------------------------------------

    def _report_for_ever(self) -> None:
        while True:
            gevent.sleep(REPORT_EVERY_S if self._phase else CONNECTED_EVERY_S)
            self._report()

    def _report(self) -> None:
        self._send(to_builtins(self.take_report(), str_keys=True))

    def take_report(self) -> Report:
        """What happened since the last report."""
        self._measure()
        spoken = {producer.negotiated for producer in self._producers.values() if producer.negotiated}
        return Report(
            self._name,
            len(self._producers),
            self._problem,
            self._done,
            self.recorder.take(),
            self._cpu_s,
            self._seconds,
            list(self._wire),
            sum(producer.connections for producer in self._producers.values()),
            sum(producer.handshake_bytes for producer in self._producers.values()),
            " and ".join(sorted(spoken)),
            self._unseen(),
            {name: producer.bodies.next_seq for name, producer in self._producers.items()},
            self._epoch,
        )

    def _measure(self) -> None:
        """What the measured part cost so far; nothing before it and after it."""
        if self._phase is None or self._phase.number != MEASURED or self._done == MEASURED:
            return
        self._cpu_s = time.process_time() - self._cpu_before_s
        self._seconds = time.monotonic() - self._begun_s
        for producer in self._producers.values():
            for count in producer.take_wire():
                self._wire = [a + b for a, b in zip(self._wire, as_list(count), strict=True)]


def _free_prefix(target: Target) -> str:
    """Names for the producers: those of the last run as long as they may come back (`MAX_EPOCHS_PER_PRODUCER`)."""
    try:
        known = Pipeline(target).ledger()
    except PipelineSilent:
        known = {}  # the connections will tell
    number = 1
    while len(known.get(f"load-{target.protocol}-{number}-0000", ())) >= MAX_EPOCHS_PER_PRODUCER - 1:
        number += 1
    return f"load-{target.protocol}-{number}"


def as_list(count: SocketCount) -> list[int]:
    """The four counts in the order of `Wire`'s fields."""
    return [count.sent_payload, count.received_payload, count.sent_bytes, count.received_bytes]
