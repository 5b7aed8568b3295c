"""The headline table."""

from __future__ import annotations

from load_tests.reports.headline import MARKS, MEANINGS, headline, notes
from load_tests.reports.numbers import NARROW
from load_tests.reports.view import report_of
from load_tests.runs.figures import HEADLINE
from tests.support.saved_runs import make_comparison, make_run


def test_one_row_per_figure_and_one_cell_per_arm() -> None:
    rows = headline(report_of(make_comparison()))
    assert [row.figure.key for row in rows] == list(HEADLINE)
    for row in rows:
        assert [bool(cell.words) for cell in row.cells] == [False, True, True]
        assert row.floor == f"1.05{NARROW}×"


def test_every_verdict_has_a_shape_and_words_of_its_own() -> None:
    assert len({mark for mark, _ in MARKS.values()}) == len({words for _, words in MARKS.values()}) == 5
    assert MARKS["too noisy"] == ("~", "this machine is too noisy to say")
    assert MARKS["tie"][1] == "tie inside the noise"
    assert set(MEANINGS) == set(MARKS)


def test_a_verdict_is_the_comparisons() -> None:
    saved = make_comparison(rounds=1)
    verdict = saved.comparison.pairs[1].figures[0]
    verdict.verdict, verdict.floor = "too noisy", None
    saved.comparison.pairs[0].figures[0].floor = None
    row = headline(report_of(saved))[0]
    assert (row.cells[2].mark, row.cells[2].words) == MARKS["too noisy"]
    assert row.floor == ""


def test_what_was_not_measured_has_no_ratio() -> None:
    saved = make_comparison(rounds=1)
    verdict = saved.comparison.pairs[0].figures[0]
    verdict.ratio, verdict.arm, verdict.verdict = None, None, "not measured"
    cell = headline(report_of(saved))[0].cells[1]
    assert (cell.value, cell.ratio, cell.words) == ("–", "", "not measured")


def test_a_single_run_has_figures_and_no_verdict() -> None:
    rows = headline(report_of(make_run()))
    assert all(len(row.cells) == 1 and not row.cells[0].words and row.cells[0].value != "–" for row in rows)


def test_a_figure_that_this_version_does_not_know_is_passed_over() -> None:
    saved = make_comparison(rounds=1)
    saved.comparison.pairs[0].figures[0].figure = "from_the_future"
    said = notes(report_of(saved))
    assert len(said) == 19
    assert all(note.endswith(".") for _, _, note in said)
