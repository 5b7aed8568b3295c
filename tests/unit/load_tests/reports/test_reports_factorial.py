"""The 2 × 2."""

from __future__ import annotations

from load_tests.reports.factorial import squares
from load_tests.reports.view import report_of
from tests.support.saved_runs import make_comparison, make_run


def test_each_cell_is_its_arm() -> None:
    found = squares(report_of(make_comparison(crossed=True, rounds=1)))
    assert [square.figure.key for square in found] == ["processed_p50", "processed_p99", "cpu"]
    names = [(transport, [arm for arm, _ in cells]) for transport, cells in found[0].cells]
    assert names == [("HTTP", ["http1", "http1-memory"]), ("WebSocket", ["websocket-redis", "websocket"])]
    assert all(value != "–" for _, cells in found[0].cells for _, value in cells)


def test_effects_carry_ratio_interval_and_words() -> None:
    effects = squares(report_of(make_comparison(crossed=True, rounds=1)))[0].effects
    assert [effect.title for effect in effects] == [
        "WebSocket instead of HTTP",
        "memory instead of Redis",
        "interaction",
    ]
    assert effects[0].verdict == "= tie inside the noise"
    assert effects[1].interval == "0.0240 to 0.0280"


def test_an_interaction_is_neither_good_nor_bad() -> None:
    effect = squares(report_of(make_comparison(crossed=True, rounds=1)))[0].effects[2]
    assert effect.verdict == "≠ they depend on each other"


def test_a_missing_cell_stays_empty() -> None:
    saved = make_comparison(crossed=True, rounds=1)
    saved.blocks["http1-memory"].clear()
    assert squares(report_of(saved))[0].cells[0][1][1] == ("", "")


def test_without_effects_there_is_no_square() -> None:
    assert squares(report_of(make_comparison(rounds=1))) == []
    assert squares(report_of(make_run())) == []
