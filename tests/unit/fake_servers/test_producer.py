"""A producer keeps its schedule: no drift, no gap in its numbers, overdue readings stamped with their due time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from fake_servers.history import History
from fake_servers.link import Link
from fake_servers.pipeline import PipelineState
from fake_servers.producer import AT_ONCE, Producer
from fake_servers.roles import WEB
from fake_servers.sample_log import SampleLog
from fake_servers.signals import Reading, Signals, Source

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
    producer, source = run(monkeypatch, {1: 2.3}, 3)
    assert stamps(producer) == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5], abs=1e-5)
    assert source.read_at_s == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert producer.skipped == 0


def test_overdue_readings_are_taken_in_turns_of_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, _ = run(monkeypatch, {1: 4.55}, 4, interval_s=0.1)
    assert producer.history.next_seq == 1 + 2 * AT_ONCE + 6  # 46 were due, and the process got round to them
    assert stamps(producer) == pytest.approx([0.5 + 0.1 * seq for seq in range(47)], abs=1e-5)
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


def test_a_stopped_server_keeps_its_schedule_and_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, source = run(monkeypatch, {1: 3600.25}, 4, status="stopped")
    assert (producer.history.next_seq, producer.skipped, source.read_at_s) == (0, 0, [])
    producer.start()
    assert producer.status == "starting"


def test_a_new_schedule_goes_on_in_the_servers_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, source = Clock({}, 0), Times()
    producer = Producer("web-01", "web", source, History("web-01", 17, 1000), {})

    async def schedules() -> None:
        monkeypatch.setattr("fake_servers.producer.time.monotonic", clock.monotonic)
        monkeypatch.setattr("fake_servers.producer.asyncio.sleep", clock.sleep)
        monkeypatch.setattr("fake_servers.producer.now_us", clock.now_us)
        try:
            for begin_s, interval_s, sleeps in ((100.5, 1.0, 3), (103.0, 0.1, 4)):
                clock._left, clock._slept = sleeps, 0
                with pytest.raises(EndOfTest):
                    await producer.run(begin_s, interval_s)
        finally:
            monkeypatch.undo()

    asyncio.run(schedules())
    assert source.read_at_s == pytest.approx([0, 1, 2, 2.5, 2.6, 2.7, 2.8])
    assert stamps(producer) == pytest.approx([0.5, 1.5, 2.5, 3.0, 3.1, 3.2, 3.3], abs=1e-5)


def linked(source: Source, tmp_path: Path | None = None) -> tuple[Producer, Link]:
    history = History("web-01", 17, 1000)
    link = Link(PipelineState("websocket"), "websocket", history, 10, 1000, confirm=False)
    log = SampleLog(tmp_path, 17) if tmp_path else None
    return Producer("web-01", "web", source, history, {"websocket": link}, log=log), link


def test_a_stop_sends_what_has_gathered_and_a_start_gathers_again() -> None:
    producer, link = linked(Times())
    producer.take(0.0, START_US)
    assert link.next_parcel() is None
    producer.stop()
    assert link.next_parcel() == [(0, 0)]
    producer.start()
    producer.take(1.0, START_US)
    assert link.next_parcel() is None
    producer.status = "sampling"
    producer.start()
    assert producer.status == "sampling"


def test_orders_act_from_now_on_and_say_how_long() -> None:
    producer, link = linked(Signals(1, "web-01", WEB, 0, 45))
    producer.take(7.0, START_US)
    assert producer.spike(500.0, 40, 10)
    assert producer.hold(500.0, 90, 20)
    producer.slow_down(500.0, 0.2, 30)
    assert producer.effects(500.0) == {"spike": 10, "load": 20, "latency": 30}
    assert producer.effects(515.0) == {"load": 5, "latency": 15}
    assert producer.effects(530.0) == {}
    assert (link.send_delay_s(529.0), link.send_delay_s(530.0)) == (0.2, 0)
    producer.take(12.0, START_US)
    last = producer.history.last()
    assert last is not None
    assert last.memory_percent == 90
    producer.take(27.0, START_US)
    last = producer.history.last()
    assert last is not None
    assert last.memory_percent < 90


def test_nothing_is_added_to_what_is_measured() -> None:
    producer, _ = linked(Times())
    assert not producer.spike(500.0, 40, 10)
    assert not producer.hold(500.0, 90, 20)
    assert producer.effects(500.0) == {}


def test_invalid_samples_are_logged_and_have_an_epoch_in_each_life(tmp_path: Path) -> None:
    producer, link = linked(Times(), tmp_path)
    producer.spoil(2, 1_000)
    producer.spoil(1, 2_000)
    assert producer.history.next_seq == 0
    assert (producer.spoiled_n, link.waiting) == (3, 3)
    (file,) = tmp_path.iterdir()
    told = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [(sample["epoch"], sample["seq"]) for sample in told] == [(1_000, 0), (1_000, 1), (1_000, 2)]
    assert producer.next_epoch == 1_001
    producer.begin_life(History("web-01", producer.next_epoch, 1000))
    producer.spoil(1, 500)
    assert json.loads(file.read_bytes().splitlines()[-1])["epoch"] == 1_002
    assert [life.epoch for life in link.lives()] == [1_000, 17, 1_002, 1_001]
    assert producer.lives == 2


def test_a_new_schedule_before_the_first_reading_begins_the_servers_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, source = Clock({}, 0), Times()
    producer = Producer("web-01", "web", source, History("web-01", 17, 1000), {})

    async def schedules() -> None:
        monkeypatch.setattr("fake_servers.producer.time.monotonic", clock.monotonic)
        monkeypatch.setattr("fake_servers.producer.asyncio.sleep", clock.sleep)
        monkeypatch.setattr("fake_servers.producer.now_us", clock.now_us)
        try:
            for begin_s, sleeps in ((103.0, 0), (100.5, 3)):
                clock._left, clock._slept = sleeps, 0
                with pytest.raises(EndOfTest):
                    await producer.run(begin_s, 1.0)
        finally:
            monkeypatch.undo()

    asyncio.run(schedules())
    assert source.read_at_s[:2] == [0.0, 1.0], "no time before its start"
