"""Progress on a terminal and without one; the terminal is a string, the clock is told."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import count

import pytest
from rich.console import Console

from load_tests import progress
from load_tests.measure import Load
from load_tests.progress import Steps, shown

CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ERASE_LINE = "\x1b[2K"


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(
        file=file, force_terminal=terminal, width=110, color_system=None, legacy_windows=False
    ), file


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two seconds pass between any two looks at it."""
    ticks = count(0, 2)

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return float(next(ticks))

    monkeypatch.setattr(progress, "time", Clock)
    return iter(())


def three_of_four(drawn: Console) -> None:
    with Steps(drawn, 4) as steps:
        for number in range(1, 4):
            tell = steps.step(f"block {number} of 4, http1")
            tell({"phase": "warming up", "done": 0.9})
            tell({"phase": "measuring", "done": 0.5, "acked": 1, "created": 2})
            tell({"phase": "saved", "done": 1.0})
            steps.finished()
            drawn.print(f"seen after {number}")


def test_on_a_terminal_the_bar_is_drawn_and_gone_at_the_end() -> None:
    drawn, file = console(terminal=True)
    three_of_four(drawn)
    written = file.getvalue()
    assert "block 3 of 4, http1: " in written
    assert re.search(r"about \d+ s left", written)
    last = written.rpartition("seen after 3")[2]
    assert last.endswith(ERASE_LINE), "the bar's line is erased"
    for number in range(1, 4):
        assert written.count(f"seen after {number}") == 1
    assert " runs" not in written


def test_in_a_file_there_is_one_plain_line_a_run() -> None:
    drawn, file = console(terminal=False)
    three_of_four(drawn)
    assert file.getvalue().splitlines() == [
        line for number in range(1, 4) for line in (f"  {number} of 4 runs", f"seen after {number}")
    ]


def left_of(steps: Steps) -> str:
    return str(steps._progress.tasks[0].fields["left"])


def test_the_time_left_follows_from_what_is_done() -> None:
    drawn, _ = console(terminal=True)
    steps = Steps(drawn, 4)  # the clock shows 0
    tell = steps.step("block 1")  # 2
    assert left_of(steps) == "", "nothing is known yet"
    tell({"phase": "warming up", "done": 1.0})  # 4
    assert left_of(steps) == "", "a warm-up is no part of the share"
    tell({"phase": "measuring", "done": 0.5})  # 6 s for an eighth
    assert left_of(steps) == "about 42 s left"
    steps.finished()
    steps.step("block 2")  # 8 s for a quarter
    assert left_of(steps) == "about 24 s left"


def test_the_bar_goes_when_the_work_fails() -> None:
    drawn, file = console(terminal=True)

    def stopped() -> None:
        with Steps(drawn, 2) as steps:
            steps.step("block 1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert file.getvalue().endswith(ERASE_LINE)


@pytest.mark.parametrize("terminal", [True, False])
def test_one_run(terminal: bool) -> None:
    drawn, file = console(terminal=terminal)
    with shown(drawn, "http1", Load(duration_s=2.0)) as tell:
        tell({"phase": "connecting", "done": 0.5})
        tell({"phase": "measuring", "done": 0.5, "created": 2000, "acked": 1999})
    written = file.getvalue()
    if terminal:
        assert "http1: measuring" in written
        assert "1,999 of 2,000 acknowledged" in written
        assert written.endswith(ERASE_LINE)
    else:
        assert CURSOR.sub("", written) == ""


@pytest.mark.parametrize(
    "arm", ["http1 (noise of this machine)", "http1@/home/somebody/some/where/other-clone"]
)
def test_on_a_narrow_terminal_a_long_name_leaves_room_for_the_bar_and_the_time(arm: str) -> None:
    file = io.StringIO()
    drawn = Console(file=file, force_terminal=True, width=80, color_system=None, legacy_windows=False)
    with Steps(drawn, 60) as steps:
        for _ in range(20):
            steps.finished()
        steps.step(f"block 21 of 60, {arm}")({"phase": "measuring", "done": 0.5})
        steps._progress.refresh()
        line = CURSOR.sub("", file.getvalue().rpartition("\r")[2])
    assert len(line) <= 80
    assert line.startswith("block 21 of 60, http1")
    assert "━━" in line
    assert re.search(r"34% about \d+ s left", line)


def test_minutes_are_told_as_minutes() -> None:
    assert [progress._left(seconds) for seconds in (3, 119, 120, 400)] == [
        "about 3 s left", "about 119 s left", "about 2 min left", "about 7 min left",
    ]  # fmt: skip
