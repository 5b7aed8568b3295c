"""A comparison without processes: rigs that only know that they were started, and a `measure` that makes runs up.

The runs are written and read like real ones, so that what a comparison keeps on disk is what it would keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import pytest
from msgspec.structs import replace

from load_tests.comparison import blocks
from load_tests.comparison.blocks import Design, run
from load_tests.measure import Load, Tell
from load_tests.runs.folder import SavedComparison, SavedRun, read_run, write_run
from load_tests.target.arm import Arm, parse_arms
from load_tests.target.target import Target
from tests.support.saved_runs import make_run

ARMS: Final = ("http1", "http2", "websocket")

Plant = Callable[[int, str], dict[str, Any]]
"""Number of a block (from 1) and its arm to arguments of `make_run`; may raise what `measure` may raise."""


@dataclass
class FakeRig:
    """Stands for processes."""

    arm: str
    running: bool = False

    def __enter__(self) -> Self:
        self.running = True
        return self

    def __exit__(self, *_: object) -> None:
        self.running = False


@dataclass
class Faked:
    """What the comparison did.

    Attributes:
        measured: Arm and load of every block, in order.
        rigs: All that were made.
        plant: See `Plant`.
    """

    plant: Plant = lambda number, arm: {}
    measured: list[tuple[str, Load]] = field(default_factory=list)
    rigs: list[FakeRig] = field(default_factory=list)

    def measure(self, target: Target, load: Load, folder: Path, tell: Tell) -> SavedRun:
        """Makes a run up, in place of `load_tests.measure.measure`."""
        self.measured.append((target.arm, load))
        assert [rig.arm for rig in self.rigs if rig.running] == [target.arm], (
            "its own processes, and no others"
        )
        assert not list(folder.iterdir())
        (folder / "locust.log").touch()
        tell({"phase": "measuring", "done": 0.5, "created": 1, "acked": 1})
        number = len(self.measured)
        wanted: dict[str, Any] = {
            "rate_per_s": load.rate_per_s,
            "duration_s": int(load.duration_s),
            "number": number,
        }
        saved = make_run(target.arm, **(wanted | self.plant(number, target.arm)))
        made = saved.run
        made.id = folder.name
        made.plan = replace(
            made.plan, batch=load.batch, producers=load.producers, seed=load.seed, warmup_s=load.warmup_s
        )
        write_run(folder, made, saved.histograms, saved.series, saved.ledger)
        return read_run(folder)


def fake_processes(monkeypatch: pytest.MonkeyPatch) -> Faked:
    """Put fakes in place of rigs, targets and `measure`."""
    faked = Faked()

    def make_rig(arm: Arm) -> FakeRig:
        faked.rigs.append(FakeRig(arm.name))
        return faked.rigs[-1]

    def target(arm: Arm, rig: FakeRig) -> Target:
        assert rig.running
        return Target(arm.name, arm.protocol, arm.store, "127.0.0.1", 1, "http://x", "ws://x", own_lab=True)

    monkeypatch.setattr(Arm, "make_rig", make_rig)
    monkeypatch.setattr(Arm, "target", target)
    monkeypatch.setattr(blocks, "measure", lambda *given: faked.measure(*given))
    return faked


def stop_at(number: int, error: BaseException) -> Plant:
    """The block of this number raises."""

    def plant(at: int, arm: str) -> dict[str, Any]:
        if at == number:
            raise error
        return {}

    return plant


def design(rounds: int = 3, noise_pairs: int = 1, **load: Any) -> Design:
    """Of a small comparison; `load` are fields of `Load`."""
    return Design(rounds, noise_pairs, Load(**{"duration_s": 2.0, "warmup_s": 1.0, "seed": 5, **load}), 0.95)


def compared(
    results: Path, arms: Sequence[str] = ARMS, wanted: Design | None = None, told: list[str] | None = None
) -> SavedComparison:
    """Run a comparison over what `fake_processes` put in place; what it calls its blocks goes to `told`."""

    def step(what: str) -> Tell:
        if told is not None:
            told.append(what)
        return lambda said: None

    return run(parse_arms(arms), wanted or design(), results, "the command", step, lambda: None)
