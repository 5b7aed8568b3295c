"""Each contradiction from which a wrong figure could come is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.runs.checks import Contradiction, check_comparison, check_run, check_series, histogram_of
from load_tests.runs.folder import SavedRun, read_comparison
from load_tests.runs.schema import Series
from metrics_core.histogram import Histogram
from tests.unit.load_tests.runs.small_runs import EPOCH, LETTERS, put_comparison, replaced, small_run


def checked(saved: SavedRun) -> None:
    check_run(saved.run, saved.histograms, saved.series, saved.ledger)


@given(st.text(alphabet=LETTERS, min_size=1, max_size=60))
def test_whatever_becomes_of_samples_an_honest_run_agrees_with_itself(fates: str) -> None:
    checked(small_run(fates))


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"counts": replaced("counts", created=97)}, "add up to 96"),
        ({"counts": replaced("counts", processed=97)}, "97 samples of 96 were processed"),
        ({"counts": replaced("counts", lost=93)}, "93 samples of 92 acked ones were lost"),
        (
            {"counts": replaced("counts", processed=90)},
            "histogram processed holds 91 samples, but 90 were processed",
        ),
        ({"counts": replaced("counts", lost=0)}, "the ledger lost 2 samples, the counts say 0"),
        (
            {"counts": replaced("counts", acked=91, unanswered=3)},
            "histogram accepted holds 92 samples, but 91",
        ),
        ({"counts": replaced("counts", late=-1)}, r"counts\.late is -1, which is below 0"),
        ({"missing": {}}, "not the ones that the ledger lost"),
        ({"missing": {"load-0": {EPOCH: [[0, 1]]}}}, "not the ones that the ledger lost"),
        ({"missing": {"load-0": {"01": [[45, 45]]}}}, "is no whole number"),
        ({"plan": replaced("plan", duration_s=0.0)}, "it has no length"),
        ({"plan": replaced("plan", rate_per_s=float("nan"))}, r"plan\.rate_per_s is nan"),
        ({"cost": replaced("cost", seconds=float("inf"))}, r"cost\.seconds is inf"),
        ({"clocks": lambda run: {"seen": run.clocks["accepted"]}}, "there is a clock 'seen'"),
        ({"clocks": lambda run: {"visible": run.clocks["accepted"]}}, "there is no histogram visible"),
        (
            {"clocks": lambda run: {"processed": run.clocks["accepted"]}},
            "counts 92 samples, its histogram 91",
        ),
    ],
)
def test_a_contradiction_in_a_run_is_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(Contradiction, match=expected):
        checked(small_run(**changes))


@pytest.mark.parametrize("quantile", ["p50", "p90", "p99", "p999", "max"])
def test_a_quantile_that_its_histogram_does_not_have_is_named(quantile: str) -> None:
    saved = small_run()
    found = saved.run.clocks["processed"].corrected
    setattr(found, quantile, getattr(found, quantile) * 1.05)
    with pytest.raises(Contradiction, match=f"{quantile} of processed is said to be"):
        checked(saved)


def test_a_run_in_which_nothing_was_created_has_no_length() -> None:
    with pytest.raises(Contradiction, match="not one sample was measured"):
        checked(small_run(""))


@pytest.mark.parametrize(
    "part, ledger, expected",
    [
        ("created", {}, "0 samples created, the counts say 96"),
        ("acked", {"load-0": {EPOCH: [[0, 45], [45, 46]]}}, "overlap or are out of order"),
        ("acked", {"load-0": {EPOCH: [[3, 2]]}}, "overlap or are out of order"),
        ("acked", {"load-0": {EPOCH: [[-1, 2]]}}, "overlap or are out of order"),
        ("acked", {"load-0": {EPOCH: [[0, 2**53]]}}, "overlap or are out of order"),
        ("acked", {"load-0": {EPOCH: [[0]]}}, "overlap or are out of order"),
        ("acked", {"load 0": {EPOCH: [[0, 1]]}}, "which cannot be"),
        ("acked", {"load-0": {"-1": [[0, 1]]}}, "is no whole number"),
        ("acked", {"load-7": {EPOCH: [[0, 91]]}}, "acked that were never created"),
        ("rejected", {"load-0": {EPOCH: [[0, 0]]}}, "both acked and rejected"),
        ("answered", {}, "the ledger has a part 'answered'"),
    ],
)
def test_a_ledger_that_does_not_fit_is_named(part: str, ledger: dict[str, Any], expected: str) -> None:
    saved = small_run()
    saved.ledger[part] = ledger
    with pytest.raises(Contradiction, match=expected):
        checked(saved)


def test_a_whole_run_has_a_whole_ledger() -> None:
    saved = small_run()
    del saved.ledger["processed"]
    with pytest.raises(Contradiction, match="the ledger has no processed"):
        checked(saved)


def test_a_run_that_broke_down_may_know_less_but_claims_no_more() -> None:
    unknown = replaced("counts", processed=0, lost=0)
    saved = small_run(status="failed", counts=unknown, missing={})
    del saved.ledger["processed"]
    checked(saved)
    saved.run.counts.lost = 1
    with pytest.raises(Contradiction, match="samples are called lost, but the ledger has no processed"):
        checked(saved)


def test_samples_of_others_may_be_in_the_pipelines_histogram() -> None:
    saved = small_run(setup=replaced("setup", background_per_s=5.0))
    del saved.run.clocks["processed"]
    saved.histograms["processed"].add(10, 500)
    checked(saved)
    saved.histograms["accepted"].add(10)
    with pytest.raises(Contradiction, match="histogram accepted"):
        checked(saved)


@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([(-1, 1)], "has a bucket -1"),
        ([(10**6, 1)], "has a bucket 1000000"),
        ([(5, 1), (5, 1)], "bucket 5 after bucket 5"),
        ([(6, 1), (5, 1)], "bucket 5 after bucket 6"),
        ([(5, 0)], "counts 0 in bucket 5"),
        ([(5, 2**53)], "in bucket 5"),
    ],
)
def test_a_bucket_that_cannot_be_is_named(pairs: list[tuple[int, int]], expected: str) -> None:
    with pytest.raises(Contradiction, match=expected):
        histogram_of(pairs, "accepted")


def test_an_unknown_histogram_is_named() -> None:
    saved = small_run()
    saved.histograms["mine"] = Histogram()
    with pytest.raises(Contradiction, match="a histogram 'mine'"):
        checked(saved)


@pytest.mark.parametrize(
    "series, expected",
    [
        (Series(t_s=[1.0]), "series created_per_s has 0 entries where t_s has 1"),
        (Series(cpu_percent={"ingest": [1.0]}), "series cpu_percent of ingest has 1 entries"),
        (Series(rss_bytes={"ingest": [float("nan")]}), "entries where"),
    ],
)
def test_columns_are_equally_long(series: Series, expected: str) -> None:
    with pytest.raises(Contradiction, match=expected):
        check_series(series)


def test_a_series_is_finite_and_goes_forward() -> None:
    saved = small_run()
    saved.series.backlog[1] = float("inf")
    with pytest.raises(Contradiction, match="series backlog holds"):
        checked(saved)
    saved = small_run()
    saved.series.t_s[2] = 2.0
    with pytest.raises(Contradiction, match="does not go forward"):
        checked(saved)


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("arms", [], "it has no arms"),
        ("arms", ["http1", "http1"], "an arm is named twice"),
        ("arms", ["http1"], "its blocks are not those of its arms"),
        ("order", ["http3"], "an arm that it does not have"),
        ("blocks", {"http1": ["02-http1"], "http2": ["02-http1"]}, "a block is counted twice"),
        ("arms", ["http2", "http1"], "not an arm and the baseline"),
    ],
)
def test_a_comparison_that_contradicts_itself_is_named(
    tmp_path: Any, field: str, value: Any, expected: str
) -> None:
    comparison = read_comparison(put_comparison(tmp_path)).comparison
    setattr(comparison, field, value)
    with pytest.raises(Contradiction, match=expected):
        check_comparison(comparison)


def test_a_verdict_has_a_known_figure_and_an_interval(tmp_path: Any) -> None:
    comparison = read_comparison(put_comparison(tmp_path)).comparison
    verdict = comparison.pairs[0].figures[0]
    verdict.figure = "speed"
    with pytest.raises(Contradiction, match="a figure 'speed'"):
        check_comparison(comparison)
