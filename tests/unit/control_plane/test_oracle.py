"""The oracle agrees with a right pipeline to the bit, and finds whatever is wrong with another one."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane import oracle
from control_plane.oracle import Finding, judge, read_log
from metrics_core.ledger import format_ledger
from metrics_core.limits import MAX_FUTURE_US, WINDOW_US, WINDOWS_KEPT
from metrics_core.sample import METRICS, Sample
from metrics_core.windows_view import windows_view
from metrics_core.wire import encode_batch
from pipeline_websocket.aggregator import Aggregator
from tests.support.samples import NOW_US, a_sample, one_identity_one_reading, rough_stream, samples

streams = st.lists(st.lists(samples(), min_size=1, max_size=6), min_size=1, max_size=6)
FIRST = 4
"""Findings over all producers; those after them are of single ones."""


def lines_of(stream: list[list[Sample]]) -> list[bytes]:
    """The producers' log: each sample once, in the order made."""
    once = {(s.producer, s.epoch, s.seq): s for batch in reversed(stream) for s in reversed(batch)}
    return [
        encode_batch([s]) + b"\n" for s in sorted(once.values(), key=lambda s: (s.producer, s.epoch, s.seq))
    ]


def in_memory(stream: list[list[Sample]], now_us: int = NOW_US) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ledger and windows of a right pipeline."""
    aggregator = Aggregator(ring_capacity=4)
    for batch in stream:
        aggregator.add(batch, now_us)
        aggregator.fold()  # as if each came alone: what is late depends on that
    windows = windows_view("websocket", aggregator.aggregates())
    ledger = {
        "totals": {"late": aggregator.late, "future": aggregator.future},
        "producers": format_ledger(aggregator.ledger()),
    }
    return ledger, json.loads(json.dumps(windows))


def one_by_one(found: list[Sample]) -> list[list[Sample]]:
    return [[sample] for sample in sorted(found, key=lambda s: (s.producer, s.epoch, s.seq))]


@given(streams)
def test_it_agrees_whatever_the_order_of_arrival(stream: list[list[Sample]]) -> None:
    readings = iter(one_identity_one_reading([sample for batch in stream for sample in batch]))
    stream = [[next(readings) for _ in batch] for batch in stream]
    ledger, windows = in_memory(stream)
    findings = judge(lines_of(stream), ledger, windows, NOW_US)
    assert len(findings) == FIRST, [finding.as_line() for finding in findings]
    assert all(finding.ok for finding in findings)
    assert findings[0].expected == findings[0].found
    assert findings[3].expected == findings[3].found, "all are asked for and looked at at one moment"


@pytest.mark.parametrize("seed", range(3))
def test_in_order_of_the_log_it_knows_late_and_future_too(seed: int) -> None:
    made = {(s.producer, s.epoch, s.seq): s for batch in rough_stream(seed, NOW_US) for s in batch}
    stream = one_by_one(list(made.values()))
    ledger, windows = in_memory(stream)
    assert ledger["totals"]["late"] > 0
    assert ledger["totals"]["future"] > 0
    findings = judge(lines_of(stream), ledger, windows, NOW_US)
    assert [finding.as_line() for finding in findings if finding.expected != finding.found] == []


SOME = [
    [a_sample(seq=n, cpu_percent=10.0 + n / 3, sampled_at_us=NOW_US - (9 - n) * 4_000_000)] for n in range(10)
]


def wrong(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> list[str]:
    """What is found after something was changed in a right ledger and right windows."""
    ledger, windows = in_memory(SOME)
    change(ledger, windows)
    return [finding.text for finding in judge(lines_of(SOME), ledger, windows, NOW_US) if not finding.ok]


def newest(windows: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = windows["producers"]["web-01"]["windows"][-1]
    return found


WINDOWS_WRONG = ["producers with exact windows", "windows of web-01"]


@pytest.mark.parametrize("position", range(len(METRICS)))
@pytest.mark.parametrize("figure", ["min", "max", "sum"])
def test_a_figure_off_by_the_least(figure: str, position: int) -> None:
    def change(_: dict[str, Any], windows: dict[str, Any]) -> None:
        newest(windows)[figure][position] += 1 if figure == "sum" else 2**-30

    assert wrong(change) == WINDOWS_WRONG


def test_a_sample_counted_twice_or_in_the_wrong_window() -> None:
    assert wrong(lambda _, windows: newest(windows).update(n=newest(windows)["n"] + 1)) == WINDOWS_WRONG
    assert (
        wrong(lambda _, windows: newest(windows).update(index=newest(windows)["index"] - 1)) == WINDOWS_WRONG
    )


def test_a_window_that_is_missing_or_a_producer_without_any() -> None:
    assert wrong(lambda _, windows: windows["producers"]["web-01"]["windows"].pop(0)) == WINDOWS_WRONG
    assert wrong(lambda _, windows: windows["producers"].clear()) == WINDOWS_WRONG


def test_a_newest_sample_that_is_not_the_newest() -> None:
    older = json.loads(encode_batch(SOME[3]))
    assert wrong(lambda _, windows: windows["producers"]["web-01"].update(last=older)) == WINDOWS_WRONG


def test_a_processed_sample_that_is_in_no_aggregate_and_one_that_nobody_made() -> None:
    def forget(ledger: dict[str, Any], _: dict[str, Any]) -> None:
        ledger["producers"]["web-01"]["1"] = [[0, 8]]

    def invent(ledger: dict[str, Any], _: dict[str, Any]) -> None:
        ledger["producers"]["web-01"]["1"] = [[0, 10]]

    assert wrong(forget) == WINDOWS_WRONG
    assert wrong(invent) == ["processed samples found in the producers' log"]


@pytest.mark.parametrize("name", ["late", "future"])
def test_a_counter_beyond_what_any_order_explains(name: str) -> None:
    assert wrong(lambda ledger, _: ledger["totals"].update({name: 9})) == [name]


def test_late_within_what_another_order_explains() -> None:
    ledger, windows = in_memory(SOME)
    assert ledger["totals"]["late"] == 0
    ledger["totals"]["late"] = 1
    findings = judge(lines_of(SOME), ledger, windows, NOW_US)
    assert all(finding.ok for finding in findings)
    assert "another order of arrival" in findings[2].as_line()


def test_a_clock_an_hour_ahead() -> None:
    ahead = [[a_sample("b", seq=n, sampled_at_us=NOW_US + 3_600_000_000 + n)] for n in range(5)]
    ledger, windows = in_memory(SOME + ahead)
    findings = judge(lines_of(SOME + ahead), ledger, windows, NOW_US)
    assert [finding.expected for finding in findings[:FIRST]] == [15, 2, 0, 5]
    assert all(finding.expected == finding.found for finding in findings)


def test_a_clock_ahead_so_little_that_only_the_moment_of_arrival_could_tell() -> None:
    """Six seconds ahead, and asked ten seconds later: the stamp is no future any more."""
    other = [[a_sample("a", sampled_at_us=NOW_US)]]
    ahead = [[a_sample("b", sampled_at_us=NOW_US + MAX_FUTURE_US + 1_000_000)]]
    for arrived_us in (NOW_US, NOW_US + 2_000_000):
        ledger, windows = in_memory(other + ahead, arrived_us)
        findings = judge(lines_of(other + ahead), ledger, windows, NOW_US + 10_000_000)
        assert ledger["totals"]["future"] == (arrived_us == NOW_US)
        assert all(finding.ok for finding in findings), findings


def test_samples_sent_by_hand_are_no_fault_of_the_pipeline() -> None:
    stranger = [[a_sample("by-hand", sampled_at_us=NOW_US + 3_600_000_000)]]
    ledger, windows = in_memory(SOME + stranger)
    findings = judge(lines_of(SOME), ledger, windows, NOW_US)
    assert all(finding.ok for finding in findings)
    assert "by-hand" in findings[3].as_line()


def test_the_log_is_read_in_the_order_of_its_names_and_a_torn_line_is_no_sample(tmp_path: Path) -> None:
    lines = lines_of(SOME)
    (tmp_path / "20-000001.jsonl").write_bytes(b"".join(lines[7:]))
    (tmp_path / "10-000002.jsonl").write_bytes(b"".join(lines[3:6]) + lines[6][:40])
    (tmp_path / "10-000001.jsonl").write_bytes(b"".join(lines[:3]))
    (tmp_path / "else.txt").write_text("no log")
    read = list(read_log(tmp_path))
    assert len(read) == 10
    ledger, windows = in_memory([*SOME[:6], *SOME[7:]])
    findings = judge(read, ledger, windows, NOW_US)
    assert [finding.text for finding in findings if not finding.ok] == []


def test_it_shares_nothing_with_what_it_judges() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    parts = ("metrics_core", "lab_runtime", "pipeline", "fake_servers", "control_plane", "msgspec", "orjson")
    assert not [module for module in modules if module.startswith(parts)]
    assert (oracle.WINDOW_US, oracle.WINDOWS_KEPT, oracle.FUTURE_US) == (
        WINDOW_US,
        WINDOWS_KEPT,
        MAX_FUTURE_US,
    )
    assert oracle.PERCENTS + oracle.RATES == METRICS


def test_a_difference_is_told_in_words() -> None:
    assert Finding("late", 1, 1).as_line() == "late: 1, as it must be"
    assert Finding("late", 1, 2).as_line() == "late: must be 1, is 2"
    assert Finding("late", 1, 2, "the order").as_line() == "late: must be 1, is 2; the order"
