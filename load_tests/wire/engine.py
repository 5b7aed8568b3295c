"""Drives channels: as fast as they answer (closed model), or by a schedule (open model).

Open model: a sample's time is the moment it was *meant* to be sent, drawn from a seeded schedule before the run. If the
server or the generator falls behind, that shows as latency instead of as a lower load (the error that G. Tene named
coordinated omission). How late the generator itself was is recorded (`lateness`); a run in which it was late is void.
"""

from __future__ import annotations

import random
import select
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct

from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel, ReplyError
from metrics_core.histogram import Histogram

_STALLED_S = 20.0
_TURN = 64  # bodies on one channel before the others get their turn


class LoadResult(Struct):
    """What a run did.

    Attributes:
        sent: Bodies sent, all of them acknowledged.
        seconds: From the first send to the last acknowledgement.
        cpu_seconds: Processor time of the generator.
        lateness: Open model: how much later than meant the generator came to each body, µs.
    """

    sent: int
    seconds: float
    cpu_seconds: float
    lateness: Histogram


class Engine:
    """Channels and the producers that use them, one to one.

    Args:
        channels: Connections; taken one by one, so a generator may open them here.
        bodies: As many producers.
    """

    def __init__(self, channels: Iterable[Channel], bodies: Sequence[ProducerBodies]) -> None:
        self._poll = select.epoll()  # before the connections: `select` takes descriptors below 1,024 only
        self._pairs = list(zip(channels, bodies, strict=True))
        self.producers = list(bodies)
        self._by_fd = {}
        for channel, producer in self._pairs:
            fd = channel.sock.fileno()
            self._by_fd[fd] = (channel, producer)
            self._poll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        """Close every connection."""
        for channel, _ in self._pairs:
            channel.sock.close()
        self._poll.close()

    def run_closed(self, seconds: float) -> LoadResult:
        """Keep every channel as full as it allows for `seconds`, then wait for the rest of the answers.

        Raises:
            ReplyError: An answer that voids the run, or none for 20 s.
        """
        cpu, start = time.process_time(), time.perf_counter()
        end, sent, open_bodies = start + seconds, 0, 0
        unsent: dict[int, bytes] = {}
        with_room = dict(self._by_fd)  # channels that may take more
        while with_room or open_bodies:
            now_us = time.time_ns() // 1000
            for fd, (channel, producer) in list(with_room.items()):
                for _ in range(_TURN):
                    body = unsent.pop(fd, None) or producer.next(now_us)
                    if not channel.send(body):
                        unsent[fd] = body
                        del with_room[fd]
                        break
                    sent, open_bodies = sent + 1, open_bodies + 1
            ready = self._poll.poll(0 if with_room else _STALLED_S)
            if not ready and not with_room:
                raise ReplyError(f"no answer for {_STALLED_S:.0f} s")
            running = time.perf_counter() < end
            for fd, _ in ready:
                pair = self._by_fd[fd]
                open_bodies -= _acknowledged(pair[0])
                with_room[fd] = pair
            if not running:
                with_room.clear()
        for fd in unsent:  # a body that was made and never sent would be a gap in its producer's numbers
            _, producer = self._by_fd[fd]
            producer.next_seq -= producer.batch
        return LoadResult(sent, time.perf_counter() - start, time.process_time() - cpu, Histogram())

    def run_open(self, rate_per_s: float, seconds: float, seed: int) -> LoadResult:
        """Send by a Poisson schedule, each body on the next channel in turn that can take it.

        Args:
            rate_per_s: Bodies per second over all channels.
            seconds: Length of the schedule.
            seed: Seed of the schedule.

        Raises:
            ReplyError: An answer that voids the run, or none for 20 s.
        """
        source = random.Random(seed)
        cpu, start = time.process_time(), time.perf_counter()
        start_us = time.time_ns() // 1000
        lateness = Histogram()
        sent = turn = 0
        due_s = source.expovariate(rate_per_s)
        waiting: list[tuple[Channel, bytes]] = []  # due, but the channel could not take it yet
        answered = time.perf_counter()
        while due_s < seconds or waiting or self._in_flight():
            elapsed = time.perf_counter() - start
            while due_s <= elapsed and due_s < seconds:
                meant_us = start_us + int(due_s * 1e6)
                channel, producer = self._pairs[turn]
                turn = (turn + 1) % len(self._pairs)
                body = producer.next(meant_us)
                lateness.add(time.time_ns() // 1000 - meant_us)
                if not channel.send(body):
                    waiting.append((channel, body))
                sent += 1
                due_s += source.expovariate(rate_per_s)
                elapsed = time.perf_counter() - start
            pause = max(0.0, due_s - elapsed) if due_s < seconds else 1.0
            # epoll's own timeout counts whole milliseconds; select on the epoll descriptor waits to the microsecond
            if select.select([self._poll], [], [], pause)[0]:
                for fd, _ in self._poll.poll(0):
                    _acknowledged(self._by_fd[fd][0])
                answered = time.perf_counter()
                waiting = [(channel, body) for channel, body in waiting if not channel.send(body)]
            elif time.perf_counter() - answered > _STALLED_S and self._in_flight():
                raise ReplyError(f"no answer for {_STALLED_S:.0f} s")
        return LoadResult(sent, time.perf_counter() - start, time.process_time() - cpu, lateness)

    def _in_flight(self) -> bool:
        return any(channel.in_flight for channel, _ in self._pairs)


def _acknowledged(channel: Channel) -> int:
    """How many bodies a channel's next reading acknowledges; here a refusal voids the run."""
    done = len(channel.receive())
    if channel.refused:
        raise ReplyError(f"refused: {channel.refused[0].error}")
    return done
