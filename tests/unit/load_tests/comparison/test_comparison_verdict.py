"""A pair of arms: planted differences are found, identical arms not told apart, what does not count is left out."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from load_tests.comparison.verdict import compare
from load_tests.runs.figures import HEADLINE
from load_tests.runs.schema import Counts, FigureVerdict, Pair, Run
from metrics_core.errors import LabError
from tests.unit.load_tests.comparison.planted_blocks import (
    LEVELS,
    MACHINE,
    aa_pairs,
    block,
    blocks,
    everywhere,
    noise_of,
)

SIMULATED = 150


def judged(arm: list[Run], base: list[Run] | None = None, noise: list[tuple[Run, Run]] | None = None) -> Pair:
    rng = np.random.default_rng(99)
    base = blocks("http1", len(arm), rng) if base is None else base
    return compare(
        "http1", "http2", base, arm, aa_pairs("http1", 6, rng) if noise is None else noise, 0.95, 7
    )


def line(pair: Pair, key: str) -> FigureVerdict:
    return next(found for found in pair.figures if found.figure == key)


def arm(n: int = 8, seed: int = 5, log: dict[str, float] | None = None, **kind: Any) -> list[Run]:
    return blocks("http2", n, np.random.default_rng(seed), log, **kind)


@pytest.mark.parametrize(
    "kind", [{}, {"shared": 0.0}, {"disturbed": 0.05}], ids=["normal", "independent", "disturbed"]
)
def test_identical_arms_are_called_different_in_at_most_one_of_twenty(kind: dict[str, Any]) -> None:
    rng = np.random.default_rng(31)
    wrong = 0
    for seed in range(SIMULATED):
        base, other = (blocks(name, 8, rng, **kind) for name in ("http1", "http2"))
        pair = compare("http1", "http2", base, other, aa_pairs("http1", 6, rng, **kind), 0.95, seed)
        wrong += any(found.verdict in ("better", "worse") for found in pair.figures)
    assert wrong <= 0.05 * SIMULATED


def test_ten_percent_is_found_in_nine_of_ten() -> None:
    rng = np.random.default_rng(32)
    found = wrong = 0
    for seed in range(SIMULATED):
        base, other = blocks("http1", 8, rng), blocks("http2", 8, rng, {"cpu": math.log(1.1)})
        pair = compare("http1", "http2", base, other, aa_pairs("http1", 6, rng), 0.95, seed)
        found += line(pair, "cpu").verdict == "worse"
        wrong += any(each.verdict in ("better", "worse") for each in pair.figures if each.figure != "cpu")
    assert found >= 0.9 * SIMULATED
    assert wrong <= 0.05 * SIMULATED


@pytest.mark.parametrize("n, ratio", [(3, 4.0), (3, 0.25), (4, 2.0), (8, 0.5), (100, 1.1)])
def test_planted_ratios_are_seen_from_three_rounds_to_a_hundred(n: int, ratio: float) -> None:
    pair = judged(arm(n, log=everywhere(ratio)))
    assert [found.figure for found in pair.figures] == list(HEADLINE)
    assert {found.verdict for found in pair.figures} == {"worse" if ratio > 1 else "better"}
    for found in pair.figures:
        assert found.ratio is not None
        assert found.ratio.low < ratio < found.ratio.high


def test_medians_floor_and_words_are_told() -> None:
    found = line(judged(arm(log=everywhere(2))), "processed_p50")
    assert found.baseline == pytest.approx(LEVELS["processed_p50"], rel=0.05)
    assert found.arm == pytest.approx(2 * LEVELS["processed_p50"], rel=0.05)
    assert found.floor is not None
    assert 1.01 < found.floor < 1.1
    assert found.note.endswith("times as long")


def test_identical_arms_tie_on_a_quiet_machine_and_say_nothing_on_a_noisy_one() -> None:
    quiet, noisy = (
        judged(arm(sd=sd), blocks("http1", 8, np.random.default_rng(6), sd=sd)) for sd in (0.01, 0.3)
    )
    assert {found.verdict for found in quiet.figures} == {"tie"}
    assert {found.verdict for found in noisy.figures} == {"too noisy"}
    assert "inside the noise" in quiet.figures[0].note
    assert "too noisy to say" in noisy.figures[0].note


def test_a_difference_that_identical_arms_show_too_is_not_called_one() -> None:
    wild = aa_pairs("http1", 6, np.random.default_rng(8), sd=0.8)
    found = line(judged(arm(log=everywhere(1.3)), noise=wild), "cpu")
    assert found.verdict == "too noisy"
    assert "identical arms are up to" in found.note


def test_one_disturbed_block_does_not_hide_or_make_a_difference() -> None:
    same, slower = arm(8, sd=0.02), arm(8, log=everywhere(1.3), sd=0.02)
    for side in (same, slower):
        side[3] = block("http2", "03", everywhere(4))
    base = blocks("http1", 8, np.random.default_rng(6), sd=0.02)
    assert not {found.verdict for found in judged(same, base).figures} & {"better", "worse"}
    assert {found.verdict for found in judged(slower, base).figures} == {"worse"}


def constant(name: str, ratio: float = 1.0, prefix: str = "") -> list[Run]:
    """Blocks whose bytes never vary, all else noisy."""
    rng = np.random.default_rng(12)
    return [
        block(name, f"{prefix}{n:02d}", {**noise_of(rng), "wire_bytes": math.log(ratio)}) for n in range(8)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "ratio, verdict, says",
    [
        (1.0, "tie", "the same"),
        (0.6, "better", "40 % less"),
        (1.07, "worse", "7 % more"),
        (1.004, "tie", "0.4 % apart"),
    ],
)
def test_constant_figures_are_judged_sensibly(ratio: float, verdict: str, says: str) -> None:
    noise = list(zip(constant("http1"), constant("http1", prefix="b"), strict=True))
    found = line(judged(constant("http2", ratio), constant("http1"), noise), "wire_bytes")
    assert found.ratio is not None
    assert found.ratio.estimate == pytest.approx(ratio, rel=1e-4)
    assert found.floor == pytest.approx(1.0)
    assert (found.verdict, says in found.note) == (verdict, True), found.note


def test_a_latency_that_is_one_bucket_off_in_every_round_is_a_tie() -> None:
    base = [block("http1", f"{n:02d}") for n in range(8)]
    other = [block("http2", f"{n:02d}", {"processed_p50": 1 / 64}) for n in range(8)]
    noise = [(block("http1", f"a{n}"), block("http1", f"b{n}")) for n in range(6)]
    assert line(judged(other, base, noise), "processed_p50").verdict == "tie"


def test_without_a_measured_floor_only_clear_differences_are_called() -> None:
    clear, small = (line(judged(arm(log=everywhere(r), sd=0.01), noise=[]), "cpu") for r in (1.5, 1.06))
    assert (clear.verdict, clear.floor) == ("worse", None)
    assert small.verdict in ("tie", "too noisy")
    assert clear.note.endswith("this machine's noise was not measured")


def test_a_figure_that_one_side_lacks_is_not_measured() -> None:
    others = [block("http2", f"{n:02d}", absent=("visible", "cost")) for n in range(8)]
    pair = judged(others)
    for key in ("visible_p50", "visible_p99", "cpu", "memory", "wire_bytes"):
        found = line(pair, key)
        assert (found.verdict, found.ratio, found.arm) == ("not measured", None, None)
        assert found.baseline is not None
        assert found.note.startswith("not measured: no round")
    assert line(pair, "processed_p50").verdict != "not measured"


def test_a_figure_missing_in_some_rounds_says_in_how_many_it_was_measured() -> None:
    others = arm(8, log=everywhere(2))
    others[2] = block("http2", "02", everywhere(2), absent=("visible",))
    assert line(judged(others), "visible_p50").note.endswith("(measured in 7 of 8 rounds)")


def spoiled(**fields: Any) -> list[Run]:
    """Eight blocks at twice the level; the third is a thousand times as bad and does not count."""
    found = arm(8, log=everywhere(2))
    found[2] = block("http2", "02", everywhere(1000), **fields)
    return found


@pytest.mark.parametrize(
    "fields",
    [{"status": "void"}, {"status": "failed"}, {"status": "partial"}, {"counts": Counts(created=9, acked=9)}],
    ids=["void", "failed", "partial", "nothing delivered"],
)
def test_a_block_that_does_not_stand_is_left_out_with_its_round(fields: dict[str, Any]) -> None:
    base = blocks("http1", 8, np.random.default_rng(99))
    pair = judged(spoiled(**fields), base)
    clean = judged(
        [run for n, run in enumerate(spoiled()) if n != 2], [run for n, run in enumerate(base) if n != 2]
    )
    found = line(pair, "cpu")
    assert found.ratio is not None
    assert found.ratio == line(clean, "cpu").ratio
    assert (found.arm or 0) < 3 * LEVELS["cpu"]
    assert "(1 of 8 rounds left out)" in found.note


def test_too_few_rounds_are_not_measured() -> None:
    for n in (1, 2):
        pair = judged(arm(n, log=everywhere(2)))
        assert {found.verdict for found in pair.figures} == {"not measured"}
        assert f"{n} of the 3 rounds" in pair.figures[0].note
    nothing = judged([block("http2", f"{n}", status="void") for n in range(4)])
    assert {found.verdict for found in nothing.figures} == {"not measured"}
    assert nothing.figures[0].baseline is None


def test_an_interrupted_side_counts_as_far_as_it_goes() -> None:
    pair = judged(arm(5, log=everywhere(2)), blocks("http1", 8, np.random.default_rng(6)))
    assert "(3 of 8 rounds left out)" in line(pair, "cpu").note
    assert line(pair, "cpu").verdict == "worse"


def test_other_machines_get_no_verdict() -> None:
    elsewhere = msgspec.structs.replace(MACHINE, id="ffff0000", cpu="Other")
    pair = judged([msgspec.structs.replace(run, machine=elsewhere) for run in arm(8, log=everywhere(5))])
    assert {(found.verdict, found.ratio) for found in pair.figures} == {("not measured", None)}
    assert "different machines" in pair.figures[0].note
    assert not pair.attributable


def test_fairness_and_attribution_are_of_these_runs() -> None:
    pair = judged(arm())
    assert [each.factor for each in pair.fairness if each.differs] == ["protocol", "negotiated"]
    assert pair.attributable
    assert "protocol" in pair.attribution


def test_the_same_blocks_and_seed_give_the_same_verdicts() -> None:
    assert msgspec.json.encode(judged(arm())) == msgspec.json.encode(judged(arm()))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"plan": {"batch": 100}}, "batch is 1 in 00-http2 and 100 in 05-http2"),
        ({"plan": {"rate_per_s": 5.0}}, "rate_per_s"),
        ({"plan": {"arm": "websocket"}}, "arm"),
        ({"setup": {"fsync": "no"}}, "fsync"),
        ({"setup": {"revision": "abc"}}, "revision"),
        ({"machine": msgspec.structs.replace(MACHINE, id="ffff")}, "machine"),
    ],
)
def test_blocks_of_one_arm_that_do_not_belong_together_are_refused(change: dict[str, Any], says: str) -> None:
    mixed = arm()
    mixed[5] = block("http2", "05", **change)
    with pytest.raises(LabError, match=f"the blocks of http2 do not belong together: {says}"):
        judged(mixed)


def test_seed_and_uncommitted_changes_may_vary_from_round_to_round() -> None:
    varied = arm()
    varied[5] = block(
        "http2", "05", plan={"seed": 8}, setup={"revision": "4eca2ef-dirty", "background_per_s": 1.5}
    )
    assert line(judged(varied), "cpu").ratio


def test_a_block_that_broke_down_need_not_know_its_setup() -> None:
    broken = arm(log=everywhere(2))
    broken[0] = block("http2", "00", setup={"negotiated": "", "processes": 0}, status="failed")
    base = blocks("http1", 8, np.random.default_rng(1))
    dead = block("http1", "dead", setup={"negotiated": ""}, status="failed")
    pair = judged(broken, base, [*aa_pairs("http1", 6, np.random.default_rng(2)), (dead, base[0])])
    assert line(pair, "cpu").verdict == "worse"
    assert [each.factor for each in pair.fairness if each.differs] == ["protocol", "negotiated"]


def test_empty_sides_blocks_on_both_sides_and_foreign_noise_are_refused() -> None:
    base = blocks("http1", 8, np.random.default_rng(1))
    with pytest.raises(LabError, match="there is no block of http2"):
        judged([], base)
    with pytest.raises(LabError, match="there is no block of http1"):
        judged(arm(), [])
    with pytest.raises(LabError, match="block 00-http1 stands on both sides"):
        judged(base, base)
    with pytest.raises(
        LabError, match=r"A/A block 00-http2 is not the baseline's \(arm is http2, not http1\)"
    ):
        judged(arm(), base, list(zip(arm(), arm(prefix="b"), strict=True)))


@pytest.mark.parametrize("confidence", [0.0, 0.3, 1.0, 95.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(LabError, match="confidence"):
        compare("http1", "http2", arm(), arm(), [], confidence, 7)
