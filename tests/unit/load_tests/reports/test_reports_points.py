"""The points of the charts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from load_tests.reports.points import (
    HIGHEST_LOGIT,
    SERIES_NUMBERS,
    latency_curves,
    merged,
    quantile_curve,
    series_of,
    spread_of,
)
from load_tests.reports.view import Arm, report_of
from metrics_core.histogram import Histogram
from tests.support.saved_runs import make_comparison, make_run


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=300))
def test_a_curve_rises_from_the_median_to_the_maximum(values_us: list[int]) -> None:
    histogram = Histogram()
    histogram.add_all(list(values_us))
    curve = quantile_curve(histogram)
    xs, ys = [x for x, _ in curve], [y for _, y in curve]
    assert xs == sorted(xs)
    assert ys == sorted(ys)
    assert xs[-1] == HIGHEST_LOGIT
    assert abs(ys[-1] - max(1, *values_us, 1) / 1000) <= 0.01 * ys[-1] + 0.001


def test_a_percentile_that_no_sample_is_above_is_not_drawn() -> None:
    curve = quantile_curve(Histogram({10: 5, 50: 5}))
    assert all(x < 1 for x, _ in curve[:-1])  # 10 samples tell nothing beyond the 90th percentile


def test_an_empty_histogram_has_no_curve() -> None:
    assert quantile_curve(Histogram()) == []


def test_blocks_are_merged_but_for_those_that_do_not_stand() -> None:
    blocks = [make_run(number=1), make_run(number=2), make_run(number=3, status="void")]
    assert merged(Arm("http1", 0, blocks), "processed").n == 16_000


def test_the_uncorrected_curve_is_there_where_it_can_be_known() -> None:
    curves = latency_curves(report_of(make_comparison(rounds=1)))
    assert list(curves) == ["accepted", "processed", "visible"]
    assert curves["accepted"][0]["uncorrected"]
    assert curves["processed"][0]["uncorrected"] == []


def test_short_blocks_are_drawn_second_by_second() -> None:
    block = series_of(report_of(make_run()))[0]
    assert block["step"] == 1
    assert block["t_s"] == [float(second) for second in range(1, 11)]
    assert block["load_s"] == 8


def test_a_long_soak_is_thinned_and_keeps_its_worst_second() -> None:
    saved = make_run(duration_s=20_000, rate_per_s=1)
    saved.series.processed_p99_ms[7_777] = 9_999.0
    saved.series.processed_p99_ms[7_776] = None
    block = series_of(report_of(saved))[0]
    assert len(block["t_s"]) * 15 <= SERIES_NUMBERS
    assert max(value for value in block["p99"]["processed"] if value is not None) == 9_999
    assert {len(block[name]) for name in ("created", "acked", "processed", "backlog")} <= {
        len(block["t_s"]),
        len(block["t_s"]) + 1,
    }


def test_a_stretch_in_which_nothing_was_seen_stays_a_gap() -> None:
    block = series_of(report_of(make_run()))[0]
    assert block["p99"]["processed"][-1] is None


def test_every_block_is_a_dot_and_a_a_blocks_are_marked() -> None:
    spread = spread_of(report_of(make_comparison()))
    assert [dot["noise"] for dot in spread["blocks"]] == [True] * 2 + [False] * 12
    assert all(len(dot["values"]) == len(spread["figures"]) for dot in spread["blocks"])
