"""Pipeline B's knobs: what a message may ask, and rings that change their size without losing count."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.sample import Sample
from pipeline_websocket.aggregator import Aggregator
from pipeline_websocket.knobs import MOST_BYTES, Knobs
from pipeline_websocket.ring import Ring
from tests.support.samples import a_sample


class Connection:
    """Notes how it was closed."""

    def __init__(self) -> None:
        self.closed: list[tuple[int, str]] = []

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


def asked(knobs: Knobs, message: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(knobs.answer(json.dumps(message).encode()))
    return answer


def numbered(*seqs: int) -> list[Sample]:
    return [a_sample(seq=seq) for seq in seqs]


def held(aggregator: Aggregator) -> list[int]:
    return [sample.seq for sample in aggregator.newest_samples("web-01")]


def test_an_empty_message_only_asks() -> None:
    assert asked(Knobs(Aggregator(512)), {}) == {"ring_capacity": 512, "compression": "off"}


@pytest.mark.parametrize(
    "message, error",
    [
        (b"{", "malformed"),
        (b"\xff", "malformed"),
        (b'{"ring_capacity": 0}', "schema"),
        (b'{"ring_capacity": 1000001}', "schema"),
        (b'{"compression": "gzip", "ring_capacity": 3}', "schema"),
        (b'{"rings": 3}', "schema"),
        (b" " * (MOST_BYTES + 1), "too_large"),
    ],
)
def test_what_cannot_be_changes_nothing(message: bytes, error: str) -> None:
    knobs = Knobs(Aggregator(512))
    assert json.loads(knobs.answer(message))["error"] == error
    assert knobs.values() == {"ring_capacity": 512, "compression": "off"}


def test_a_smaller_ring_keeps_the_newest_and_counts_the_rest() -> None:
    aggregator = Aggregator(8)
    aggregator.add(numbered(*range(10)), 0)
    knobs = Knobs(aggregator)
    assert asked(knobs, {"ring_capacity": 3})["ring_capacity"] == 3
    assert held(aggregator) == [9, 8, 7]
    assert aggregator.overwritten == 7
    assert aggregator.processed == 10
    asked(knobs, {"ring_capacity": 5})
    aggregator.add(numbered(10, 11, 12), 0)
    assert held(aggregator) == [12, 11, 10, 9, 8]
    assert aggregator.overwritten == 8
    aggregator.add([a_sample("web-02", seq=seq) for seq in range(6)], 0)
    assert len(aggregator.newest_samples("web-02")) == 5, "rings to come have the new size"


@given(
    st.lists(
        st.one_of(
            st.integers(1, 12).map(lambda n: ("resize", n)), st.integers(1, 9).map(lambda n: ("add", n))
        ),
        max_size=30,
    ),
    st.integers(1, 12),
)
def test_a_ring_holds_the_newest_whatever_its_size_was(steps: list[tuple[str, int]], capacity: int) -> None:
    """Against a plain list: what was there keeps its order, and what went is counted, once."""
    ring, kept, made = Ring(capacity), list[int](), 0
    for what, n in steps:
        if what == "resize":
            capacity = n
            ring.resize(n)
        else:
            ring.extend(numbered(*range(made, made + n)))
            kept += range(made, made + n)
            made += n
        kept = kept[-capacity:]
        assert [sample.seq for sample in ring.newest_first()] == kept[::-1]
        assert len(ring) + ring.overwritten == made


async def test_a_change_of_compression_sends_producers_away_to_come_again() -> None:
    knobs, connection = Knobs(Aggregator(512)), Connection()
    knobs.producers.add(connection)  # type: ignore[arg-type]
    assert asked(knobs, {"compression": "off"})["compression"] == "off"
    assert not knobs._closing, "nothing changed"
    assert asked(knobs, {"compression": "on"})["compression"] == "on"
    for closing in list(knobs._closing):
        await closing
    assert connection.closed == [(1012, "compression changes: connect again")]
