"""What stands first in a report."""

from __future__ import annotations

from load_tests.reports.findings import findings_of, loss_line
from load_tests.reports.view import report_of
from tests.support.saved_runs import EPOCH, make_comparison, make_run

LOST = {"load-00": {EPOCH: [[12, 15], [77, 77], [90, 91], [200, 299]]}}


def test_the_loss_says_how_many_and_names_the_first() -> None:
    line = loss_line(report_of(make_run(missing=LOST)))
    assert line == (
        f"107 samples were acknowledged and then lost: load-00, epoch {EPOCH}, seq 12 to 15 (4); "
        f"load-00, epoch {EPOCH}, seq 77; load-00, epoch {EPOCH}, seq 90 to 91 (2); and 100 samples more."
    )


def test_a_loss_in_any_block_of_a_comparison_is_found_also_in_an_a_a_block() -> None:
    saved = make_comparison(rounds=1)
    saved.noise[0] = make_run(missing={"load-00": {EPOCH: [[5, 5]]}})
    assert loss_line(report_of(saved)).startswith("1 sample was acknowledged and then lost: load-00")


def test_a_loss_without_names_is_a_loss() -> None:
    saved = make_run()
    saved.run.counts.lost = 3
    assert loss_line(report_of(saved)) == (
        "3 samples were acknowledged and then lost: their identities were not recorded."
    )


def test_nothing_lost_nothing_said() -> None:
    assert loss_line(report_of(make_comparison(rounds=1))) == ""


def test_a_void_run_says_so_and_why() -> None:
    found = findings_of(report_of(make_run(status="void", reasons=["the generator was late"])))
    assert found[0] == "This run is void: the measuring side could not keep up (the generator was late)."


def test_the_findings_of_the_comparison_come_first_and_are_not_said_twice() -> None:
    said = "1 block of http1 interrupted: cut by hand."
    saved = make_comparison(rounds=1, findings=[said, "Something else."], status="partial")
    saved.blocks["http1"][0] = make_run(number=3, status="partial", reasons=["cut by hand"])
    saved.blocks["http2"][0] = make_run("http2", number=4, status="failed", reasons=["the worker died"])
    assert findings_of(report_of(saved)) == [
        said,
        "Something else.",
        "This comparison was interrupted: what was measured until then is kept.",
        "Block 04-http2 failed: the pipeline broke down (the worker died).",
    ]


def test_what_could_not_be_told_is_counted_and_runs_not_in_turns_are_named() -> None:
    saved = make_comparison(rounds=1)
    saved.comparison.interleaved = False
    saved.comparison.pairs[0].figures[0].verdict = "too noisy"
    found = findings_of(report_of(saved))
    assert any("different times" in line for line in found)
    assert "For 1 of 20 figures this machine is too noisy to say." in found
