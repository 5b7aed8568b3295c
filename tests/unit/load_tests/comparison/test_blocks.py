"""The order of blocks, what each is offered, and what comes out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.comparison.blocks import evaluate, plan_blocks
from load_tests.runs.folder import read_comparison
from load_tests.runs.schema import Status
from load_tests.target.arm import parse_arms
from metrics_core.errors import LabError
from tests.support.saved_runs import make_run
from tests.unit.load_tests.comparison.faked_measure import ARMS, Faked, compared, design, fake_processes

MISSING = {"load-00": {"1766200000123456": [[17, 23]]}}


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return fake_processes(monkeypatch)


# -- the plan ---------------------------------------------------------------------------------------------------------


def test_noise_comes_first_then_rounds_whose_order_turns() -> None:
    planned = plan_blocks(parse_arms(["http1", "websocket"]), design(rounds=3, noise_pairs=2))
    assert [(block.arm.name, block.round_number, block.is_noise) for block in planned] == [
        ("http1", 0, True), ("http1", 0, True), ("http1", 1, True), ("http1", 1, True),
        ("http1", 0, False), ("websocket", 0, False),
        ("websocket", 1, False), ("http1", 1, False),
        ("http1", 2, False), ("websocket", 2, False),
    ]  # fmt: skip


@given(
    arms=st.lists(st.sampled_from(["http1", "http2", "websocket", "http1-memory"]), min_size=1, unique=True),
    rounds=st.integers(3, 12),
    pairs=st.integers(0, 6),
)
def test_every_arm_once_a_round_and_each_round_the_other_way_round(
    arms: list[str], rounds: int, pairs: int
) -> None:
    planned = plan_blocks(parse_arms(arms), design(rounds, pairs))
    noise, measured = planned[: 2 * pairs], planned[2 * pairs :]
    assert all(block.is_noise and block.arm.name == arms[0] for block in noise)
    assert not any(block.is_noise for block in measured)
    by_round = [measured[n : n + len(arms)] for n in range(0, len(measured), len(arms))]
    assert [{block.round_number for block in each} for each in by_round] == [{n} for n in range(rounds)]
    names = [[block.arm.name for block in each] for each in by_round]
    assert all(sorted(each) == sorted(arms) for each in names)
    assert all(after == before[::-1] for before, after in pairwise(names))


# -- what is offered --------------------------------------------------------------------------------------------------


def test_all_arms_of_a_round_get_the_same_seed_and_no_two_rounds_do(faked: Faked, tmp_path: Path) -> None:
    compared(tmp_path, ["http1", "websocket"], design(rounds=3, noise_pairs=1))
    assert [load.seed for _, load in faked.measured] == [5, 5, 5, 5, 6, 6, 7, 7]


def test_an_arm_has_the_load_that_it_names_and_the_others_the_common_one(
    faked: Faked, tmp_path: Path
) -> None:
    wanted = design(noise_pairs=0, rate_per_s=500.0, batch=2, producers=7)
    compared(tmp_path, ["http1", "http1:batch=10:producers=3", "http1:rate=250.5"], wanted)
    seen = {arm: (load.rate_per_s, load.batch, load.producers) for arm, load in faked.measured}
    assert seen == {
        "http1": (500.0, 2, 7),
        "http1:batch=10:producers=3": (500.0, 10, 3),
        "http1:rate=250.5": (250.5, 2, 7),
    }


@pytest.mark.parametrize(
    "arm, expected",
    [
        ("http1:batch=10001", "batch=10001: expected 1 to 10000"),
        ("http1:producers=5001", "producers=5001: expected 1 to 5000"),
        ("http1:rate=0.01", "rate=0.01: expected 0.1 to 1e\\+06"),
    ],
)
def test_a_load_that_no_block_can_have_is_refused_before_anything_starts(
    faked: Faked, tmp_path: Path, arm: str, expected: str
) -> None:
    with pytest.raises(LabError, match=expected):
        compared(tmp_path / "results", ["http1", arm])
    assert not faked.rigs
    assert not (tmp_path / "results").exists()


def test_every_block_has_fresh_processes(faked: Faked, tmp_path: Path) -> None:
    compared(tmp_path, ["http1", "http1:batch=10"])
    assert [rig.arm for rig in faked.rigs] == [arm for arm, _ in faked.measured]
    assert not any(rig.running for rig in faked.rigs)


# -- the result -------------------------------------------------------------------------------------------------------


def test_a_whole_comparison(faked: Faked, tmp_path: Path) -> None:
    told: list[str] = []
    saved = compared(tmp_path, told=told)
    comparison = saved.comparison
    assert (comparison.status, comparison.arms, comparison.rounds) == ("complete", list(ARMS), 3)
    assert comparison.order == [*ARMS, *reversed(ARMS), *ARMS]
    assert comparison.noise_blocks == ["001-noise-http1", "002-noise-http1"]
    assert comparison.blocks["websocket"] == ["005-websocket", "006-websocket", "011-websocket"]
    assert (comparison.command, comparison.interleaved, comparison.seed) == ("the command", True, 5)
    assert [(pair.baseline, pair.arm) for pair in comparison.pairs] == [
        ("http1", "http2"), ("http1", "websocket"),
    ]  # fmt: skip
    faster = {line.figure: line for line in comparison.pairs[1].figures}["processed_p50"]
    assert faster.verdict == "better"
    assert faster.floor is None or faster.floor >= 1
    assert told[0] == "block 1 of 11, http1 (noise of this machine)"
    assert told[-1] == "block 11 of 11, websocket"
    assert read_comparison(saved.path).comparison == comparison


def test_the_two_by_two_has_effects(faked: Faked, tmp_path: Path) -> None:
    saved = compared(tmp_path, ["http1", "http1-memory", "websocket-redis", "websocket"])
    assert {effect.factor for effect in saved.comparison.effects} == {"transport", "store", "interaction"}


def test_two_arms_have_none(faked: Faked, tmp_path: Path) -> None:
    assert compared(tmp_path, ["http1", "websocket"]).comparison.effects == []


def test_without_noise_pairs_there_is_no_floor(faked: Faked, tmp_path: Path) -> None:
    saved = compared(tmp_path, ["http1", "http2"], design(noise_pairs=0))
    assert saved.noise == []
    assert {line.floor for line in saved.comparison.pairs[0].figures} == {None}


def test_names_of_blocks_can_be_folders(faked: Faked, tmp_path: Path) -> None:
    lab = tmp_path / ("long" * 20) / "Zwei Kopien äöü"
    (lab / "pipeline_http_redis").mkdir(parents=True)
    (lab / "pipeline_http_redis" / "__main__.py").touch()
    saved = compared(tmp_path / "results", ["http1", f"http1@{lab}"])
    assert read_comparison(saved.path).comparison.arms[1] == f"http1@{lab}"


# -- blocks that do not count -----------------------------------------------------------------------------------------


def status_of(faked: Faked, results: Path, bad: dict[int, Status], **wanted: Any) -> str:
    faked.plant = lambda number, arm: {"status": bad[number], "reasons": ["planted"]} if number in bad else {}
    return compared(results, ["http1", "websocket"], design(**wanted)).comparison.status


def test_a_block_that_fails_is_left_out_and_named(faked: Faked, tmp_path: Path) -> None:
    faked.plant = lambda number, arm: {"status": "failed", "reasons": ["it fell over"]} if number == 3 else {}
    saved = compared(tmp_path, ["http1", "websocket"], design(rounds=4, noise_pairs=0))
    assert saved.comparison.status == "complete"
    assert any("1 block of websocket broke down: it fell over" in line for line in saved.comparison.findings)
    assert len(saved.blocks["websocket"]) == 4
    assert "1 of 4 rounds left out" in saved.comparison.pairs[0].figures[0].note


def test_as_long_as_most_blocks_of_every_arm_count_it_is_complete(faked: Faked, tmp_path: Path) -> None:
    assert status_of(faked, tmp_path, {2: "void", 3: "void"}, rounds=4, noise_pairs=0) == "complete"


def test_an_arm_of_which_most_blocks_fail_makes_it_fail_however_many_others_there_are(
    faked: Faked, tmp_path: Path
) -> None:
    bad: dict[int, Status] = {14: "failed", 15: "failed", 18: "failed"}  # three of the four of websocket
    assert status_of(faked, tmp_path, bad, rounds=4, noise_pairs=6) == "failed"


def test_noise_that_could_not_be_measured_shows_in_the_status(faked: Faked, tmp_path: Path) -> None:
    assert status_of(faked, tmp_path, {1: "void", 2: "void"}, noise_pairs=1) == "void"


def test_a_loss_in_one_block_is_the_first_finding(faked: Faked, tmp_path: Path) -> None:
    faked.plant = lambda number, arm: {"missing": MISSING} if number == 6 else {}
    saved = compared(tmp_path)
    assert saved.comparison.findings[0].startswith("websocket lost 7 of")
    assert "load-00 (epoch 1766200000123456) 17–23" in saved.comparison.findings[0]


def test_blocks_that_do_not_belong_together_are_kept_without_a_verdict(faked: Faked, tmp_path: Path) -> None:
    faked.plant = lambda number, arm: {"rate_per_s": 300.0} if number == 4 else {}
    saved = compared(tmp_path, ["http1", "websocket"])
    assert saved.comparison.status == "failed"
    assert saved.comparison.findings[0].startswith("No verdict can be formed: ")
    assert saved.comparison.pairs == []
    assert sum(map(len, saved.blocks.values())) == 6


# -- verdicts of made-up runs -----------------------------------------------------------------------------------------


def test_evaluate_finds_a_slow_arm_and_takes_equal_ones_for_equal() -> None:
    arms = parse_arms(["http1", "http2", "http1:workers=4"])
    wanted = design(rounds=8, noise_pairs=6)
    done = [
        (block, make_run(block.arm.name, number=number, slowness=2.0 if block.arm.name == "http2" else 1.0))
        for number, block in enumerate(plan_blocks(arms, wanted))
    ]
    comparison = evaluate("name", arms, wanted, done, 7, "again")
    assert (comparison.id, comparison.started_at_us, comparison.command) == ("name", 7, "again")
    slow, same = ({line.figure: line for line in pair.figures} for pair in comparison.pairs)
    assert slow["processed_p50"].verdict == "worse"
    assert same["processed_p50"].verdict == "tie"
    again = evaluate("name", arms, wanted, done, 7, "again")
    assert (again.pairs, again.effects) == (comparison.pairs, comparison.effects)
