"""One server of the fleet: takes readings on a drift-free schedule and offers each sample to its links.

Taking a sample costs microseconds and waits for nobody. A sample is stamped with the time it is taken; one
that is taken more than `LATE_S` after it was due (the process was busy or stopped) is stamped with the time
it was due, so that a delay of ours counts as latency and does not hide (open model). What is overdue by more
than `GIVE_UP_S` was never read and makes no sample: those slots are counted as `skipped`.

What can be done to a server on demand is here too, as far as it concerns one alone; who may, is in `live.py`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from fake_servers.faults import ProducerFaults
from fake_servers.history import History
from fake_servers.link import CATCH_UP_SAMPLES, Link
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Signals, Source
from fake_servers.spoiled import Spoiled
from fake_servers.trace import choice
from lab_runtime.process import now_us

LATE_S: Final = 0.005  # the event loop's timers are this good
GIVE_UP_S: Final = 5.0
AT_ONCE: Final = 20
"""Overdue readings that are taken in one turn: one turn each, and a busy process would never catch up."""


class Producer:
    """A virtual server, or this machine.

    Args:
        name: Its name.
        role: What kind of server it is.
        source: What it reads.
        history: Where its samples are kept; knows its epoch.
        links: Its ways to the pipelines, by the pipeline's name.
        faults: What acts on it on purpose; None: nothing.
        log: Where each sample is written first; None: nowhere.
        place: Its number in the fleet, from 0.
    """

    def __init__(
        self,
        name: str,
        role: str,
        source: Source,
        history: History,
        links: dict[str, Link],
        faults: ProducerFaults | None = None,
        log: SampleLog | None = None,
        place: int = 0,
    ) -> None:
        self.name, self.role, self.history, self.links = name, role, history, links
        self.place = place
        self.faults = faults or ProducerFaults()
        self.status = "starting"
        self.skipped = 0
        """Slots of the schedule without a reading, because the process was stopped, or the producer dead."""
        self.created_before = 0
        """Samples of its past lives."""
        self.lives = 1
        """How many epochs it has had, the present one included."""
        self.spoiled_n = 0
        """Invalid samples that it made."""
        self.note = ""
        """What was told to everyone last."""
        self._source, self._log, self._at_s = source, log, 0.0
        self._origin_s: float | None = None
        self._spoiled: Spoiled | None = None
        self._ends_s: dict[str, float] = {}

    def take(self, at_s: float, sampled_at_us: int) -> None:
        """Take one reading, log it, and offer it to every link.

        Args:
            at_s: Seconds since the producer's start, by the schedule.
            sampled_at_us: The sample's time stamp, by a clock that is right.
        """
        self._at_s = at_s
        self.history.append(max(0, sampled_at_us + self.faults.skew_us), self._source.read(at_s))
        if self._log and (sample := self.history.last()):
            self._log.append(sample)
        choice.offer(self.history, sampled_at_us)
        for link in self.links.values():
            link.offer()

    def start(self) -> None:
        """Take readings again, if it was stopped."""
        if self.status == "stopped":
            self.status = "starting"
            for link in self.links.values():
                if link.on:
                    link.gather()

    def stop(self) -> None:
        """Take no more readings; what is not sent yet goes out."""
        self.status = "stopped"
        for link in self.links.values():
            link.flush()

    def spike(self, now_s: float, height: float, for_s: float) -> bool:
        """Let the CPU rise by `height` percentage points for a time.

        Returns:
            Whether its readings are made up; else there is nothing to add to.
        """
        if not isinstance(self._source, Signals):
            return False
        self._source.spike(self._at(now_s), height, for_s)
        self._ends_s["spike"] = now_s + for_s
        return True

    def hold(self, now_s: float, percent: float, for_s: float) -> bool:
        """Let CPU and memory be at `percent` at least for a time; the same is returned."""
        if not isinstance(self._source, Signals):
            return False
        self._source.hold(self._at(now_s) + for_s, percent)
        self._ends_s["load"] = now_s + for_s
        return True

    def slow_down(self, now_s: float, delay_s: float, for_s: float) -> None:
        """Let each send wait for a time."""
        self._ends_s["latency"] = now_s + for_s
        for link in self.links.values():
            link.delay_s, link.delay_until_s = delay_s, now_s + for_s

    def spoil(self, n: int, at_us: int) -> None:
        """Make so many invalid samples, each to be sent alone; they have an epoch of their own."""
        if self._spoiled is None:
            self._spoiled = Spoiled(self.name, max(at_us, self.next_epoch))
        for _ in range(n):
            body = self._spoiled.make(at_us)
            if self._log:
                self._log.append_line(body)
            for link in self.links.values():
                link.offer_spoiled(self._spoiled)
        self.spoiled_n += n

    def effects(self, now_s: float) -> dict[str, float]:
        """What is done to it for a time, by name: seconds left."""
        return {name: round(end_s - now_s, 1) for name, end_s in self._ends_s.items() if end_s > now_s}

    @property
    def next_epoch(self) -> int:
        """The smallest epoch that it has not had yet."""
        return max(self.history.epoch, self._spoiled.epoch if self._spoiled else 0) + 1

    def die(self) -> None:
        """Be caught by a crash in the middle of a send: it takes a reading and gets half of it out."""
        if self.status == "sampling":
            self.take(self._at_s, now_us())
            self.status = "crashed"
        for link in self.links.values():
            parcel = link.outbox.take(CATCH_UP_SAMPLES)
            link.last_words = link.encode(parcel) if parcel else b""

    def begin_life(self, history: History) -> None:
        """Start anew: another epoch, sequence numbers from 0, nothing to be sent."""
        if self.status == "crashed":
            self.status = "starting"
        self.created_before += self.history.next_seq
        self.lives += 1
        self._spoiled = None
        self.history = history
        for link in self.links.values():
            link.begin_life(history)

    async def run(self, first_s: float, interval_s: float) -> None:
        """Take a reading every `interval_s`, until cancelled.

        Args:
            first_s: When the first one is due, by `time.monotonic`.
            interval_s: Seconds from one to the next.
        """
        slot = 0
        if self._origin_s is None or first_s < self._origin_s:  # a new schedule before the first reading
            self._origin_s = first_s
        begin_at_s = first_s - self._origin_s
        while True:
            due_s = first_s + slot * interval_s  # a product, not a sum: no drift
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            for _ in range(AT_ONCE):
                late_s = time.monotonic() - due_s
                if late_s > GIVE_UP_S:
                    missed = int(late_s / interval_s)
                    self.skipped += missed if self.status != "stopped" else 0
                    slot += missed
                    late_s -= missed * interval_s
                if self.status == "crashed":
                    self.skipped += 1
                elif self.status != "stopped":
                    at_s = begin_at_s + slot * interval_s
                    self.take(at_s, now_us() - int(late_s * 1e6) if late_s > LATE_S else now_us())
                    self.status = "sampling"
                slot += 1
                due_s = first_s + slot * interval_s
                if due_s > time.monotonic():
                    break

    def _at(self, now_s: float) -> float:
        """Seconds since the producer's start; by its last reading where it has no schedule."""
        return self._at_s if self._origin_s is None else max(self._at_s, now_s - self._origin_s)
