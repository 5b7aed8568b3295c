"""A producer keeps its schedule: no drift, no gap in its numbers, overdue readings stamped with their due time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fake_servers.history import History
from fake_servers.link import Link, PipelineState
from fake_servers.producer import Producer
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Reading

START_US = 1_000_000_000


class EndOfTest(Exception):
    """Ends a schedule that would go on for ever."""


class Clock:
    """A virtual clock: sleeping moves it; `stalls` add to what a sleep takes."""

    def __init__(self, stalls: dict[int, float], sleeps: int) -> None:
        self.now_s, self._stalls, self._left, self._slept = 100.0, stalls, sleeps, 0

    def monotonic(self) -> float:
        return self.now_s

    def now_us(self) -> int:
        return START_US + round((self.now_s - 100.0) * 1e6)

    async def sleep(self, delay_s: float) -> None:
        if self._slept == self._left:
            raise EndOfTest
        self.now_s += delay_s + self._stalls.get(self._slept, 0.0)
        self._slept += 1


class Times:
    """A source that notes when it was read."""

    def __init__(self) -> None:
        self.read_at_s: list[float] = []

    def read(self, at_s: float) -> Reading:
        self.read_at_s.append(at_s)
        return Reading(1, 2, 3, 4, 5)


def run(
    monkeypatch: pytest.MonkeyPatch,
    stalls: dict[int, float],
    sleeps: int,
    interval_s: float = 1.0,
    status: str = "starting",
) -> tuple[Producer, Times]:
    clock, source = Clock(stalls, sleeps), Times()
    producer = Producer("web-01", "web", source, History("web-01", 17, 1000), {})
    producer.status = status

    async def schedule() -> None:
        monkeypatch.setattr("fake_servers.producer.time.monotonic", clock.monotonic)
        monkeypatch.setattr("fake_servers.producer.asyncio.sleep", clock.sleep)
        monkeypatch.setattr("fake_servers.producer.now_us", clock.now_us)
        try:
            await producer.run(100.5, interval_s)
        finally:
            monkeypatch.undo()

    with pytest.raises(EndOfTest):
        asyncio.run(schedule())
    return producer, source


def stamps(producer: Producer) -> list[float]:
    return [
        (producer.history.sample(seq).sampled_at_us - START_US) / 1e6
        for seq in range(producer.history.next_seq)
    ]


def test_readings_are_due_at_fixed_times(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, source = run(monkeypatch, {}, 4)
    assert stamps(producer) == [0.5, 1.5, 2.5, 3.5]
    assert source.read_at_s == [0.0, 1.0, 2.0, 3.0]
    assert producer.status == "sampling"


def test_a_sample_is_logged_before_it_is_offered(tmp_path: Path) -> None:
    log, seen = SampleLog(tmp_path, 17), list[tuple[int, int]]()
    history = History("web-01", 17, 1000)

    class Watched(Link):
        def offer(self) -> None:
            seen.append((log.written, self.history.next_seq))
            super().offer()

    link = Watched(PipelineState("websocket"), "websocket", history, 1, 1000, confirm=False)
    producer = Producer("web-01", "web", Times(), history, {"websocket": link}, log=log)
    for at_s in range(3):
        producer.take(float(at_s), START_US)
    log.close()
    assert seen == [(1, 1), (2, 2), (3, 3)]
    (file,) = tmp_path.iterdir()
    assert b"\n".join([link.encode([(seq, seq)]) for seq in range(3)]) + b"\n" == file.read_bytes()


def test_a_producer_dies_over_a_reading() -> None:
    history, source = History("web-01", 17, 1000), Times()
    link = Link(PipelineState("websocket"), "websocket", history, 1, 1000, confirm=False)
    producer = Producer("web-01", "web", source, history, {"websocket": link})
    producer.take(4.0, START_US)
    link.outbox.ack(link.outbox.take(1))
    producer.status = "sampling"
    producer.die()
    assert source.read_at_s == [4.0, 4.0]  # time does not go back
    assert link.last_words == link.encode([(1, 1)])
    assert (producer.status, link.next_parcel()) == ("crashed", None)
    producer.begin_life(History("web-01", 18, 1000))
    assert producer.status == "starting"
    assert (producer.lives, producer.created_before, link.history.epoch) == (2, 2, 18)
    producer.status = "stopped"
    producer.die()
    assert (link.last_words, producer.history.next_seq) == (b"", 0)


def test_small_delays_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, _ = run(monkeypatch, dict.fromkeys(range(200), 0.004), 200)
    assert stamps(producer)[-1] == pytest.approx(199.504, abs=1e-5)


def test_a_timer_that_is_a_little_late_stamps_the_time_of_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    producer, _ = run(monkeypatch, {1: 0.002}, 3)
    assert stamps(producer) == pytest.approx([0.5, 1.502, 2.5])


def test_an_overdue_reading_is_stamped_with_its_due_time(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, source = run(monkeypatch, {1: 2.3}, 5)
    assert stamps(producer) == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5], abs=1e-5)
    assert source.read_at_s == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert producer.skipped == 0


def test_after_a_long_stop_no_readings_are_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, source = run(monkeypatch, {1: 3600.25}, 4)
    assert producer.skipped == 3600
    assert source.read_at_s == [0.0, 3601.0, 3602.0, 3603.0]
    assert stamps(producer) == pytest.approx([0.5, 3601.5, 3602.5, 3603.5], abs=1e-5)
    assert producer.history.next_seq == 4  # numbers have no gap


def test_a_dead_producer_takes_no_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, _ = run(monkeypatch, {}, 4, status="crashed")
    assert (producer.history.next_seq, producer.skipped) == (0, 4)
