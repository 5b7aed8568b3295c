"""A producer without a network: its channel is scripted, its clock stands until something moves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gevent
import pytest
from gevent.queue import Queue

from load_tests.generator import producer as module
from load_tests.generator.producer import Producer, Wall
from load_tests.generator.recorder import Portion, Recorder
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Refusal, ReplyError

START_US = 1_766_200_000_000_000
EPOCH = 7


class NoSocket:
    """What a producer asks of a socket; it tells no bytes."""

    def __init__(self) -> None:
        self.is_closed = False

    def sendall(self, data: bytes) -> None:
        """The scripted channel writes nothing."""

    def recv(self, most: int) -> bytes:
        """The scripted channel reads nothing."""
        return b""

    def close(self) -> None:
        self.is_closed = True

    def fileno(self) -> int:
        return -1

    def getsockopt(self, *_: int) -> bytes:
        return b""


class FakeChannel:
    """Takes bodies as long as there is room; its answers are put in by the test."""

    def __init__(self, room: int = 1_000) -> None:
        self.peer = NoSocket()
        self.sock: Any = self.peer
        self.in_flight = 0
        self.refused: list[Refusal] = []
        self.negotiated = ""
        self.bodies: list[bytes] = []
        self.room = room
        self.write_error: OSError | None = None
        self._answers: Queue[Any] = Queue()

    def send(self, body: bytes) -> bool:
        if self.write_error:
            raise self.write_error
        if self.in_flight >= self.room:
            return False
        self.in_flight += 1
        self.bodies.append(body)
        return True

    def receive(self) -> Sequence[int]:
        numbers, refusals = self._answers.get()
        if isinstance(numbers, Exception):
            raise numbers
        self.in_flight -= len(numbers) + len(refusals)
        self.refused += refusals
        self.negotiated = "FAKE/1"
        return list(numbers)

    # -- the script --------------------------------------------------------------------------------------------------

    def answer(self, *numbers: int, refused: Sequence[int] = (), rejected: Sequence[int] = ()) -> None:
        """Acknowledge and refuse bodies by number, in one reading."""
        refusals = [Refusal(number, False, "backlog") for number in refused]
        refusals += [Refusal(number, True, "schema") for number in rejected]
        self._answers.put((numbers, refusals))

    def end(self, error: Exception | None = None) -> None:
        """Break the connection."""
        self._answers.put((error or ReplyError("the server closed the connection"), []))


class Clock:
    """Stands for `time`, `now_us` and the pacer."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.wakes_late_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def now_us(self) -> int:
        return START_US + round((self.now_s - 100) * 1e6)

    def wait_until(self, moment_s: float) -> None:
        """Jump there, and let others run."""
        if moment_s > self.now_s:
            self.now_s = moment_s + self.wakes_late_s
        gevent.sleep(0)


class Scene:
    """One producer with a scripted channel per connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, batch: int = 1, room: int = 1_000) -> None:
        self.clock = Clock()
        monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(module, "now_us", self.clock.now_us)
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
        self.channels: list[FakeChannel] = []
        self.refusals_to_connect = 0
        self.replies: list[str] = []
        self._room = room
        self.recorder = Recorder()
        self.recorder.start(START_US)
        pacer: Any = self.clock
        self.producer = Producer(
            ProducerBodies("p", EPOCH, batch),
            self._connect,
            pacer,
            self.recorder,
            lambda latency_ms, size, error: self.replies.append(error),
        )
        self.producer.connect()

    def _connect(self) -> Any:
        if self.refusals_to_connect:
            self.refusals_to_connect -= 1
            raise ConnectionRefusedError(111, "Connection refused")
        self.channels.append(FakeChannel(self._room))
        return self.channels[-1]

    @property
    def channel(self) -> FakeChannel:
        """The newest connection."""
        return self.channels[-1]

    @property
    def closed(self) -> list[int]:
        """Numbers of the connections that were closed."""
        return [number for number, channel in enumerate(self.channels) if channel.peer.is_closed]

    def run(
        self, moments: Sequence[float], *script: Callable[[], object], give_up_s: float = 1_000.0
    ) -> Portion:
        """Send by a schedule while a script goes on beside it, a step whenever the producer waits."""

        def play() -> None:
            for step in script:
                gevent.sleep(0)
                gevent.sleep(0)
                step()

        playing = gevent.spawn(play)
        with gevent.Timeout(5):
            self.producer.run(iter(moments), Wall(START_US), give_up_s)
            playing.join()
        return self.recorder.take()

    def settle(self) -> Portion:
        """Let everyone hear what was answered; what was counted since."""
        for _ in range(5):
            gevent.sleep(0)
        return self.recorder.take()
