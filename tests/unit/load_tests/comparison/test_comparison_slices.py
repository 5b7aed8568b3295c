"""Saved runs, compared by slices: what they may say, and what they may not."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from load_tests.comparison.slices import DRIFT, NOT_INTERLEAVED, compare, slices
from load_tests.runs.schema import FigureVerdict, Pair, Run, Series
from metrics_core.errors import LabError
from tests.unit.load_tests.comparison.planted_blocks import MACHINE, block, everywhere

LATENCIES = ("processed_p50", "processed_p99", "accepted_p50", "accepted_p99", "visible_p50", "visible_p99")


def series(
    run: Run, seconds: int, ratio: float = 1.0, seed: int = 1, sd: float = 0.05, memory: float = 0.0
) -> Series:
    """One entry per second and two of drain; `memory`: how much each second resembles the last one."""
    rng = np.random.default_rng(seed)
    noise = np.zeros(seconds)
    for second in range(seconds):
        past = noise[second - 1] if second else rng.normal(0, sd)
        noise[second] = memory * past + math.sqrt(1 - memory**2) * rng.normal(0, sd)
    drain: list[float | None] = [None, None]
    columns: dict[str, Any] = {
        f"{key}_ms": [10.0 * ratio * math.exp(value) for value in noise] + drain for key in LATENCIES
    }
    cpu: dict[str, list[float | None]] = {
        name: [*(share * ratio * math.exp(value) for value in noise), 1.0, 1.0]
        for name, share in (("ingest", 60.0), ("worker-1", 40.0))
    }
    return Series(
        t_s=[float(second + 1) for second in range(seconds + 2)],
        processed_per_s=[*([1000.0] * seconds), 5.0, 0.0],
        cpu_percent={**cpu, "generator": [90.0] * (seconds + 2)},
        **columns,
    )


def saved(arm: str, seconds: int = 60, ratio: float = 1.0, seed: int = 1, **kind: Any) -> tuple[Run, Series]:
    run = block(arm, f"s{seed}", everywhere(ratio), plan={"duration_s": float(seconds)})
    return run, series(run, seconds, ratio, seed, **kind)


def judged(a: tuple[Run, Series], b: tuple[Run, Series]) -> Pair:
    return compare("http1", "http2", a, b, 0.95, 7)


def line(pair: Pair, key: str) -> FigureVerdict:
    return next(found for found in pair.figures if found.figure == key)


def test_slices_are_of_the_measured_part_only_and_full() -> None:
    run, columns = saved("http1", 23, sd=0.0)
    assert slices(run, columns, "processed_p99") == pytest.approx([math.log(10)] * 4)
    assert slices(run, columns, "cpu") == pytest.approx(
        [0.0] * 4
    )  # 100 % of a core for 1,000 samples/s: 1 s per 1,000


def test_a_slice_is_the_mean_of_its_seconds() -> None:
    run, columns = saved("http1", 5, sd=0.0)
    columns.processed_p50_ms = [1.0, 2.0, 3.0, None, 6.0, None, None]
    assert slices(run, columns, "processed_p50") == pytest.approx([math.log(3)])
    columns.processed_p50_ms = [1.0, None, None, None, 6.0, None, None]
    assert slices(run, columns, "processed_p50").size == 0


def test_processor_time_without_its_deliveries_is_no_cost() -> None:
    run, columns = saved("http1", 20)
    columns.processed_per_s[3] = None
    assert slices(run, columns, "cpu").size == 3
    columns.cpu_percent = {"generator": [90.0] * 22}
    assert slices(run, columns, "cpu").size == 0


def test_a_large_difference_is_found_and_says_that_runs_were_not_interleaved() -> None:
    pair = judged(saved("http1"), saved("http2", ratio=2.0, seed=2))
    for key in (*LATENCIES, "cpu"):
        found = line(pair, key)
        assert found.verdict == "worse"
        assert found.ratio is not None
        assert found.ratio.low > DRIFT
        assert found.ratio.estimate == pytest.approx(2, rel=0.1)
        assert found.floor is None
        assert found.note.endswith(NOT_INTERLEAVED)
    assert pair.attributable
    assert line(judged(saved("http1", ratio=2.0), saved("http2", seed=2)), "cpu").verdict == "better"


def test_a_difference_that_drift_may_make_is_not_called_one() -> None:
    found = line(judged(saved("http1", sd=0.01), saved("http2", ratio=1.2, seed=2, sd=0.01)), "cpu")
    assert found.ratio is not None
    assert found.ratio.low > 1
    assert found.verdict == "too noisy"
    assert "only what lies beyond 25 %" in found.note


def test_identical_runs_tie_where_they_are_quiet() -> None:
    pair = judged(saved("http1", sd=0.01), saved("http2", seed=2, sd=0.01))
    assert {line(pair, key).verdict for key in LATENCIES} == {"tie"}


def test_seconds_that_resemble_one_another_do_not_narrow_the_interval() -> None:
    held = 0
    for seed in range(100):
        first, second = (saved("http1", 60, seed=seed * 2 + side, memory=0.6) for side in (0, 1))
        ratio = line(judged(first, second), "cpu").ratio
        assert ratio is not None
        held += ratio.low <= 1 <= ratio.high
    assert held >= 95


def test_one_value_per_run_gets_words_and_no_verdict() -> None:
    pair = judged(saved("http1"), saved("http2", ratio=2.0, seed=2))
    for key in ("wire_bytes", "memory"):
        found = line(pair, key)
        assert (found.verdict, found.ratio) == ("not measured", None)
        assert found.note.startswith("2.0 times as much in these two runs; one value of each")
        assert found.arm == pytest.approx(2 * (found.baseline or 0))


def test_short_runs_are_too_short() -> None:
    pair = judged(saved("http1", 19), saved("http2", 60, ratio=5, seed=2))
    found = line(pair, "processed_p50")
    assert (found.verdict, found.ratio) == ("not measured", None)
    assert "too short, with 3 of the 4 slices of 5 s" in found.note
    assert line(judged(saved("http1", 20), saved("http2", 20, ratio=5, seed=2)), "cpu").verdict == "worse"


@pytest.mark.parametrize("status", ["void", "failed", "partial"])
def test_runs_that_do_not_stand_have_no_figures(status: str) -> None:
    run, columns = saved("http2", seed=2)
    pair = judged(saved("http1"), (msgspec.structs.replace(run, status=status), columns))
    assert {(found.verdict, found.arm, found.ratio) for found in pair.figures} == {
        ("not measured", None, None)
    }
    assert f"the run of http2 has no figures that stand (it is {status})" in pair.figures[0].note


def test_different_machines_get_no_verdict_but_keep_their_own_figures() -> None:
    run, columns = saved("http2", ratio=4, seed=2)
    elsewhere = msgspec.structs.replace(run, machine=msgspec.structs.replace(MACHINE, id="ffff"))
    pair = judged(saved("http1"), (elsewhere, columns))
    assert {(found.verdict, found.ratio) for found in pair.figures} == {("not measured", None)}
    assert all(found.baseline and found.arm and "different machines" in found.note for found in pair.figures)


def test_a_clock_that_one_run_lacks_is_not_measured() -> None:
    run, columns = saved("http2", seed=2)
    blind = block("http2", "s3", absent=("visible",), plan={"duration_s": 60.0})
    found = line(judged(saved("http1"), (blind, columns)), "visible_p50")
    assert (found.verdict, found.note) == ("not measured", "not measured: one of the runs does not have it")
    assert run.id != blind.id


def test_an_empty_series_is_too_short() -> None:
    run, _ = saved("http2", seed=2)
    assert (
        "too short, with 0 of the 4 slices"
        in line(judged(saved("http1"), (run, Series())), "processed_p50").note
    )


def test_the_same_run_twice_is_refused() -> None:
    with pytest.raises(LabError, match="stands on both sides"):
        judged(saved("http1"), saved("http1"))
