"""Samples for tests: one by hand, any by hypothesis, and seeded streams of batches as a network delivers them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import strategies as st

from metrics_core.limits import MAX_EXACT_INTEGER, MAX_FUTURE_US, WINDOW_US
from metrics_core.sample import Sample

NOW_US = 1_766_200_005_000_000
"""A moment in the middle of a window."""


def a_sample(producer: str = "web-01", epoch: int = 1, seq: int = 0, **fields: Any) -> Sample:
    """A sample with the given identity; `fields` replace readings and time."""
    readings: dict[str, Any] = {
        "sampled_at_us": NOW_US,
        "cpu_percent": 41.5,
        "memory_percent": 63.25,
        "disk_percent": 70.0,
        "net_rx_bytes_per_s": 123_456,
        "net_tx_bytes_per_s": 654_321,
    }
    return Sample(producer=producer, epoch=epoch, seq=seq, **(readings | fields))


def a_run(producer: str, epoch: int, seqs: range, **fields: Any) -> list[Sample]:
    """Samples with consecutive numbers."""
    return [a_sample(producer, epoch, seq, **fields) for seq in seqs]


percents = st.floats(0, 100) | st.sampled_from([0.0, 100.0, 33.3, 0.1, 2**-30])
rates = (
    st.integers(0, MAX_EXACT_INTEGER - 1)
    | st.floats(0, MAX_EXACT_INTEGER - 1)
    | st.sampled_from([0, 0.5, MAX_EXACT_INTEGER - 1])
)


def samples(
    producers: tuple[str, ...] = ("a", "b"),
    epochs: tuple[int, ...] = (1, 2),
    most_seq: int = 12,
    times: st.SearchStrategy[int] | None = None,
) -> st.SearchStrategy[Sample]:
    """Samples from a small space of identities, so that repeats are common."""
    return st.builds(
        Sample,
        producer=st.sampled_from(producers),
        epoch=st.sampled_from(epochs),
        seq=st.integers(0, most_seq),
        sampled_at_us=around_now() if times is None else times,
        cpu_percent=percents,
        memory_percent=percents,
        disk_percent=percents,
        net_rx_bytes_per_s=rates,
        net_tx_bytes_per_s=rates,
    )


def around_now() -> st.SearchStrategy[int]:
    """Times in the last windows, at their edges, and in the future."""
    edge = NOW_US // WINDOW_US * WINDOW_US
    return st.integers(NOW_US - 5 * WINDOW_US, NOW_US + 2 * MAX_FUTURE_US) | st.sampled_from(
        [edge - 1, edge, edge - WINDOW_US, NOW_US + MAX_FUTURE_US, NOW_US + MAX_FUTURE_US + 1]
    )


def one_identity_one_reading(found: list[Sample]) -> list[Sample]:
    """The same samples, but a repeated identity is a repeat: with the readings of its first appearance."""
    first: dict[tuple[str, int, int], Sample] = {}
    return [first.setdefault((s.producer, s.epoch, s.seq), s) for s in found]


def rough_stream(seed: int, now_us: int, prefix: str = "rough", batches: int = 60) -> list[list[Sample]]:
    """Batches as a bad network delivers those of producers that restart: with repeats, swaps, gaps, mixed batches.

    The times of the samples lie around `now_us`: on both sides of window edges, too late for every kept window, and too
    far in the future.
    """
    source = random.Random(seed)
    edge = now_us // WINDOW_US * WINDOW_US
    runs: list[list[Sample]] = []
    for number in range(4):
        for epoch in range(1, 1 + source.randint(1, 3)):
            seq = 0
            while seq < 120:
                n = source.choice([1, 1, 2, 5, 20])
                runs.append(
                    [_reading(source, f"{prefix}-{number}", epoch, seq + i, edge, now_us) for i in range(n)]
                )
                seq += n + source.choice([0, 0, 0, 1, 7])  # a gap, now and then
    source.shuffle(runs)
    runs = runs[:batches]
    stream = list(runs)
    for run in source.sample(runs, len(runs) // 3):
        stream.insert(source.randrange(len(stream)), run)  # sent again
        stream.insert(source.randrange(len(stream)), run[len(run) // 2 :])  # a part of it, in another batch
    for _ in range(10):
        mixed = source.choice(stream) + source.choice(stream) + source.choice(stream)[::-1]
        stream.insert(source.randrange(len(stream)), mixed)
    return stream


def _reading(source: random.Random, producer: str, epoch: int, seq: int, edge: int, now_us: int) -> Sample:
    taken = source.choice(
        [
            now_us - source.randrange(3_000_000),
            edge + source.choice([-1, 0, 1]),
            edge - source.randrange(WINDOW_US),
            edge - source.randrange(2, 6) * WINDOW_US,
            now_us + 600_000_000 + source.randrange(1_000_000),
        ]
    )
    return Sample(
        producer,
        epoch,
        seq,
        taken,
        source.choice([0.0, 100.0, round(source.uniform(0, 100), 2), source.uniform(0, 100)]),
        source.uniform(0, 100),
        source.uniform(0, 100),
        source.choice([0, 2**53 - 1, source.randrange(10**9), source.uniform(0, 1e9)]),
        source.randrange(10**9),
    )


def as_plain(value: Any) -> Any:
    """A sample or a summary as plain numbers and texts, comparable over both pipelines."""
    return msgspec.to_builtins(value)
