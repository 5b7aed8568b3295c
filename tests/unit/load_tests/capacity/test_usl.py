"""The scalability law: planted parameters come back, and what points cannot say is not said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.capacity.usl import Fit, fit, throughput
from metrics_core.errors import LabError


def planted(
    rate: float, contention: float, crosstalk: float, most: int = 8, sd: float = 0.0, seed: int = 1
) -> list[tuple[int, float]]:
    n = np.arange(1.0, most + 1)
    noise = np.exp(np.random.default_rng(seed).normal(0, sd, most)) if sd else np.ones(most)
    return [
        (int(a), float(b)) for a, b in zip(n, throughput(n, rate, contention, crosstalk) * noise, strict=True)
    ]


@given(st.floats(10, 1e6), st.floats(0, 0.9), st.floats(0, 0.2))
def test_planted_parameters_come_back(rate: float, contention: float, crosstalk: float) -> None:
    found = fit(planted(rate, contention, crosstalk))
    assert found.rate.value == pytest.approx(rate, rel=1e-3)
    assert found.contention.value == pytest.approx(contention, abs=2e-3)
    assert found.crosstalk.value == pytest.approx(crosstalk, abs=1e-3)
    assert max(abs(point.residual) for point in found.points) < 1e-3


def test_a_fit_tells_points_residuals_peak_and_words() -> None:
    found = fit(planted(1000, 0.1, 0.02))
    assert found.supported
    assert [point.n for point in found.points] == list(range(1, 9))
    assert found.points[0].measured == pytest.approx(1000)
    assert found.r_squared == pytest.approx(1)
    assert found.peak_n == pytest.approx(math.sqrt(0.9 / 0.02), rel=1e-2)
    assert found.peak_rate == pytest.approx(max(point.fitted for point in found.points), rel=0.01)
    assert found.statement == (
        "One alone does 1,000/s; 10.0 % of the work cannot be done side by side;"
        " throughput is highest at about 7, with 2,871/s."
    )


def test_noise_leaves_the_planted_parameters_inside_their_intervals() -> None:
    held = 0
    for seed in range(60):
        found = fit(planted(1000, 0.15, 0.02, sd=0.02, seed=seed))
        low, high = found.contention.low, found.contention.high
        assert low is not None
        assert high is not None
        held += low <= 0.15 <= high
    assert held >= 54


def test_parameters_are_never_negative() -> None:
    faster = [(1, 100.0), (2, 230.0), (4, 500.0), (8, 1100.0)]
    found = fit(faster)
    assert found.contention.value == found.crosstalk.value == 0
    assert found.peak_n is None


def test_growth_in_proportion_is_called_so() -> None:
    found = fit([(n, 250.0 * n) for n in (1, 2, 4, 8)])
    assert found.supported
    assert found.statement == "One alone does 250/s, and up to 8 throughput grows in proportion."
    assert (found.peak_n, found.peak_rate) == (None, None)


def test_contention_alone_levels_off() -> None:
    found = fit(planted(1000, 0.25, 0))
    assert found.peak_n is None
    assert found.statement.endswith(
        "25.0 % of the work cannot be done side by side; throughput levels off towards 4,000/s."
    )


def test_a_peak_beyond_the_points_is_called_a_calculation() -> None:
    assert "a calculation, not a measurement" in fit(planted(1000, 0.05, 0.002)).statement


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_points_support_nothing(n: int) -> None:
    found = fit(planted(1000, 0.1, 0.01, most=n))
    assert not found.supported
    assert found.statement == (
        f"The points do not support the law: {n} different N, and its three parameters need at least 4."
    )
    assert found.contention.low is found.contention.high is None


def test_many_points_at_few_n_are_still_few() -> None:
    found = fit([(1, 100.0), (1, 101.0), (2, 190.0), (2, 191.0), (2, 189.0)])
    assert not found.supported
    assert "2 different N" in found.statement


def test_a_point_that_the_law_misses_is_named() -> None:
    points = planted(1000, 0.1, 0.01)
    points[3] = (4, points[3][1] * 0.6)
    found = fit(points)
    assert not found.supported
    assert says(found, "at N = 4 the measured throughput is", "below the fitted one")


def test_contention_and_crosstalk_that_cannot_be_told_apart_are_not_quoted() -> None:
    found = fit(planted(1000, 0.1, 0.02, most=4, sd=0.07, seed=8))
    assert not found.supported
    assert says(found, "cannot be told apart")


def says(found: Fit, *parts: str) -> bool:
    return all(part in found.statement for part in parts)


def test_order_and_repeated_points_do_not_matter() -> None:
    points = planted(1000, 0.1, 0.02)
    assert fit(points[::-1]) == fit(points)
    assert fit(points * 2).contention.value == pytest.approx(fit(points).contention.value, abs=1e-4)


@pytest.mark.parametrize("x", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_measurement_is_refused(x: float) -> None:
    with pytest.raises(LabError, match="no measured point"):
        fit([(1, 100.0), (2, x)])


def test_no_points_and_no_workers_are_refused() -> None:
    with pytest.raises(LabError, match="no point to fit"):
        fit([])
    with pytest.raises(LabError, match="no measured point"):
        fit([(0, 100.0)])
