"""What the ring still holds and what was overwritten: exact, by count and by identity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.ledger import count, parse_ledger
from metrics_core.sample import Sample
from pipeline_websocket import whereabouts
from pipeline_websocket.aggregator import Aggregator
from pipeline_websocket.whereabouts import look
from tests.support.samples import NOW_US, a_run, samples

CAPACITY = 8


async def looked_at(stream: list[list[Sample]]) -> tuple[Aggregator, dict[str, Any]]:
    aggregator = Aggregator(CAPACITY)
    for batch in stream:
        aggregator.add(batch, NOW_US)
    return aggregator, await look(aggregator)


def identities(places: dict[str, Any], place: str) -> set[tuple[str, int, int]]:
    return {
        (name, epoch, seq)
        for name, epochs in parse_ledger(places[place]).items()
        for epoch, intervals in epochs.items()
        for low, high in intervals
        for seq in range(low, high + 1)
    }


async def test_an_overflow_at_ten_times_the_size() -> None:
    stream = [a_run("web-01", 1, range(first, first + 5)) for first in range(0, 10 * CAPACITY, 5)]
    aggregator, found = await looked_at(stream)
    assert found["places"]["ring"] == {"web-01": {"1": [[72, 79]]}}
    assert found["places"]["overwritten"] == {"web-01": {"1": [[0, 71]]}}
    assert aggregator.overwritten == found["counts"]["overwritten"] == 9 * CAPACITY
    assert found["counts"]["overwritten_named"] == 9 * CAPACITY
    assert found["counts"]["ring"] == CAPACITY


@given(st.lists(st.lists(samples(most_seq=30), min_size=1, max_size=12), min_size=1, max_size=12))
def test_every_processed_sample_is_in_the_ring_or_overwritten(stream: list[list[Sample]]) -> None:
    """The newest `CAPACITY` arrivals of each producer, first arrivals only, whatever came in between."""
    import asyncio

    aggregator, found = asyncio.run(looked_at(stream))
    arrived: dict[str, list[tuple[str, int, int]]] = {}
    for batch in stream:
        # the order within a batch is the ring's own; what counts here is which batch pushed which out
        fresh: dict[tuple[str, int, int], None] = {}
        for sample in batch:
            identity = (sample.producer, sample.epoch, sample.seq)
            if identity not in arrived.setdefault(sample.producer, []):
                fresh[identity] = None
        for identity in fresh:
            arrived[identity[0]].append(identity)
    in_ring, gone = identities(found["places"], "ring"), identities(found["places"], "overwritten")
    assert not in_ring & gone
    assert in_ring | gone == {identity for own in arrived.values() for identity in own}
    for name, own in arrived.items():
        held = {identity for identity in in_ring if identity[0] == name}
        assert len(held) == min(CAPACITY, len(own))
    assert found["counts"]["overwritten"] == found["counts"]["overwritten_named"] == len(gone)
    assert aggregator.processed == count(aggregator.ledger()) == len(in_ring) + len(gone)


async def test_a_look_at_many_producers_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer that appears while it goes on, and one whose ring turns, do no harm."""
    monkeypatch.setattr(whereabouts, "SAMPLES_AT_ONCE", 1)
    aggregator = Aggregator(CAPACITY)
    for name in "abc":
        aggregator.add(a_run(name, 1, range(5)), NOW_US)

    async def between(_: float) -> None:
        aggregator.add(a_run("c", 1, range(5, 20)), NOW_US)
        aggregator.add(a_run("d", 1, range(3)), NOW_US)

    monkeypatch.setattr("asyncio.sleep", between)
    found = await look(aggregator)
    assert found["places"]["ring"].keys() == {"a", "b", "c"}
    assert found["places"]["ring"]["c"] == {"1": [[12, 19]]}
    assert found["places"]["overwritten"] == {"c": {"1": [[0, 11]]}}
    assert found["counts"]["overwritten"] == found["counts"]["overwritten_named"] == 12
