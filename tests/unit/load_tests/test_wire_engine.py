"""The engine over pipes: closed model keeps channels full, open model sends when it was meant to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from load_tests.wire import engine as module
from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Refusal, ReplyError
from load_tests.wire.engine import Engine
from metrics_core.wire import BatchDecoder


class PipeChannel:
    """Takes bodies and acknowledges them through a pipe, as a server would; `most` are in flight at once."""

    def __init__(self, most: int) -> None:
        self._reader, self._writer = os.pipe()
        self._most = most
        self.sock: Any = self
        self.in_flight = 0
        self.refused: list[Refusal] = []
        self.negotiated = "pipe"
        self.bodies: list[bytes] = []
        self.answers = True

    def fileno(self) -> int:
        return self._reader

    def send(self, body: bytes) -> bool:
        if self.in_flight >= self._most:
            return False
        self.bodies.append(body)
        self.in_flight += 1
        if self.answers:
            os.write(self._writer, b"x")
        return True

    def receive(self) -> Sequence[int]:
        done = len(os.read(self._reader, 1000))
        self.in_flight -= done
        return range(done)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


@pytest.fixture
def channels() -> Iterator[list[PipeChannel]]:
    made = [PipeChannel(most) for most in (1, 4, 64)]
    yield made
    for channel in made:
        channel.close()


def engine_of(channels: list[PipeChannel]) -> Engine:
    return Engine(channels, [ProducerBodies(f"load-{n}", 1, 2) for n in range(len(channels))])


def audited(channels: list[PipeChannel]) -> int:
    """Every identity exactly once and without gaps; gives the number of bodies."""
    decode = BatchDecoder().decode
    for channel in channels:
        seqs = Counter(sample.seq for body in channel.bodies for sample in decode(body))
        assert sorted(seqs) == list(range(2 * len(channel.bodies)))
        assert set(seqs.values()) <= {1}
        assert channel.in_flight == 0
    return sum(len(channel.bodies) for channel in channels)


def test_closed_model(channels: list[PipeChannel]) -> None:
    engine = engine_of(channels)
    result = engine.run_closed(0.05)
    assert result.sent == audited(channels) > 10
    assert 0.05 <= result.seconds < 5
    assert result.lateness.n == 0
    assert [p.next_seq for p in engine.producers] == [2 * len(channel.bodies) for channel in channels]
    engine._poll.close()


def test_open_model_sends_the_whole_schedule_with_its_intended_times(channels: list[PipeChannel]) -> None:
    engine = engine_of(channels)
    result = engine.run_open(rate_per_s=2_000, seconds=0.2, seed=3)
    assert result.sent == audited(channels) == result.lateness.n
    assert 300 <= result.sent <= 500, "Poisson with mean 400"
    decode = BatchDecoder().decode
    times = sorted(decode(body)[0].sampled_at_us for channel in channels for body in channel.bodies)
    assert 150_000 <= times[-1] - times[0] <= 200_000, (
        "meant times are those of the schedule, not of the sending"
    )
    again = engine.run_open(rate_per_s=2_000, seconds=0.2, seed=3)
    assert again.sent == result.sent, "the schedule is seeded"
    engine._poll.close()


def test_no_answers_void_the_run(channels: list[PipeChannel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STALLED_S", 0.05)
    for channel in channels:
        channel.answers = False
    engine = engine_of(channels)
    with pytest.raises(ReplyError, match="no answer"):
        engine.run_closed(0.01)
    engine._poll.close()
