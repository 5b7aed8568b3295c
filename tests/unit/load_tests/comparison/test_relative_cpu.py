"""Processor time is taken relative to the generator's where its work is the same: what hits both alike cancels."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from load_tests.comparison.verdict import RELATIVE, compare
from load_tests.runs.schema import FigureVerdict, Run
from tests.unit.load_tests.comparison.planted_blocks import block

N = 8


def on_a_machine_of(run: Run, speed: float) -> Run:
    """A block as it would be on a machine that is `speed` times as fast: all processor time is less."""
    cost = msgspec.structs.replace(
        run.cost,
        processes=[
            msgspec.structs.replace(each, user_s=each.user_s / speed, system_s=each.system_s / speed)
            for each in run.cost.processes
        ],
    )
    generator = msgspec.structs.replace(
        run.generator, cpu_percent_total=run.generator.cpu_percent_total / speed
    )
    return msgspec.structs.replace(run, cost=cost, generator=generator)


def cpu_of(arm: str, slower: float, seed: int = 1) -> FigureVerdict:
    """The verdict on `cpu` where the machine's speed swings by 20 % from block to block."""
    rng = np.random.default_rng(seed)

    def blocks(name: str, prefix: str, log: float) -> list[Run]:
        made = [block(name, f"{prefix}{i}", {"cpu": log + 0.01 * rng.standard_normal()}) for i in range(N)]
        return [on_a_machine_of(run, math.exp(0.2 * rng.standard_normal())) for run in made]

    ours, theirs = blocks("http1", "a", 0.0), blocks(arm, "b", math.log(slower))
    noise = list(zip(blocks("http1", "c", 0.0), blocks("http1", "d", 0.0), strict=True))
    pair = compare("http1", arm + "'", ours, theirs, noise, 0.95, 1)
    return next(line for line in pair.figures if line.figure == "cpu")


def test_a_machine_that_swings_does_not_hide_ten_percent() -> None:
    found = cpu_of("http1", 1.1)
    assert found.verdict == "worse"
    assert found.ratio
    assert 1.07 < found.ratio.estimate < 1.13
    assert RELATIVE in found.note


def test_nor_does_it_make_a_difference() -> None:
    assert cpu_of("http1", 1.0).verdict == "tie"


def test_other_work_of_the_generator_is_no_measure() -> None:
    found = cpu_of("http2", 1.1)
    assert found.verdict == "too noisy"
    assert RELATIVE not in found.note
