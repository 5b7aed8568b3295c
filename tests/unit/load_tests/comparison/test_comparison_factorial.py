"""The 2 × 2: planted effects of transport, store and both together are told apart."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from load_tests.comparison.factorial import ARMS, effects
from load_tests.runs.figures import HEADLINE
from load_tests.runs.schema import Effect, Run
from metrics_core.errors import LabError
from tests.unit.load_tests.comparison.planted_blocks import MACHINE, aa_pairs, block, blocks, everywhere


def square(
    transport: float = 1.0, store: float = 1.0, both: float = 1.0, n: int = 8, sd: float = 0.04, seed: int = 3
) -> dict[str, list[Run]]:
    """Blocks with planted ratios: of WebSocket, of memory, and what is added where both meet."""
    planted = {
        "http1": 1.0,
        "http1-memory": store,
        "websocket-redis": transport,
        "websocket": transport * store * both,
    }
    rng = np.random.default_rng(seed)
    return {arm: blocks(arm, n, rng, everywhere(ratio), sd=sd) for arm, ratio in planted.items()}


def found(runs: Mapping[str, list[Run]], sd: float = 0.04, seed: int = 7) -> dict[str, Effect]:
    """Effects on `cpu`."""
    noise = aa_pairs("http1", 6, np.random.default_rng(seed), sd=sd)
    return {each.factor: each for each in effects(runs, noise, 0.95, seed) if each.figure == "cpu"}


def test_planted_effects_are_found_with_their_sizes() -> None:
    effect = found(square(transport=0.5, store=0.1, both=1.6, n=10))
    # A main effect is the average over both sides of the other factor: the interaction is shared out half and half.
    planted = {"transport": 0.5 * math.sqrt(1.6), "store": 0.1 * math.sqrt(1.6), "interaction": 1.6}
    for factor, ratio in planted.items():
        assert effect[factor].ratio.low < ratio < effect[factor].ratio.high
        assert effect[factor].ratio.estimate == pytest.approx(ratio, rel=0.1)
    assert [effect[factor].verdict for factor in planted] == ["better", "better", "worse"]
    assert "depends on the other factor" in effect["transport"].note
    assert "do not simply multiply" in effect["interaction"].note


def test_factors_that_simply_multiply_have_no_interaction() -> None:
    effect = found(square(transport=0.6, store=0.2, sd=0.01), sd=0.01)
    assert effect["interaction"].verdict == "tie"
    assert effect["interaction"].note.startswith("CPU per 1,000 delivered: the two factors simply multiply")
    words = r"WebSocket instead of HTTP: (39|40) to 4[01] % less \(CPU per 1,000 delivered\), "
    assert re.match(words, effect["transport"].note)
    assert effect["transport"].note.endswith("whichever store is behind it")
    assert effect["store"].note.startswith("memory instead of Redis: 0.2 times as much")


def test_one_factor_alone_is_not_given_to_the_other() -> None:
    effect = found(square(store=0.1, sd=0.02), sd=0.02)
    assert [effect[factor].verdict for factor in ("transport", "store", "interaction")] == [
        "tie",
        "better",
        "tie",
    ]


def test_noise_is_not_called_an_effect() -> None:
    called = 0
    for seed in range(40):
        noise = aa_pairs("http1", 6, np.random.default_rng(seed + 1000))
        each = effects(square(seed=seed), noise, 0.95, seed)
        called += any(effect.verdict in ("better", "worse") for effect in each)
    assert called <= 2


def test_every_headline_figure_that_all_arms_have_gets_three_effects() -> None:
    runs = square()
    assert [effect.figure for effect in effects(runs, [], 0.95, 7)] == [
        key for key in HEADLINE for _ in range(3)
    ]
    runs["websocket"] = [block("websocket", f"{n}", absent=("visible",)) for n in range(8)]
    figures = {effect.figure for effect in effects(runs, [], 0.95, 7)}
    assert figures == {key for key in HEADLINE if not key.startswith("visible")}


def test_without_the_four_arms_on_one_machine_in_three_rounds_there_is_no_square() -> None:
    runs = square()
    assert effects({arm: runs[arm] for arm in ARMS[:3]}, [], 0.95, 7) == []
    assert effects({**runs, "websocket": runs["websocket"][:2]}, [], 0.95, 7) == []
    void = [msgspec.structs.replace(run, status="void") for run in runs["websocket"]]
    assert effects({**runs, "websocket": void}, [], 0.95, 7) == []
    away = msgspec.structs.replace(MACHINE, id="ffff")
    elsewhere = [msgspec.structs.replace(run, machine=away) for run in runs["websocket"]]
    assert effects({**runs, "websocket": elsewhere}, [], 0.95, 7) == []


def test_a_void_block_takes_its_whole_round_with_it() -> None:
    runs = square(transport=0.5, sd=0.01)
    runs["http1"][4] = block("http1", "04", everywhere(1000), status="void")
    assert found(runs, sd=0.01)["transport"].ratio.estimate == pytest.approx(0.5, rel=0.03)


def test_arms_that_were_not_run_alike_are_refused() -> None:
    runs = square()
    runs["websocket"] = [block("websocket", f"{n}", plan={"batch": 100}) for n in range(8)]
    with pytest.raises(LabError, match="batch is 1 for http1 and 100 for websocket"):
        effects(runs, [], 0.95, 7)
