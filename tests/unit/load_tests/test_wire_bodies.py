"""Bodies made by formatting are valid batches, each sample with an identity of its own."""

from __future__ import annotations

import pytest

from load_tests.wire.bodies import ProducerBodies
from metrics_core.wire import BatchDecoder
from tests.support.samples import NOW_US


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_bodies_are_consecutive_runs(batch: int) -> None:
    bodies, decode = ProducerBodies("load-01", 7, batch), BatchDecoder().decode
    samples = [sample for step in range(5) for sample in decode(bodies.next(NOW_US + step))]
    assert [sample.seq for sample in samples] == list(range(5 * batch))
    assert {(sample.producer, sample.epoch) for sample in samples} == {("load-01", 7)}
    assert [sample.sampled_at_us for sample in samples] == [NOW_US + n // batch for n in range(5 * batch)]
    assert bodies.next_seq == 5 * batch


def test_readings_differ_within_a_batch_and_depend_on_seed_and_name() -> None:
    decode = BatchDecoder().decode

    def readings(name: str, seed: int) -> list[float]:
        return [sample.cpu_percent for sample in decode(ProducerBodies(name, 1, 50, seed).next(NOW_US))]

    assert len(set(readings("a", 1))) > 40
    assert readings("a", 1) == readings("a", 1)
    assert readings("a", 1) != readings("a", 2)
    assert readings("a", 1) != readings("b", 1)


def test_a_percent_sign_in_a_template_would_not_break_it() -> None:
    """Names may not hold one, but the template is a format: it must be escaped."""
    assert b"%d" in ProducerBodies("100%d", 1, 1).next(NOW_US)
