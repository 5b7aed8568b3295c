"""What a terminal shows of a run: losses first, then why figures may not count; foreign text does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import read_comparison
from load_tests.runs.index import list_runs
from load_tests.runs.schema import Event
from load_tests.runs.summary import headline, number, render_comparison, render_list, render_run
from tests.unit.load_tests.runs.small_runs import put, put_comparison, replaced, small_run


def shown_lines(what: RenderableType, width: int = 140) -> list[str]:
    console = Console(width=width, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get().splitlines()


def test_the_first_line_names_what_was_lost() -> None:
    saved = small_run("aalalaall")
    assert headline(saved.run) == "LOST 4 of 9 acknowledged samples: load-0 1–2, load-0 4, load-1 3"
    assert shown_lines(render_run(saved))[0] == headline(saved.run)
    many = small_run("laaa" * 4)
    assert headline(many.run).endswith(", …")


def test_the_first_line_says_that_nothing_was_lost() -> None:
    saved = small_run("a" * 1500)
    assert headline(saved.run) == "nothing was lost: 1,500 samples acknowledged, 1,500 processed"
    assert shown_lines(render_run(saved))[0] == headline(saved.run)


def test_what_nobody_could_ask_is_not_called_nothing() -> None:
    run = small_run("aaaa", status="failed", counts=replaced("counts", processed=1)).run
    assert headline(run) == "UNKNOWN: 3 of 4 acknowledged samples; the pipeline could not be asked"


@pytest.mark.parametrize(
    "status, expected",
    [
        ("partial", "partial: interrupted: what was measured until then is kept"),
        ("failed", "failed: the pipeline broke down: its figures do not count"),
        ("void", "void: the generator was the limit: its figures do not count"),
    ],
)
def test_the_next_lines_say_why_figures_may_not_count(status: str, expected: str) -> None:
    lines = shown_lines(render_run(small_run(status=status, reasons=["because", "and because"])))
    assert lines[1:4] == [expected, "  because", "  and because"]
    assert any("they do not count" in line and "Figures" in line for line in lines) is (status != "partial")


def test_every_figure_has_its_line_with_its_unit() -> None:
    lines = shown_lines(render_run(small_run()))
    for figure in FIGURES:
        (line,) = [line for line in lines if line.startswith(figure.title)]
        assert line.split()[-1] == (figure.unit if figure.unit != "1" else number(figure.of(small_run().run)))
        assert number(figure.of(small_run().run)) in line.split()


def test_corrected_stands_beside_uncorrected() -> None:
    lines = shown_lines(render_run(small_run()))
    at = next(place for place, line in enumerate(lines) if "the real send (uncorrected)" in line)
    clock = small_run().run.clocks["accepted"]
    assert clock.uncorrected
    assert lines[at - 1].split()[0] == "accepted"
    assert number(clock.corrected.p99) in lines[at - 1].split()
    assert number(clock.uncorrected.p99) in lines[at].split()
    assert any(line.split()[:3] == ["visible", "not", "measured"] for line in lines)


def test_costs_generator_and_events_are_there() -> None:
    text = "\n".join(shown_lines(render_run(small_run())))
    for expected in (
        "ingest",
        "40 MB",
        "0.100 ms late (limit 1.00)",
        "12.0 % of a core",
        "at -0.5 s: warm-up ended",
    ):
        assert expected in text


def test_a_bill_that_is_not_whole_says_so() -> None:
    text = "\n".join(shown_lines(render_run(small_run(cost=replaced("cost", note="no Redis")))))
    assert "the bill is not whole: no Redis" in text


def test_text_from_elsewhere_is_only_text(tmp_path: Path) -> None:
    evil = "\x1b[2J[red]x[/red][/nothing]\r\nnothing was lost"
    saved = small_run(
        status="void", reasons=[evil], events=[Event(1.0, evil)], plan=replaced("plan", arm=evil),
        setup=replaced("setup", negotiated=evil, build=evil, fsync=evil, acknowledgement=evil),
        machine=replaced("machine", cpu=evil), missing={evil: {"1": [[0, 1]]}},
    )  # fmt: skip
    text = "\n".join(shown_lines(render_run(saved), width=400))
    assert "\x1b" not in text
    assert "[red]x[/red]" in text
    put(tmp_path, "one", plan=replaced("plan", arm=evil))
    assert "\x1b" not in "\n".join(shown_lines(render_list(list_runs(tmp_path).entries)))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_narrow_terminal_is_no_error(width: int) -> None:
    assert shown_lines(render_run(small_run()), width)


def test_the_list_shows_no_figure_of_a_run_that_does_not_count(tmp_path: Path) -> None:
    put(tmp_path, "good")
    put(tmp_path, "void", status="void")
    lines = {
        line.split()[0]: line
        for line in shown_lines(render_list(list_runs(tmp_path).entries))
        if line.strip()
    }
    figure = number(small_run().run.clocks["processed"].corrected.p99)
    assert figure in lines["good"]
    assert figure not in lines["void"]
    assert "–" in lines["void"]


def test_a_comparison_begins_with_its_losses_and_has_its_verdicts(tmp_path: Path) -> None:
    lines = shown_lines(render_comparison(read_comparison(put_comparison(tmp_path, fates="alla"))))
    assert lines[0].startswith("01-http1: LOST 2 of 92")
    assert "05-http1: LOST 2 of 4 acknowledged samples: load-0 1, load-1 0" in lines
    assert "a warning" in lines
    (verdict,) = [line for line in lines if line.startswith("processed, p50")]
    assert verdict.split()[-6:] == ["1.10", "1.10", "1.05", "–", "1.15", "worse"]
    assert lines[-1] == "again: python3 lab.py compare"


@pytest.mark.parametrize(
    "value, expected",
    [(None, "–"), (0, "0.000"), (0.00012, "0.00012"), (0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"),
     (1234.5, "1,234"), (-3.2, "-3.20")],
)  # fmt: skip
def test_figures_have_digits_that_mean_something(value: float | None, expected: str) -> None:
    assert number(value) == expected
