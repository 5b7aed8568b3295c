"""`compare` over real pipelines: small comparisons from the command line to the reports, and what ends them early."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import psutil
import pytest

from load_tests.runs.folder import SavedComparison, read_comparison
from tests.support.child import ROOT
from tests.support.load_command import Ended, LoadCommand
from tests.support.planted_build import copy_of_the_lab
from tests.support.waiting import until

SMALL: Final = (
    *("--rounds", "3", "--noise-pairs", "0", "--seconds", "1", "--warmup", "0.3"),
    *("--rate", "200", "--servers", "5"),
)
FOUR: Final = ("http1", "http1-memory", "websocket-redis", "websocket")
ENDS_WITHIN_S: Final = 120.0
CURSOR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BUDGET_THAT_HOLDS: Final = """
[arm.http1]
lost = 0
processed_p50 = "<= 5000"
[ratio.websocket]
wire_bytes = "<= 0.9"
"""
BUDGET_THAT_BREAKS: Final = """
[ratio.websocket]
memory = ">= 3"
"""


class Compare(LoadCommand):
    """`compare` in a folder of its own; nothing of it is left afterwards."""

    def __enter__(self) -> Self:
        return self

    def compare(
        self, *arguments: str, program: tuple[str, ...] = ("-P", "-m", "control_plane", "compare")
    ) -> None:
        """Start it."""
        self.start_program(sys.executable, *program, *arguments, "--results", str(self.results))

    def start_on_terminal(self, terminal: int, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it with a terminal for its three streams."""
        command = [sys.executable, "-m", "control_plane", "compare", *arguments]
        self._started.append(
            subprocess.Popen(
                [*command, "--results", str(self.results)],
                env=self._environ | {"TERM": "xterm"},
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
        )
        return self._started[-1]

    def comparisons(self) -> list[Path]:
        """What it saved, oldest first."""
        return sorted(self.results.glob("*-compare-*")) if self.results.exists() else []

    def comparison(self) -> SavedComparison:
        """The one that was saved."""
        (folder,) = self.comparisons()
        return read_comparison(folder)

    def block(self, number: int) -> Path:
        """Waits until the block of this number has begun; gives its folder."""
        found = until(lambda: list(self.results.glob(f"*/blocks/{number:03}-*")), f"block {number}", 60)
        return found[0]

    def process(self, *words: str) -> psutil.Process:
        """The one process of a pipeline whose command line has these words."""

        def found() -> list[psutil.Process]:
            return [each for each in self.left_behind() if set(words) <= set(each.cmdline())]

        return until(found, " ".join(words))[0]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Compare]:
    with Compare(tmp_path) as compare:
        yield compare


# -- the 2 × 2, whole -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_by_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Compare, Ended]]:
    """Four arms, measured once for all tests of this section; with a budget that holds."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "budget.toml").write_text(BUDGET_THAT_HOLDS)
    with Compare(folder) as compare:
        compare.compare("--run", ",".join(FOUR), *SMALL, "--budget", "budget.toml")
        yield compare, compare.ended(ENDS_WITHIN_S)


def test_it_ends_well_and_leaves_no_process(two_by_two: tuple[Compare, Ended]) -> None:
    compare, ended = two_by_two
    assert ended.code == 0, ended.said
    assert compare.left_behind() == []
    assert not list(compare.state.glob("rig-*"))


def test_every_block_was_measured_whole_in_turned_order(two_by_two: tuple[Compare, Ended]) -> None:
    saved = two_by_two[0].comparison()
    assert saved.comparison.status == "complete", saved.comparison.findings
    assert saved.comparison.order == [*FOUR, *reversed(FOUR), *FOUR]
    for arm, blocks in saved.blocks.items():
        for block in blocks:
            assert block.run.plan.arm == arm
            assert (block.run.status, block.run.counts.lost) == ("complete", 0), block.run.reasons
            assert block.run.counts.processed == block.run.counts.created > 100
    assert [block.run.plan.seed for block in saved.blocks["http1"]] == [1, 2, 3]
    created = {arm: [block.run.counts.created for block in blocks] for arm, blocks in saved.blocks.items()}
    assert len({tuple(each) for each in created.values()}) == 1, "all arms of a round are offered the same"


def test_each_arm_is_what_its_name_says(two_by_two: tuple[Compare, Ended]) -> None:
    runs = {arm: blocks[0].run for arm, blocks in two_by_two[0].comparison().blocks.items()}
    said = {arm: (run.plan.protocol, run.plan.store, run.setup.acknowledgement) for arm, run in runs.items()}
    assert said == {
        "http1": ("http1", "redis", "on disk"),
        "http1-memory": ("http1", "memory", "in memory"),
        "websocket-redis": ("websocket", "redis", "on disk"),
        "websocket": ("websocket", "memory", "in memory"),
    }
    assert all((run.cost.redis is not None) == (run.plan.store == "redis") for run in runs.values())


def test_four_arms_give_effects_with_intervals(two_by_two: tuple[Compare, Ended]) -> None:
    effects = two_by_two[0].comparison().comparison.effects
    assert {effect.factor for effect in effects} == {"transport", "store", "interaction"}
    memory = {effect.factor: effect for effect in effects if effect.figure == "memory"}
    assert memory["store"].ratio.high < 1, "without Redis and workers there is less memory"
    assert all(effect.ratio.low <= effect.ratio.estimate <= effect.ratio.high for effect in effects)


def test_the_reports_are_there_and_agree_with_the_comparison(two_by_two: tuple[Compare, Ended]) -> None:
    compare, ended = two_by_two
    saved = compare.comparison()
    names = ("report.html", "report.md", "report.csv", "report.json", "latency.png")
    assert all((saved.path / name).stat().st_size > 1000 for name in names)
    assert all(f"report: {saved.path / name}" in ended.said for name in names)
    report = (saved.path / "report.json").read_bytes()
    comparison = json.loads((saved.path / "comparison.json").read_bytes())
    assert within(comparison, json.loads(report)), "report.json holds comparison.json as it is"
    rows = list(csv.reader(io.StringIO((saved.path / "report.csv").read_text())))
    assert len({len(row) for row in rows}) == 1
    page = (saved.path / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']?https?://""", page)


def within(wanted: Any, document: Any) -> bool:
    """Whether a JSON value stands somewhere in another one."""
    if wanted == document:
        return True
    inside = (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    )
    return any(within(wanted, each) for each in inside)


def test_the_first_line_after_the_measuring_is_about_loss(two_by_two: tuple[Compare, Ended]) -> None:
    lines = [line for line in two_by_two[1].said.splitlines() if not re.match(r"\s+\d+ of 12 runs", line)]
    assert lines[0].startswith("12 blocks of 1 s")
    assert lines[1] == "nothing was lost in 12 blocks"


def test_a_budget_that_is_broken_ends_with_1(two_by_two: tuple[Compare, Ended]) -> None:
    compare, ended = two_by_two
    assert "broken" not in ended.said
    (compare.results.parent / "broken.toml").write_text(BUDGET_THAT_BREAKS)
    compare.compare(compare.comparisons()[0].name, "--budget", "broken.toml", "--format", "json")
    code, said = compare.ended()
    assert code == 1
    assert re.search(r"ratio\.websocket\s+│?\s*memory.*broken", said), said


# -- as a script, another build ---------------------------------------------------------------------------------------


def test_as_a_script_from_elsewhere_with_the_code_of_another_folder(command: Compare, tmp_path: Path) -> None:
    build = copy_of_the_lab(tmp_path / "other")
    script = (str(ROOT / "load_tests" / "compare.py"),)
    command.compare("--run", f"websocket,websocket@{build}", *SMALL, "--format", "md", program=script)
    code, said = command.ended(ENDS_WITHIN_S)
    assert code == 0, said
    saved = command.comparison()
    assert [blocks[0].run.setup.build for blocks in saved.blocks.values()] == ["this folder", "other"]
    (pair,) = saved.comparison.pairs
    assert {line.factor for line in pair.fairness if line.differs} <= {"build", "revision"}
    assert saved.comparison.command.startswith(f"python3 lab.py compare --run websocket,websocket@{build}")
    assert command.left_behind() == []


# -- the end, too early -----------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_blocks_that_were_measured(command: Compare) -> None:
    command.compare("--run", "websocket,http1-memory", *SMALL, "--format", "md")
    command.block(4)
    command.interrupt()
    code, said = command.ended(30)
    assert code == 130, said
    assert "Traceback" not in said
    assert command.left_behind() == []
    saved = command.comparison()
    assert saved.comparison.status == "partial"
    assert saved.comparison.findings[0].startswith("The comparison did not end: it was stopped.")
    assert sum(map(len, saved.blocks.values())) == 3
    assert "The comparison did not end: it was stopped." in (saved.path / "report.md").read_text()


def test_a_pipeline_that_is_killed_keeps_the_other_blocks(command: Compare) -> None:
    command.compare("--run", "http1-memory,websocket", *SMALL, "--format", "md")
    command.block(2)
    command.process("-m", "pipeline_websocket").kill()
    code, said = command.ended(60)
    assert code == 1, said
    assert "Traceback" not in said
    assert command.left_behind() == []
    saved = command.comparison()
    assert saved.comparison.status == "failed"
    assert "websocket" in saved.comparison.findings[0], saved.comparison.findings
    assert saved.blocks["http1-memory"][0].run.status == "complete"
    assert not any(
        line.verdict in ("better", "worse", "tie") for pair in saved.comparison.pairs for line in pair.figures
    )


# -- on a terminal ----------------------------------------------------------------------------------------------------


def test_on_a_terminal_the_time_left_is_shown_and_the_bar_goes(command: Compare) -> None:
    ours, theirs = pty.openpty()
    try:
        started = command.start_on_terminal(theirs, "--run", "websocket", *SMALL, "--format", "md")
        os.close(theirs)
        written = read_all(ours)
    finally:
        os.close(ours)
    assert started.wait(30) == 0, written
    assert re.search(r"block \d of 3, websocket: measuring", written)
    assert re.search(r"about \d+ s left", written)
    screen = last_screen(written)
    assert "left" not in screen, "the bar is gone"
    assert "block" not in screen.partition("nothing was lost")[0].partition("meanwhile")[2]
    for once in ("3 blocks of 1 s", "nothing was lost in 3 blocks", "again: ", "report: "):
        assert screen.count(once) == 1, screen
    assert " runs" not in screen


def read_all(terminal: int) -> str:
    """What is written to a terminal until its last writer closes it."""
    written = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # Linux: nobody has it open any more
            break
        written += part
    return written.decode(errors="replace")


def last_screen(written: str) -> str:
    """What is left on the screen: only what a progress bar does (up, erase the line, back to its start) is obeyed."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", written):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(0, row - int(up[1] or 1))
        elif part and part != "\r" and not CURSOR.fullmatch(part):
            lines[row] += part
    return "\n".join(lines)
