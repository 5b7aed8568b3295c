"""Arms, their places in the key, and their figures."""

from __future__ import annotations

from load_tests.reports.view import PLACES, report_of, standing
from load_tests.runs.figures import BY_KEY
from tests.support.saved_runs import CROSSED, make_comparison, make_run


def test_the_pipelines_keep_their_place_and_no_two_arms_share_one() -> None:
    arms = report_of(make_comparison(("websocket", "http2", "http1"), rounds=1)).arms
    assert {arm.name: arm.place for arm in arms} == {"websocket": 1, "http2": 2, "http1": 0}
    crossed = report_of(make_comparison(CROSSED, rounds=1)).arms
    assert len({arm.place for arm in crossed}) == len(CROSSED)


def test_more_arms_than_places_still_have_one() -> None:
    names = [f"http1:workers={n}" for n in range(1, PLACES + 3)]
    places = [arm.place for arm in report_of(make_comparison(names, rounds=1, noise=0)).arms]
    assert set(places) == set(range(PLACES))


def test_a_single_run_is_an_arm_with_one_block() -> None:
    report = report_of(make_run("websocket"))
    assert [arm.name for arm in report.arms] == ["websocket"]
    assert report.comparison is None
    assert report.pairs == []
    figure = BY_KEY["processed_p99"]
    assert report.median_of(report.arms[0], figure) == figure.of(report.arms[0].runs[0])


def test_an_arms_figure_is_the_one_its_verdict_was_made_of() -> None:
    saved = make_comparison()
    verdict = next(each for each in saved.comparison.pairs[1].figures if each.figure == "cpu")
    verdict.baseline, verdict.arm = 11.0, 22.0
    saved.comparison.pairs[0].figures = []
    report = report_of(saved)
    medians = [report.median_of(arm, BY_KEY["cpu"]) for arm in report.arms]
    assert medians[0] == 11.0
    assert medians[2] == 22.0
    assert medians[1] is not None


def test_blocks_that_do_not_stand_have_no_say_while_others_do() -> None:
    good, void, cut = (
        make_run(number=1),
        make_run(number=2, status="void"),
        make_run(number=3, status="partial"),
    )
    assert standing([void.run, good.run, cut.run]) == [good.run]
    assert standing([void.run, cut.run]) == [cut.run]
    assert standing([void.run]) == []


def test_blocks_are_in_the_order_in_which_they_ran() -> None:
    report = report_of(make_comparison())
    started = [saved.run.started_at_us for saved in report.runs]
    assert started == sorted(started)
    assert len(started) == 2 + 12


def test_an_arm_without_blocks_is_kept() -> None:
    saved = make_comparison(rounds=1)
    saved.blocks.pop("http2")
    report = report_of(saved)
    arm = report.arm("http2")
    assert arm is not None
    assert arm.first is None
    assert not arm.has_processes
