"""Figures as text: three digits, units, dashes."""

from __future__ import annotations

import math

import pytest

from load_tests.reports.numbers import (
    NARROW,
    count,
    interval,
    moment,
    samples,
    sentence,
    three,
    times,
    with_unit,
)
from load_tests.runs.schema import Ratio


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"), (0.0, "0"), (4.7, "4.70"), (9.996, "10.0"), (0.09123, "0.0912"), (0.0000123, "0.0000123"),
        (123.4, "123"), (12345.6, "12,300"), (-4.2, "-4.20"), (None, "–"), (math.nan, "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_three_significant_digits(value: float | None, text: str) -> None:
    assert three(value) == text


def test_a_unit_follows_a_narrow_space_and_no_figure_has_none() -> None:
    assert with_unit(4.7, "ms") == f"4.70{NARROW}ms"
    assert with_unit(4.7, "1") == "4.70"
    assert with_unit(None, "ms") == "–"
    assert times(0.12) == f"0.120{NARROW}×"
    assert interval(Ratio(1.0, 0.9, 1.2)) == "0.900 to 1.20"


def test_counts_are_whole() -> None:
    assert count(1234567) == "1,234,567"
    assert samples(1) == "1 sample"
    assert samples(2) == "2 samples"


def test_moments_are_utc_and_no_moment_breaks_a_report() -> None:
    assert moment(1_766_200_000_000_000) == "2025-12-20 03:06 UTC"
    assert moment(10**24) == "–"
    assert moment(-(10**24)) == "–"


@pytest.mark.parametrize("text, said", [("so it is", "so it is."), ("so it is.", "so it is."), ("", "")])
def test_a_sentence_ends(text: str, said: str) -> None:
    assert sentence(text) == said
