"""Every rejected identity has a reason, in merged intervals; reasons are bounded."""

from __future__ import annotations

from fake_servers.reasons import MOST_REASONS, Reasons
from metrics_core.intervals import IntervalSet


def test_neighbours_with_one_reason_are_one_interval() -> None:
    reasons = Reasons()
    for seq in (3, 4, 5, 9):
        reasons.add([(seq, seq)], "schema: $.seq")
    reasons.add([(6, 6), (8, 8)], "too_large: 5 MiB")
    assert reasons.as_lists(IntervalSet([(0, 20)])) == [
        [3, 5, "schema: $.seq"],
        [6, 6, "too_large: 5 MiB"],
        [8, 8, "too_large: 5 MiB"],
        [9, 9, "schema: $.seq"],
    ]


def test_only_what_is_rejected_still_is_told() -> None:
    reasons = Reasons()
    reasons.add([(0, 9)], "schema: $")
    assert reasons.as_lists(IntervalSet([(2, 3), (8, 30)])) == [[2, 3, "schema: $"], [8, 9, "schema: $"]]


def test_a_flood_of_reasons_is_bounded_and_nobody_is_without_one() -> None:
    reasons = Reasons()
    n = MOST_REASONS * 3
    for seq in range(n):
        reasons.add([(seq, seq)], f"schema: {seq}")
    told = reasons.as_lists(IntervalSet([(0, n - 1)]))
    assert len({text for _, _, text in told}) == MOST_REASONS + 1
    assert told[-1] == [MOST_REASONS, n - 1, f"other: more than {MOST_REASONS} different reasons"]
    assert IntervalSet((int(low), int(high)) for low, high, _ in told).as_lists() == [[0, n - 1]]
