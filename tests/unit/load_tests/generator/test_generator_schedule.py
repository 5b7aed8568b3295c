"""Schedules: the same for the same seed, exponential or even gaps, and the rate that was asked for."""

from __future__ import annotations

from itertools import pairwise
from math import exp, sqrt

import pytest

from load_tests.generator.schedule import send_times
from load_tests.generator.shapes import SHAPES, Shape

STEADY = Shape(SHAPES["steady"], 1_000)


def times(
    kind: str = "poisson", rate: float = 20, seed: int = 1, producer: int = 0, shape: Shape = STEADY
) -> list[float]:
    return list(send_times(shape, rate, kind, seed, producer))


@pytest.mark.parametrize("kind", ["poisson", "constant"])
@pytest.mark.parametrize("name", SHAPES)
def test_times_ascend_inside_the_run_and_repeat_with_the_seed(kind: str, name: str) -> None:
    shape = Shape(SHAPES[name], 50)
    found = times(kind, shape=shape)
    assert found == times(kind, shape=shape)
    assert all(0 <= a < b < 50 for a, b in pairwise(found))
    assert found != times(kind, seed=2, shape=shape)
    assert found != times(kind, producer=1, shape=shape)


def test_poisson_gaps_are_exponential() -> None:
    """Mean 1/rate, and as many gaps beyond a length as e^(-rate · length) says."""
    gaps = [b - a for a, b in pairwise([0.0, *times()])]
    n = len(gaps)
    assert n == pytest.approx(20_000, rel=0.03)
    for length_s in (0.01, 0.05, 0.1, 0.2):
        share = sum(gap > length_s for gap in gaps) / n
        assert share == pytest.approx(exp(-20 * length_s), abs=0.015)
    before_long = [b for a, b in pairwise(gaps) if a > 0.1]
    assert sum(before_long) / len(before_long) == pytest.approx(0.05, rel=0.1), (
        "gaps know nothing of each other"
    )


def test_constant_gaps_are_even_and_producers_out_of_step() -> None:
    found = times("constant")
    assert len(found) == pytest.approx(20_000, abs=1)
    assert all(b - a == pytest.approx(0.05) for a, b in pairwise(found))
    firsts = sorted(times("constant", producer=number)[0] for number in range(50))
    assert 0 <= firsts[0] < firsts[-1] < 0.05
    assert max(b - a for a, b in pairwise(firsts)) < 0.02, "their phases spread over the gap"


def test_producers_add_up_to_a_poisson_process_of_the_whole_rate() -> None:
    """The variance of counts in slices equals their mean, as for one Poisson process (and for no constant one)."""
    shape = Shape(SHAPES["steady"], 200)
    everyone = [at for number in range(50) for at in times(rate=10, producer=number, shape=shape)]
    counts = [0] * 1_000
    for at in everyone:
        counts[int(at * 5)] += 1
    mean = sum(counts) / len(counts)
    variance = sum((n - mean) ** 2 for n in counts) / len(counts)
    assert mean == pytest.approx(100, rel=0.02)
    assert variance / mean == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("kind", ["poisson", "constant"])
@pytest.mark.parametrize("name", ["spike", "ramp", "step", "burst"])
def test_sends_follow_the_shape(kind: str, name: str) -> None:
    shape = Shape(SHAPES[name], 1_000)
    counts = [0] * 20
    for at in times(kind, rate=40, shape=shape):
        counts[int(at / 50)] += 1
    for number, n in enumerate(counts):
        expected = sum(40 * shape.level(50 * number + i + 0.5) for i in range(50))
        assert n == pytest.approx(expected, abs=2 + 4.5 * sqrt(expected))


@pytest.mark.parametrize("rate", [0.001, 0.5, 5_000])
def test_very_low_and_very_high_rates(rate: float) -> None:
    shape = Shape(SHAPES["steady"], 2)
    assert len(times("constant", rate=rate, shape=shape)) == pytest.approx(2 * rate, abs=1)
    assert len(times("poisson", rate=rate, shape=shape)) == pytest.approx(2 * rate, abs=max(3, 0.05 * rate))
