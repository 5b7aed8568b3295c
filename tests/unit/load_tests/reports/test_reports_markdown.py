"""The report as Markdown."""

from __future__ import annotations

import re

import pytest

from load_tests.reports.markdown import escaped, render_markdown, table
from tests.support.saved_runs import EPOCH, make_comparison, make_run


@pytest.mark.parametrize(
    "text, safe",
    [
        ("http1:workers=4", "http1:workers=4"), ("a|b", "a\\|b"), ("<b>", "&lt;b&gt;"), ("`x`", "\\`x\\`"),
        ("two\nlines", "two lines"), ("[x](y)", "\\[x\\](y)"), ("# x", "\\# x"), ("a_b*c", "a\\_b\\*c"),
    ],
)  # fmt: skip
def test_foreign_text_stays_text(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_the_loss_is_the_first_line() -> None:
    text = render_markdown(make_run(missing={"load-00": {EPOCH: [[12, 18]]}}))
    assert text.startswith("**7 samples were acknowledged and then lost: load-00")
    assert "**http1 lost 7 samples:**" in text
    assert render_markdown(make_run()).startswith("# Load run: http1\n")


def test_below_another_heading_the_loss_comes_first_under_the_title() -> None:
    lines = render_markdown(make_run(missing={"load-00": {EPOCH: [[1, 1]]}}), 3).splitlines()
    assert lines[0] == "### Load run: http1"
    assert lines[2].startswith("**1 sample was acknowledged and then lost")


def test_sections_follow_the_page_and_levels_the_caller() -> None:
    text = render_markdown(make_comparison(crossed=True, rounds=1), 2)
    assert re.findall(r"(?m)^(#+) ", text) == ["##", *["###"] * 9]
    assert "Transport or store? The 2 × 2" in text


def test_verdicts_come_with_ratio_and_interval() -> None:
    text = render_markdown(make_comparison(("http1", "websocket"), rounds=1))
    row = next(line for line in text.splitlines() if line.startswith("| processed, p50"))
    assert re.search(r"▲ better; 0\.0\d+.× \(0\.0\d+ to 0\.0\d+\)", row)
    assert "No single cause:" in text


def test_every_table_is_rectangular() -> None:
    text = render_markdown(make_comparison(("a|b", "websocket"), rounds=1, findings=["x | y"]))
    for block in re.findall(r"(?m)(?:^\|.*\n)+", text):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_pictures_are_linked_where_they_were_made() -> None:
    assert "![" not in render_markdown(make_run())
    assert "](there/over-time.png)" in render_markdown(make_run(), pictures="there/")


def test_a_table_is_aligned() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
