"""One server of the fleet: takes readings on a drift-free schedule and offers each sample to its links.

Taking a sample costs microseconds and waits for nobody. A sample is stamped with the time it is taken; one
that is taken more than `LATE_S` after it was due (the process was busy or stopped) is stamped with the time
it was due, so that a delay of ours counts as latency and does not hide (open model). What is overdue by more
than `GIVE_UP_S` was never read and makes no sample: those slots are counted as `skipped`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from fake_servers.faults import ProducerFaults
from fake_servers.history import History
from fake_servers.link import CATCH_UP_SAMPLES, Link
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Source
from lab_runtime.process import now_us

LATE_S: Final = 0.005  # the event loop's timers are this good
GIVE_UP_S: Final = 5.0


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
    ) -> None:
        self.name, self.role, self.history, self.links = name, role, history, links
        self.faults = faults or ProducerFaults()
        self.status = "starting"
        self.skipped = 0
        """Slots of the schedule without a reading, because the process was stopped, or the producer dead."""
        self.created_before = 0
        """Samples of its past lives."""
        self._source, self._log, self._at_s = source, log, 0.0

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
        for link in self.links.values():
            link.offer()

    @property
    def lives(self) -> int:
        """How many epochs it has had, the present one included."""
        return 1 + max((len(link.past) for link in self.links.values()), default=0)

    def die(self) -> None:
        """Be caught by a crash in the middle of a send: it takes a reading and gets half of it out."""
        if self.status == "sampling":
            self.take(self._at_s, now_us())
            self.status = "crashed"
        for link in self.links.values():
            parcel = link.outbox.take(CATCH_UP_SAMPLES)
            link.last_words = link.encode(parcel) if parcel else b""

    def begin_life(self, history: History) -> None:
        """Start anew after a crash: another epoch, sequence numbers from 0, nothing to be sent."""
        if self.status == "crashed":
            self.status = "starting"
        self.created_before += self.history.next_seq
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
        while True:
            due_s = first_s + slot * interval_s  # a product, not a sum: no drift
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            late_s = time.monotonic() - due_s
            if late_s > GIVE_UP_S:
                missed = int(late_s / interval_s)
                self.skipped += missed
                slot += missed
                late_s -= missed * interval_s
            if self.status == "crashed":
                self.skipped += 1
            else:
                self.take(slot * interval_s, now_us() - int(late_s * 1e6) if late_s > LATE_S else now_us())
                self.status = "sampling"
            slot += 1
