"""The ring does what a bounded deque does, and counts what it overwrites."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from metrics_core.sample import Sample
from pipeline_websocket.ring import Ring
from tests.support.samples import a_sample


@given(st.integers(1, 12), st.lists(st.integers(0, 30), max_size=15))
def test_it_holds_the_newest_in_order_of_arrival(capacity: int, sizes: list[int]) -> None:
    ring, plain = Ring(capacity), deque[Sample](maxlen=capacity)
    added = 0
    for size in sizes:
        batch = [a_sample(seq=added + n) for n in range(size)]
        added += size
        ring.extend(batch)
        plain.extend(batch)
        assert ring.newest_first() == list(reversed(plain))
        assert len(ring) == len(plain)
        assert ring.overwritten == added - len(plain)


def test_an_empty_ring() -> None:
    ring = Ring(3)
    ring.extend([])
    assert (ring.newest_first(), len(ring), ring.overwritten) == ([], 0, 0)


def test_its_memory_is_fixed() -> None:
    ring = Ring(4)
    for seq in range(100):
        ring.extend([a_sample(seq=seq)])
    assert len(ring._slots) == 4
