"""Laws of the estimators, and the simulation that chose them: how often an interval holds, with few and bad rounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.comparison import statistics
from load_tests.comparison.statistics import (
    Interval,
    log_ratios,
    median,
    noise_floor,
    paired_interval,
    pseudo_median,
    unpaired_interval,
)

SIMULATED = 400
values = st.lists(st.floats(-5, 5), min_size=3, max_size=12)


def test_pseudo_median_is_the_median_of_all_pairwise_averages() -> None:
    assert pseudo_median(np.array([1.0, 2.0, 10.0])) == pytest.approx((2.0 + 5.5) / 2)
    assert pseudo_median(np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(1.5)


@given(values, st.floats(-3, 3))
def test_pseudo_median_and_interval_move_with_the_values_and_turn_with_their_sign(
    found: list[float], by: float
) -> None:
    there = np.array(found)
    assert pseudo_median(there + by) == pytest.approx(pseudo_median(there) + by, abs=1e-9)
    assert pseudo_median(-there) == pytest.approx(-pseudo_median(there), abs=1e-9)
    plain, moved, turned = (paired_interval(x, 0.01, 1) for x in (there, there + by, -there))
    assert moved[:3] == pytest.approx([value + by for value in plain[:3]], abs=1e-8)
    assert turned[:3] == pytest.approx([-plain.estimate, -plain.high, -plain.low], abs=1e-8)


@given(values)
def test_an_interval_holds_its_estimate_and_grows_with_confidence(found: list[float]) -> None:
    narrow, wide = (paired_interval(np.array(found), alpha, 1) for alpha in (0.05, 0.005))
    assert wide.low <= narrow.low <= narrow.estimate <= narrow.high <= wide.high


def test_one_wild_value_of_eight_hardly_moves_the_estimate_or_the_interval() -> None:
    rounds = np.array([0.01, -0.02, 0.03, 0.0, 0.02, -0.01, 0.015, 0.005])
    wild = rounds.copy()
    wild[3] = 3.0
    calm, struck = paired_interval(rounds, 0.05, 1), paired_interval(wild, 0.05, 1)
    assert abs(struck.estimate - calm.estimate) < 0.01
    assert struck.high - struck.low < 3 * (calm.high - calm.low)


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly_the_same() -> None:
    rounds = np.random.default_rng(4).normal(0.1, 0.04, 8)
    first, again, other = (paired_interval(rounds, 0.05, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert other.high == pytest.approx(first.high, abs=0.01)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = np.random.default_rng(4).normal(0.1, 0.04, 20)
    whole = paired_interval(rounds, 0.05, 1)
    monkeypatch.setattr(statistics, "_CHUNK", 1000)
    assert paired_interval(rounds, 0.05, 1) == whole


def test_a_hundred_rounds_are_sharper_than_eight() -> None:
    rounds = np.random.default_rng(4).normal(0.1, 0.04, 100)
    many, few = paired_interval(rounds, 0.05, 1), paired_interval(rounds[:8], 0.05, 1)
    assert many.n == 100
    assert many.high - many.low < (few.high - few.low) / 2.5


def test_constant_rounds_give_an_interval_without_width_and_no_warning() -> None:
    assert paired_interval(np.full(8, 0.3), 0.05, 1) == Interval(0.3, 0.3, 0.3, 8)
    assert noise_floor(np.zeros(6), 8, 1) == 1.0


def test_widening_never_narrows() -> None:
    assert Interval(0.1, 0.1, 0.1, 8).widened(0.02)[:3] == pytest.approx((0.1, 0.08, 0.12))
    assert Interval(0.1, -1.0, 1.0, 8).widened(0.02) == Interval(0.1, -1.0, 1.0, 8)


def test_ratio_is_the_way_back_from_logarithms_and_never_overflows() -> None:
    ratio = Interval(math.log(2), -1e4, 1e4, 3).ratio
    assert ratio.estimate == pytest.approx(2)
    assert 0 <= ratio.low < 1e-300
    assert math.isfinite(ratio.high)


def test_log_ratios_are_of_rounds_with_both_values() -> None:
    logs = log_ratios([1.0, None, 2.0, 4.0, 1.0], [2.0, 1.0, 2.0, None, 0.5])
    assert logs.values.tolist() == pytest.approx([math.log(2), 0.0, -math.log(2)])
    assert not logs.reason


@pytest.mark.parametrize(
    "baseline, arm, says",
    [
        ([None, None], [1.0, 2.0], "no round has a value on both sides"),
        ([], [], "no round"),
        ([1.0, 1.0], [1.0, 1.0], "2 of the 3 rounds"),
        ([1.0, 1.0, 0.0], [1.0, 1.0, 1.0], "0 on one side"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, math.nan], "no number"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, math.inf], "no number"),
        ([1.0, 1.0, -1.0], [1.0, 1.0, 1.0], "negative"),
    ],
)
def test_what_has_no_ratio_says_why(baseline: list[float | None], arm: list[float | None], says: str) -> None:
    logs = log_ratios(baseline, arm)
    assert logs.values.size == 0
    assert says in logs.reason


def test_two_zeros_are_equal() -> None:
    assert log_ratios([0.0, 1.0, 1.0], [0.0, 1.0, 1.0]).values.tolist() == [0.0, 0.0, 0.0]


def test_median_is_of_what_was_measured() -> None:
    assert median([3.0, None, 1.0]) == 2.0
    assert median([None]) is None


def test_unpaired_interval_finds_a_planted_shift() -> None:
    rng = np.random.default_rng(1)
    found = unpaired_interval(rng.normal(1, 0.05, 8), rng.normal(1.5, 0.05, 12), 0.05, 1)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.25
    assert found.n == 8


def test_noise_floor_falls_with_rounds_and_grows_with_noise() -> None:
    calm = np.array([0.01, -0.02, 0.015, 0.03, -0.01, 0.02])
    floors = [noise_floor(calm, rounds, 1) for rounds in (3, 8, 30)]
    assert all(floor and floor > 1 for floor in floors)
    assert floors == sorted(floors, reverse=True)  # type: ignore[type-var]
    assert (noise_floor(calm * 4, 8, 1) or 0) > (noise_floor(calm, 8, 1) or 0)
    assert noise_floor(calm, 8, 1, times=2) == pytest.approx(noise_floor(calm * 2, 8, 1))
    assert noise_floor(calm, 8, 1) == pytest.approx(noise_floor(-calm, 8, 1), rel=0.01)


def test_noise_floor_needs_three_pairs() -> None:
    assert noise_floor(np.array([0.1, 0.2]), 8, 1) is None


def _rounds(kind: str, rng: np.random.Generator, n: int) -> statistics.Array:
    """Differences around 0, of sd 0.04 before anything disturbs them."""
    if kind == "heavy tails":
        return rng.standard_t(3, n) * 0.04 / math.sqrt(3)
    found = rng.normal(0, 0.04, n)
    if kind == "disturbed":
        found += (rng.random(n) < 0.08) * rng.choice([-1, 1], n) * rng.uniform(0.2, 1.1, n)
    return found


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "disturbed"])
@pytest.mark.parametrize("n", [3, 5, 8])
def test_intervals_hold_as_often_as_they_say(kind: str, n: int) -> None:
    rng = np.random.default_rng(20)
    intervals = [paired_interval(_rounds(kind, rng, n), 0.05, seed) for seed in range(SIMULATED)]
    held = sum(found.low <= 0 <= found.high for found in intervals)
    assert held >= 0.93 * SIMULATED  # 95 % less two standard errors of the simulation


def test_intervals_of_few_quiet_rounds_are_as_wide_as_the_t_interval_of_their_mean() -> None:
    rng = np.random.default_rng(23)
    widths, expected = [], []
    for seed in range(200):
        rounds = rng.normal(0, 0.04, 5)
        found = paired_interval(rounds, 0.05, seed)
        widths.append(found.high - found.low)
        expected.append(2 * 2.776 * rounds.std(ddof=1) / math.sqrt(5))
    assert 0.97 < np.mean(widths) / np.mean(expected) < 1.15


def test_unpaired_intervals_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(21)
    intervals = [
        unpaired_interval(rng.normal(0, 0.05, 6), rng.normal(0, 0.1, 8), 0.05, seed)
        for seed in range(SIMULATED)
    ]
    assert sum(found.low <= 0 <= found.high for found in intervals) >= 0.93 * SIMULATED


@pytest.mark.parametrize("kind", ["normal", "disturbed"])
def test_identical_arms_stay_under_the_noise_floor(kind: str) -> None:
    rng = np.random.default_rng(22)
    under = 0
    for seed in range(SIMULATED):
        floor = noise_floor(_rounds(kind, rng, 6), 8, seed)
        assert floor is not None
        under += abs(pseudo_median(_rounds(kind, rng, 8))) <= math.log(floor)
    assert under >= 0.92 * SIMULATED
