"""The search for a sustainable rate, on simulated pipelines."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.capacity.search import (
    MOST_LAG_PER_S,
    MOST_PROBES,
    PRECISION,
    Outcome,
    Probe,
    Sustained,
    judge,
    lag_per_s,
    sustainable_rate,
)
from load_tests.runs.schema import Series
from tests.support.saved_runs import make_run

FIRST: Final = 500.0
HIGHEST: Final = 400_000.0
MOST_TO_CONFIRM: Final = 30
ROUNDING: Final = 1e-9

limits = st.floats(1.0, 500_000.0)


def answer(rate: float, outcome: Outcome) -> Probe:
    return Probe(rate, outcome, 5.0, 0.0, "" if outcome == "holds" else "planted")


def search(holds: Callable[[float], bool], lowest: float = 1.0, failure: Outcome = "fails") -> Sustained:
    found = sustainable_rate(
        lambda rate: answer(rate, "holds" if holds(rate) else failure), FIRST, HIGHEST, lowest
    )
    assert len(found.probes) <= MOST_PROBES + MOST_TO_CONFIRM
    assert all(lowest <= probe.rate_per_s <= HIGHEST for probe in found.probes)
    if found.rate_per_s:
        held = [probe.outcome == "holds" for probe in found.probes if probe.rate_per_s == found.rate_per_s]
        assert sum(held) >= 2, "the answer held twice"
    return found


@given(limits)
def test_the_answer_is_just_under_a_sharp_limit(limit: float) -> None:
    found = search(lambda rate: rate <= limit)
    true = min(limit, HIGHEST)
    assert true / PRECISION - ROUNDING <= found.rate_per_s <= true
    assert found.limited_by == ("pipeline" if limit < HIGHEST else "generator")
    assert len(found.probes) <= MOST_PROBES


@given(limits)
def test_where_the_generator_is_the_limit_it_is_said(limit: float) -> None:
    found = search(lambda rate: rate <= limit, failure="generator")
    assert found.limited_by == "generator"
    assert found.rate_per_s <= limit


@given(st.floats(100.0, 100_000.0), st.floats(1.2, 3.0))
def test_a_generator_beyond_the_limit_is_not_the_limit(limit: float, further: float) -> None:
    def probe(rate: float) -> Probe:
        if rate > limit * further:
            return answer(rate, "generator")
        return answer(rate, "holds" if rate <= limit else "fails")

    found = sustainable_rate(probe, FIRST, HIGHEST)
    assert found.limited_by == "pipeline"
    assert limit / PRECISION <= found.rate_per_s <= limit


def test_nothing_holds() -> None:
    found = search(lambda rate: False)
    assert (found.rate_per_s, found.limited_by) == (0.0, "pipeline")
    assert min(probe.rate_per_s for probe in found.probes) == 1.0


def test_all_holds_up_to_the_highest() -> None:
    found = search(lambda rate: True)
    assert (found.rate_per_s, found.limited_by) == (HIGHEST, "generator")


@pytest.mark.parametrize("first, expected", [(5_000_000.0, 400_000.0), (0.01, 1.0)])
def test_a_start_beyond_an_end_begins_at_that_end(first: float, expected: float) -> None:
    found = sustainable_rate(lambda rate: answer(rate, "holds"), first, HIGHEST)
    assert found.probes[0].rate_per_s == expected
    assert found.rate_per_s == HIGHEST


@given(limits, st.integers(0, 30))
def test_one_hiccup_of_the_machine_changes_little(limit: float, hiccup: int) -> None:
    asked = 0

    def holds(rate: float) -> bool:
        nonlocal asked
        asked += 1
        return rate <= limit and asked - 1 != hiccup

    found = search(holds)
    assert min(limit, HIGHEST) / PRECISION**2 - ROUNDING <= found.rate_per_s <= limit


@given(st.floats(50.0, 50_000.0), st.integers(0, 2**32), st.floats(0.01, 0.1))
def test_noise_near_the_limit_moves_the_answer_by_no_more_than_the_noise(
    limit: float, seed: int, width: float
) -> None:
    chance = random.Random(seed)
    found = search(lambda rate: rate <= limit * (1 + chance.uniform(-width, width)))
    assert limit * (1 - width) / PRECISION**8 <= found.rate_per_s <= limit * (1 + width)


@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_pure_chance_comes_to_an_end_too(seed: int, share: float) -> None:
    chance = random.Random(seed)
    search(lambda rate: chance.random() < share)


# -- one probe --------------------------------------------------------------------------------------------------------


def judged(bound_ms: float = 100.0, arm: str = "http1", **wanted: Any) -> Probe:
    saved = make_run(arm, **wanted)
    return judge(saved.run, saved.series, bound_ms)


def test_a_calm_run_holds() -> None:
    probe = judged()
    assert (probe.outcome, probe.why, probe.rate_per_s) == ("holds", "", 1000.0)
    assert probe.p99_ms is not None
    assert 5 < probe.p99_ms < 20


def test_a_slow_run_fails() -> None:
    probe = judged(bound_ms=5.0)
    assert (probe.outcome, probe.why[:13]) == ("fails", "processed p99")


def test_a_loss_fails_whatever_the_latency() -> None:
    probe = judged(missing={"load-00": {"1766200000123456": [[3, 4]]}})
    assert (probe.outcome, probe.why) == ("fails", "2 lost, 0 refused, 0 rejected")


@pytest.mark.parametrize("field", ["refused", "rejected"])
def test_samples_that_were_not_taken_fail(field: str) -> None:
    saved = make_run()
    setattr(saved.run.counts, field, 1)
    assert judge(saved.run, saved.series, 100.0).outcome == "fails"


def test_a_void_run_says_nothing_about_the_pipeline() -> None:
    probe = judged(status="void", reasons=["the generator was late"])
    assert (probe.outcome, probe.why) == ("generator", "the generator was late")


@pytest.mark.parametrize("reasons, why", [(["redis is gone"], "redis is gone"), ([], "failed")])
def test_a_run_that_broke_down_fails(reasons: list[str], why: str) -> None:
    probe = judged(status="failed", reasons=reasons)
    assert (probe.outcome, probe.why) == ("fails", why)


def test_without_the_clock_nothing_is_known() -> None:
    saved = make_run()
    del saved.run.clocks["processed"]
    probe = judge(saved.run, saved.series, 100.0)
    assert (probe.outcome, probe.p99_ms, probe.why) == ("fails", None, "processed p99 is not known")


def test_a_backlog_that_grows_fails_though_all_is_acknowledged_at_once() -> None:
    saved = make_run()
    saved.series.processed_per_s = [0.9 * each for each in saved.series.created_per_s]
    saved.series.acked_per_s = list(saved.series.created_per_s)
    probe = judge(saved.run, saved.series, 100.0)
    assert (probe.outcome, probe.why) == ("fails", "the backlog grows: 101 ms later every second")


# -- lag --------------------------------------------------------------------------------------------------------------


def series(created: list[float], acked: list[float], processed: list[float | None] | None = None) -> Series:
    none: list[float | None] = [None] * len(created)
    return Series(
        t_s=[float(n + 1) for n in range(len(created))],
        created_per_s=created,
        acked_per_s=acked,
        processed_per_s=none if processed is None else processed,
    )


def test_a_flat_series_does_not_lag() -> None:
    assert lag_per_s(series([100.0] * 6, [95.0, 100.0, 100.0, 100.0, 100.0, 100.0]), 100.0) == pytest.approx(
        0
    )


@given(st.floats(0.01, 1.0), st.integers(6, 60))
def test_a_growing_one_lags_by_what_is_missing_each_second(share: float, seconds: int) -> None:
    created = [100.0] * seconds
    lagging = series(created, [100.0 * (1 - share)] * seconds)
    assert lag_per_s(lagging, 100.0) == pytest.approx(share)


def test_the_drain_after_the_load_is_left_out() -> None:
    created, acked = [100.0] * 6 + [0.0, 0.0], [90.0] * 6 + [40.0, 20.0]
    assert lag_per_s(series(created, acked), 100.0) == pytest.approx(0.1)


def test_processing_counts_where_it_is_known_of_every_second() -> None:
    created = [100.0] * 6 + [0.0]
    behind: list[float | None] = [90.0] * 6 + [None]
    assert lag_per_s(series(created, [*created], behind), 100.0) == pytest.approx(0.1)
    gap: list[float | None] = [90.0, 90.0, None, 90.0, 90.0, 90.0, None]
    assert lag_per_s(series(created, [*created], gap), 100.0) == pytest.approx(0)


def test_a_stall_in_the_first_third_is_forgiven() -> None:
    created = [100.0] * 9
    acked = [50.0, 150.0, 100.0, *([100.0] * 6)]
    assert lag_per_s(series(created, acked), 100.0) < MOST_LAG_PER_S


@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_too_short_to_say(seconds: int) -> None:
    assert lag_per_s(series([100.0] * seconds, [50.0] * seconds), 100.0) in (0.0, pytest.approx(0.5))
