"""Identities of kept batches: all of them, in order, or none where the bytes cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.sample import Sample
from metrics_core.wire import encode_batch, join_batches
from pipeline_http_redis.store.identities import Run, parse_run, runs_of
from tests.support.samples import a_run, a_sample, samples


@given(st.lists(st.lists(samples(), min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_group_gives_every_sample_in_order(batches: list[list[Sample]]) -> None:
    runs = runs_of(join_batches([encode_batch(batch) for batch in batches]))
    told = [(run.producer, run.epoch, seq) for run in runs for seq in range(run.low, run.high + 1)]
    assert told == [(s.producer, s.epoch, s.seq) for batch in batches for s in batch]
    assert [parse_run(run.as_text().encode()) for run in runs] == runs


def test_neighbours_are_one_run_and_repeats_are_told_twice() -> None:
    body = join_batches([encode_batch(a_run("a", 1, range(3))), encode_batch(a_run("a", 1, range(2, 5)))])
    assert runs_of(body) == [Run("a", 1, 0, 2), Run("a", 1, 2, 4)]


def test_a_batch_and_a_bare_sample() -> None:
    assert runs_of(encode_batch(a_run("a", 7, range(3, 6)))) == [Run("a", 7, 3, 5)]
    assert runs_of(encode_batch([a_sample("a", 7, 9)])) == [Run("a", 7, 9, 9)]


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'[{"producer":"a","epoch":1}]']
)
def test_what_cannot_be_read_has_no_identities(body: bytes) -> None:
    assert runs_of(body) == []
