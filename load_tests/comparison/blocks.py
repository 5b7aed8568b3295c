"""Runs a comparison: A/A blocks first, then interleaved blocks of every arm, each block on fresh processes.

::

    A/A      a a   a a   a a   …       the baseline against itself: what chance does on this machine, now
    rounds   a b c   c b a   a b c   … every arm once a round, the order turned each time (ABBA)

A round offers every arm the same schedule. Turning the order lets a steady drift of the machine (heat, a neighbour) hit
every arm alike. Processes are started for each block and ended after it: one and the same program differs from start to
start (addresses, hash seeds, the memory it got) by more than from block to block, and blocks of one process would
hide that (T. Kalibera, R. Jones, *Rigorous benchmarking in reasonable time*, 2013). Whatever ends a comparison early,
the blocks that are done are kept, and say `partial`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab_runtime.process import now_us
from load_tests.comparison import factorial, verdict
from load_tests.comparison.findings import NOISE, findings
from load_tests.comparison.statistics import MIN_ROUNDS
from load_tests.generator.options import MOST_PRODUCERS, MOST_RATE_PER_S
from load_tests.measure import Load, Tell, measure
from load_tests.runs.folder import (
    RunNotWritten,
    SavedComparison,
    SavedRun,
    create,
    new_id,
    read_comparison,
    write_comparison,
)
from load_tests.runs.schema import Comparison, Effect, Pair, Run, Status
from load_tests.stopping import Stopping
from load_tests.target.arm import Arm
from metrics_core.errors import ConfigError, LabError
from metrics_core.limits import MAX_BATCH_SAMPLES

BLOCKS: Final = "blocks"
_LOADS: Final = {
    "rate": ("rate_per_s", 0.1, MOST_RATE_PER_S),
    "batch": ("batch", 1, MAX_BATCH_SAMPLES),
    "producers": ("producers", 1, MOST_PRODUCERS),
}
"""What an arm may set of its load: the field, and its bounds."""


class Design(Struct, frozen=True):
    """How a comparison is run.

    Attributes:
        rounds: Blocks of each arm.
        noise_pairs: A/A pairs.
        load: Of each block; its seed is that of the first round.
        confidence: Of all intervals of a pair together.
    """

    rounds: int
    noise_pairs: int
    load: Load
    confidence: float


class Block(NamedTuple):
    """One block to run: `round_number` counts from 0; A/A blocks are the baseline's."""

    arm: Arm
    round_number: int
    is_noise: bool
    load: Load


def plan_blocks(arms: Sequence[Arm], design: Design) -> list[Block]:
    """All blocks in the order in which they run.

    Raises:
        ConfigError: An arm asks for a load that nobody can offer.
    """

    def block(arm: Arm, number: int, is_noise: bool) -> Block:
        return Block(arm, number, is_noise, _load(arm, number, design.load))

    noise = [block(arms[0], number, True) for number in range(design.noise_pairs) for _ in range(2)]
    rounds = [
        block(arm, number, False)
        for number in range(design.rounds)
        for arm in (arms if number % 2 == 0 else list(reversed(arms)))
    ]
    return noise + rounds


def run(
    arms: Sequence[Arm],
    design: Design,
    results: Path,
    command: str,
    step: Callable[[str], Tell],
    finished: Callable[[], None],
) -> SavedComparison:
    """Run a comparison and save it.

    Args:
        arms: The first is the baseline.
        design: How.
        results: Where its folder is made.
        command: How to repeat it, as it stands in the report.
        step: Called when a block begins; gives whom to tell how far it is.
        finished: Called when it ended.

    Raises:
        LabError: Nothing could be compared; the text says why.
    """
    blocks = plan_blocks(arms, design)
    folder = create(results, new_id("compare", datetime.now(UTC)))
    begun_us = now_us()
    done: list[tuple[Block, SavedRun]] = []
    problem, status = "", "complete"
    try:
        with Stopping() as stopping:
            stopping.gently = True
            for block, run_folder, tell in _folders(blocks, folder, step):
                stopping.check()
                with block.arm.make_rig() as rig:
                    target = block.arm.target(rig)
                    saved = measure(target, block.load, run_folder, stopping.checked(tell))
                done.append((block, saved))
                finished()
    except KeyboardInterrupt:
        status = "partial"
    except LabError as error:
        problem, status = str(error), "failed"
    if not any(not block.is_noise for block, _ in done):
        _remove(folder)
        if problem:
            raise LabError(problem)
        raise KeyboardInterrupt
    comparison = evaluate(folder.name, arms, design, done, begun_us, command)
    if status != "complete":
        comparison.status = "partial" if status == "partial" else "failed"
        why = problem.rstrip(".") or "it was stopped"
        comparison.findings.insert(0, f"The comparison did not end: {why}. What was measured before is kept.")
    try:
        write_comparison(folder, comparison)
    except RunNotWritten:  # what the unfinished block left is of no use, and may be room enough
        for unfinished in [
            block for block in (folder / BLOCKS).iterdir() if not (block / "run.json").exists()
        ]:
            _remove(unfinished)
        write_comparison(folder, comparison)
    return read_comparison(folder)


def _folders(
    blocks: Sequence[Block], folder: Path, step: Callable[[str], Tell]
) -> Iterator[tuple[Block, Path, Tell]]:
    for number, block in enumerate(blocks, 1):
        name = f"{number:03}-{'noise-' if block.is_noise else ''}{_in_a_name(block.arm.name)}"
        run_folder = folder / BLOCKS / name
        try:
            run_folder.mkdir(parents=True)
        except OSError as error:
            raise LabError(f"{folder}: cannot keep blocks there ({error.strerror})") from None
        yield block, run_folder, step(f"block {number} of {len(blocks)}, {_title(block)}")


def _title(block: Block) -> str:
    return f"{block.arm.name} (noise of this machine)" if block.is_noise else block.arm.name


def _in_a_name(arm: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", arm)[-60:].strip("-.")


def _load(arm: Arm, round_number: int, load: Load) -> Load:
    """What a block offers: all arms of a round the same schedule, unless an arm names a load of its own."""
    fields: dict[str, float | int] = {"seed": load.seed + round_number}
    for name, value in arm.load:
        field, low, high = _LOADS[name]
        if not low <= value <= high:
            raise ConfigError(f"{arm.name}: {name}={value:g}: expected {low:g} to {high:g}")
        fields[field] = value if name == "rate" else int(value)
    return replace(load, **fields)


def evaluate(
    name: str,
    arms: Sequence[Arm],
    design: Design,
    done: Sequence[tuple[Block, SavedRun]],
    begun_us: int,
    command: str,
) -> Comparison:
    """Form the verdicts. Where none can be formed, the comparison has failed and says why; its blocks are kept.

    Args:
        name: Of the comparison's folder.
        arms: As given; the first is the baseline.
        design: How it was run.
        done: The blocks that were measured, in order.
        begun_us: When it began.
        command: How to repeat it.
    """
    runs: dict[str, list[Run]] = {arm.name: [] for arm in arms}
    for block, saved in done:
        if not block.is_noise:
            runs[block.arm.name].append(saved.run)
    runs = {name: blocks for name, blocks in runs.items() if blocks}
    noise = [saved.run for block, saved in done if block.is_noise]
    pairs_of_noise = list(zip(noise[::2], noise[1::2], strict=False))
    baseline, *others = runs
    drawn = pairs_of_noise, design.confidence, design.load.seed
    everything = runs | ({NOISE: noise} if noise else {})
    found, status = findings(everything), _status(everything.values())
    pairs: list[Pair] = []
    effects: list[Effect] = []
    try:
        pairs = [verdict.compare(baseline, arm, runs[baseline], runs[arm], *drawn) for arm in others]
        effects = factorial.effects(runs, *drawn)
    except LabError as error:
        status = "failed"
        found.insert(0, f"No verdict can be formed: {str(error).rstrip('.')}.")
    if min(len(blocks) for blocks in runs.values()) < MIN_ROUNDS:
        found.append(f"Fewer than {MIN_ROUNDS} rounds: no verdict can be formed.")
    return Comparison(
        id=name,
        started_at_us=begun_us,
        ended_at_us=now_us(),
        status=status,
        findings=found,
        arms=list(runs),
        blocks={arm: [run.id for run in blocks] for arm, blocks in runs.items()},
        order=[block.arm.name for block, _ in done if not block.is_noise],
        noise_blocks=[run.id for run in noise],
        interleaved=True,
        rounds=design.rounds,
        seed=design.load.seed,
        confidence=design.confidence,
        pairs=pairs,
        effects=effects,
        command=command,
    )


def _status(arms: Iterable[Sequence[Run]]) -> Status:
    """Complete as long as most blocks of every arm are: the others are left out, and said to be."""
    for runs in arms:
        bad = [run.status for run in runs if run.status != "complete"]
        if 2 * len(bad) > len(runs):
            return max(bad, key=bad.count)
    return "complete"


def _remove(folder: Path) -> None:
    """What never came to be leaves no folder behind."""
    shutil.rmtree(folder, ignore_errors=True)
