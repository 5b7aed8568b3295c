"""The rule of the verdicts and their words."""

from __future__ import annotations

import math

import pytest

from load_tests.comparison.judgement import amount, judge, note, percent, resolution, span
from load_tests.comparison.statistics import Interval
from load_tests.runs.figures import BY_KEY
from load_tests.runs.schema import Ratio, Verdict


def interval(low: float, estimate: float, high: float) -> Interval:
    return Interval(math.log(estimate), math.log(low), math.log(high), 8)


@pytest.mark.parametrize(
    "low, estimate, high, floor, expected",
    [
        (1.15, 1.2, 1.25, 1.05, "worse"),
        (0.75, 0.8, 0.85, 1.05, "better"),
        (1.15, 1.2, 1.25, 1.30, "too noisy"),  # identical arms get as far
        (0.99, 1.2, 1.45, 1.05, "too noisy"),
        (0.97, 1.01, 1.05, 1.03, "tie"),
        (1.02, 1.03, 1.04, 1.01, "worse"),  # small, but there
        (1.02, 1.03, 1.04, 1.05, "tie"),
        (1.004, 1.005, 1.006, 1.0, "tie"),  # exact, and of no consequence
        (1.0, 1.0, 1.0, 1.0, "tie"),
        (1.07, 1.07, 1.07, 1.0, "worse"),
        (0.95, 1.0, 1.101, 1.03, "too noisy"),
    ],
)
def test_the_rule(low: float, estimate: float, high: float, floor: float, expected: Verdict) -> None:
    assert judge(interval(low, estimate, high), floor) == expected


def test_more_is_better_for_some_figures() -> None:
    assert judge(interval(1.15, 1.2, 1.25), 1.05, lower_is_better=False) == "better"
    assert judge(interval(0.75, 0.8, 0.85), 1.05, lower_is_better=False) == "worse"


def test_without_a_floor_the_whole_interval_must_clear_what_is_asked() -> None:
    assert judge(interval(1.2, 1.3, 1.4), None, clear_of=1.25) == "too noisy"
    assert judge(interval(1.3, 1.4, 1.5), None, clear_of=1.25) == "worse"
    assert judge(interval(0.6, 0.7, 0.79), None, clear_of=1.25) == "better"


def test_latencies_are_no_finer_than_their_buckets() -> None:
    assert resolution(BY_KEY["processed_p50"]) == pytest.approx(1 / 64)
    assert resolution(BY_KEY["wire_bytes"]) == 0


@pytest.mark.parametrize(
    "verdict, ratio, floor, expected",
    [
        ("worse", Ratio(2.2, 2.1, 2.4), 1.05, "2.1 to 2.4 times as much"),
        ("better", Ratio(0.1, 0.09, 0.12), 1.05, "0.09 to 0.12 times as much"),
        ("better", Ratio(0.8, 0.75, 0.85), 1.05, "15 to 25 % less"),
        ("worse", Ratio(1.2, 1.15, 1.25), 1.05, "15 to 25 % more"),
        ("worse", Ratio(1.5, 1.2, 2.0), 1.05, "1.2 to 2.0 times as much"),
        ("better", Ratio(0.3, 0.3, 0.3), 1.0, "0.3 times as much"),
        ("worse", Ratio(1.03, 1.02, 1.04), 1.01, "2 to 4 % more: small, but beyond what chance does here"),
        ("tie", Ratio(1.0, 0.98, 1.04), 1.03, "at most 4 % apart: inside the noise"),
        ("tie", Ratio(1.0, 0.92, 1.04), 1.03, "at most 9 % apart: inside the noise"),
        ("tie", Ratio(1.0, 1.0, 1.0), 1.0, "the same"),
        (
            "too noisy", Ratio(1.07, 0.88, 1.3), 1.05,
            "this machine is too noisy to say: anything from 12 % less to 30 % more would look like this",
        ),
        (
            "too noisy", Ratio(1.2, 1.15, 1.25), 1.3,
            "this machine is too noisy to say: 15 to 25 % more here, but identical arms are up to 30 % apart by chance",
        ),
    ],
)  # fmt: skip
def test_the_words(verdict: Verdict, ratio: Ratio, floor: float, expected: str) -> None:
    assert note(verdict, ratio, floor) == expected


def test_times_are_long_and_amounts_are_much() -> None:
    assert span(Ratio(2.2, 2.1, 2.4), long=True) == "2.1 to 2.4 times as long"
    assert span(Ratio(0.8, 0.75, 0.85), long=True) == "15 to 25 % shorter"
    assert amount(1.3, long=True) == "30 % longer"
    assert amount(1.0) == "the same"
    assert amount(12.4) == "12 times as much"


def test_wide_intervals_keep_both_ends() -> None:
    assert note("too noisy", Ratio(1.5, 0.8, 2.9), 1.1).endswith(
        "anything from 20 % less to 2.9 times as much would look like this"
    )


def test_a_tie_is_not_put_down_to_noise_that_was_not_measured() -> None:
    assert note("tie", Ratio(1.0, 0.98, 1.04), None) == "at most 4 % apart: practically the same"


def test_very_wide_intervals_are_told_without_false_precision() -> None:
    assert span(Ratio(0.005, 0.0001, 0.2), long=True) == "at most 0.2 times as long"
    assert span(Ratio(9.0, 1.2, 80.0)) == "at least 20 % more"
    assert note("too noisy", Ratio(0.9, 0.0002, 4992.0), None) == (
        "this machine is too noisy to say: a 20th and 20 times as much would both look like this"
    )


def test_small_percentages_keep_a_digit() -> None:
    assert [percent(ratio) for ratio in (1.004, 0.996, 1.04, 1.0, 1.0004)] == [
        "0.4 %",
        "0.4 %",
        "4 %",
        "0 %",
        "0.1 %",
    ]


def test_a_difference_short_of_what_is_asked_is_told_as_it_is() -> None:
    assert note("too noisy", Ratio(1.2, 1.15, 1.25), None, clear_of=1.25) == (
        "15 to 25 % more here, but only what lies beyond 25 % is called a difference"
    )
