"""Budgets: what a file may say, and that only what the blocks really say breaks one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from load_tests.comparison.budget import Budget, BudgetLine, Threshold, check, read_budget
from load_tests.comparison.verdict import compare
from load_tests.runs.schema import Comparison, Counts, Run
from metrics_core.errors import LabError
from tests.unit.load_tests.comparison.planted_blocks import aa_pairs, block, blocks, everywhere

EXAMPLE = Path(__file__).resolve().parents[4] / "load_tests" / "budgets" / "example.toml"


@pytest.fixture
def budget_of(tmp_path: Path) -> Any:
    def written(text: str) -> Budget:
        path = tmp_path / "budget.toml"
        path.write_text(text, encoding="utf-8")
        return read_budget(path)

    return written


def compared(ratio: float = 0.5, sd: float = 0.04, **spoil: Any) -> tuple[Comparison, dict[str, list[Run]]]:
    """http1 against http2, whose last block may be spoiled."""
    rng = np.random.default_rng(3)
    runs = {
        "http1": blocks("http1", 8, rng, sd=sd),
        "http2": blocks("http2", 8, rng, everywhere(ratio), sd=sd),
    }
    if spoil:
        runs["http2"][-1] = block("http2", "07", everywhere(ratio), **spoil)
    noise = aa_pairs("http1", 6, rng, sd=sd)
    pair = compare("http1", "http2", runs["http1"], runs["http2"], noise, 0.95, 7)
    return comparison_of(runs, pair), runs


def comparison_of(runs: Mapping[str, Sequence[Run]], *pairs: Any) -> Comparison:
    return Comparison(
        id="c", started_at_us=0, ended_at_us=0, status="complete", findings=[], arms=list(runs), blocks={}, order=[],
        noise_blocks=[], interleaved=True, rounds=8, seed=7, confidence=0.95, pairs=list(pairs), effects=[], command="",
    )  # fmt: skip


def lines(budget: Budget, compared: tuple[Comparison, dict[str, list[Run]]]) -> dict[str, BudgetLine]:
    return {f"{line.where}.{line.key}": line for line in check(budget, *compared)}


def test_the_example_can_be_read() -> None:
    found = read_budget(EXAMPLE)
    assert found.name == "example.toml"
    assert found.arms["http1"]["lost"] == Threshold("<=", 0)
    assert found.ratios["websocket"]["cpu"] == Threshold("<=", 0.8)


@pytest.mark.parametrize(
    "text, expected",
    [
        ('"<= 50"', Threshold("<=", 50)), ('"<50.5"', Threshold("<", 50.5)), ('" >= 1e3 "', Threshold(">=", 1000)),
        ('"> 0"', Threshold(">", 0)), ("50", Threshold("<=", 50)), ("0.5", Threshold("<=", 0.5)),
    ],
)  # fmt: skip
def test_thresholds_are_texts_or_numbers(budget_of: Any, text: str, expected: Threshold) -> None:
    assert budget_of(f"[arm.http1]\nprocessed_p99 = {text}").arms == {"http1": {"processed_p99": expected}}


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "holds no threshold"),
        ("[arm.http1]\n", "holds no threshold"),
        ("arm = 3", "budget.toml: arm is 3, and must be tables like [arm.http1]"),
        ("[arm]\nhttp1 = 3", "arm.http1 is 3, and must be a table"),
        ("[arms.http1]\nlost = 0", "arms is not known; did you mean arm?"),
        ("[arm.http1]\nprocesed_p99 = 5", "arm.http1.procesed_p99 is not known; did you mean processed_p99?"),
        ("[arm.http1]\nzzz = 5", "arm.http1.zzz is not known; known are processed_p50"),
        ("[ratio.http1]\nlost = 0", "ratio.http1.lost is not known"),
        ("[ratio.http1]\nswitches = 1", "ratio.http1.switches is not known"),
        ('[arm.http1]\ncpu = "about 5"', "arm.http1.cpu is 'about 5', and must be a number or a text like"),
        ('[arm.http1]\ncpu = "<= -5"', "arm.http1.cpu is '<= -5'"),
        ("[arm.http1]\ncpu = -5", "arm.http1.cpu is"),
        ("[arm.http1]\ncpu = nan", "arm.http1.cpu is"),
        ("[arm.http1]\ncpu = true", "arm.http1.cpu is True"),
        ("[arm.http1]\ncpu = [1]", "arm.http1.cpu is [1]"),
        ('[arm.http1]\ncpu = "= 5"', "no measured figure is ever exactly that"),
        ("[arm.http1\n", "is no TOML"),
    ],
)
def test_a_file_that_means_nothing_is_refused_with_its_key(budget_of: Any, text: str, says: str) -> None:
    with pytest.raises(LabError, match=re.escape(says)):
        budget_of(text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read: No such file"):
        read_budget(tmp_path / "none.toml")
    with pytest.raises(LabError, match="cannot be read"):
        read_budget(tmp_path)
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="no text in UTF-8"):
        read_budget(tmp_path / "bad.toml")


def test_thresholds_hold_and_break(budget_of: Any) -> None:
    budget = budget_of(
        '[arm.http1]\nprocessed_p50 = "<= 10"\nprocessed_p99 = "<= 6"\nacked = ">= 64000"\nlost = "= 0"\n'
        '[ratio.http2]\ncpu = "<= 0.8"\nmemory = "<= 0.25"\nwire_bytes = ">= 2"'
    )
    found = lines(budget, compared())
    assert {key: (line.result, line.ok) for key, line in found.items()} == {
        "arm.http1.processed_p50": ("holds", True),
        "arm.http1.processed_p99": ("broken", False),
        "arm.http1.acked": ("holds", True),
        "arm.http1.lost": ("holds", True),
        "ratio.http2.cpu": ("holds", True),
        "ratio.http2.memory": ("broken", False),
        "ratio.http2.wire_bytes": ("broken", False),
    }
    broken = found["arm.http1.processed_p99"]
    assert broken.threshold == "<= 6"
    assert broken.measured == pytest.approx(12, rel=0.1)
    assert broken.low is not None
    assert broken.low > 6
    assert re.match(r"1[12](\.\d+)? is not <= 6", broken.note)


def test_what_the_noise_may_have_done_is_a_warning(budget_of: Any) -> None:
    budget = budget_of('[arm.http2]\ncpu = "<= 0.93"\n[ratio.http2]\ncpu = "<= 0.93"\nmemory = ">= 1.2"')
    for line in lines(budget, compared(ratio=1.0, sd=0.3)).values():
        assert (line.result, line.ok) == ("inside the noise", True), line
        assert "a warning" in line.note
    for line in lines(budget, compared(ratio=1.0, sd=0.01)).values():
        assert (line.result, line.ok) == ("broken", False), line


def test_counts_have_no_noise(budget_of: Any) -> None:
    one_lost = Counts(created=8000, acked=8000, processed=7999, lost=1)
    line = lines(budget_of("[arm.http2]\nlost = 0"), compared(counts=one_lost))["arm.http2.lost"]
    assert (line.result, line.measured, line.low) == ("broken", 1, None)


@pytest.mark.parametrize("status", ["void", "partial", "failed"])
def test_arms_with_blocks_that_do_not_stand_never_pass(budget_of: Any, status: str) -> None:
    budget = budget_of(
        '[arm.http1]\ncpu = "<= 5"\n[arm.http2]\ncpu = "<= 5"\nlost = 0\n[ratio.http2]\ncpu = "<= 5"'
    )
    found = lines(budget, compared(status=status))
    assert found.pop("arm.http1.cpu").ok
    for line in found.values():
        assert (line.result, line.ok, line.measured) == ("not measured", False, None)
        assert f"1 of 8 blocks of http2 are {status}" in line.note


def test_a_void_baseline_fails_ratios_too(budget_of: Any) -> None:
    comparison, runs = compared()
    runs["http1"][0] = msgspec.structs.replace(runs["http1"][0], status="void")
    line = lines(budget_of("[ratio.http2]\ncpu = 5"), (comparison, runs))["ratio.http2.cpu"]
    assert not line.ok
    assert "http1" in line.note


def test_a_comparison_that_did_not_end_never_passes(budget_of: Any) -> None:
    comparison, runs = compared()
    comparison.status = "partial"
    for line in lines(
        budget_of("[arm.http1]\nlost = 0\n[ratio.http2]\ncpu = 5"), (comparison, runs)
    ).values():
        assert (line.ok, line.note) == (False, "the comparison is partial")


def test_what_was_not_measured_does_not_hold(budget_of: Any) -> None:
    comparison, runs = compared()
    runs["http2"] = [block("http2", f"{n}", absent=("visible",)) for n in range(8)]
    found = lines(budget_of("[arm.http2]\nvisible_p99 = 1e6"), (comparison, runs))["arm.http2.visible_p99"]
    assert (found.result, found.ok) == ("not measured", False)
    comparison.pairs = []
    assert not lines(budget_of("[ratio.http2]\ncpu = 5"), (comparison, runs))["ratio.http2.cpu"].ok


def test_single_runs_are_judged_by_their_value_alone(budget_of: Any) -> None:
    runs = {"http1": [block("http1")], "http2": [block("http2")]}
    found = lines(budget_of("[arm.http1]\nprocessed_p50 = 4.9\ncpu = 1.1"), (comparison_of(runs), runs))
    assert [line.result for line in found.values()] == ["broken", "holds"]


def test_arms_that_were_not_compared_are_refused(budget_of: Any) -> None:
    with pytest.raises(LabError, match=re.escape("arm.http3 is not known; did you mean")):
        lines(budget_of("[arm.http3]\nlost = 0"), compared())
    with pytest.raises(LabError, match=re.escape("ratio.http1 is the baseline")):
        lines(budget_of("[ratio.http1]\ncpu = 1"), compared())
    with pytest.raises(LabError, match=re.escape("ratio.websocket is not known")):
        lines(budget_of("[ratio.websocket]\ncpu = 1"), compared())
