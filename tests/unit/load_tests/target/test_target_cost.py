"""The bill of processes: what was used between two looks, exact in sum, and no entry made up for one that ended.

`ProcessMeter` is held against a real child process: its source is the kernel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from load_tests.target import cost
from load_tests.target.cost import ProcessMeter, RedisMeter, Usage, _split, disk_flushes

seconds = st.floats(0, 1e6)


@given(seconds, seconds, seconds, seconds, seconds, seconds)
def test_user_and_system_add_up_to_the_exact_time(
    exact: float, user: float, system: float, more: float, more_user: float, more_system: float
) -> None:
    first = Usage(exact, user, system, 0, 0, 0)
    last = Usage(exact + more, user + more_user, system + more_system, 0, 0, 0)
    in_user, in_system = _split(first, last)
    assert in_user + in_system == pytest.approx(last.exact_s - first.exact_s, abs=1e-9)
    assert in_user >= -1e-9
    assert in_system >= -1e-6 * (1 + more)


def test_less_than_a_tick_is_user_time() -> None:
    assert _split(Usage(1.0, 0.5, 0.5, 0, 0, 0), Usage(1.004, 0.5, 0.5, 0, 0, 0)) == pytest.approx(
        (0.004, 0.0)
    )


WORKS_WHEN_ASKED = """
import sys, time
print('ready', flush=True)
for line in sys.stdin:
    until = time.thread_time() + float(line)
    while time.thread_time() < until:
        pass
    print('done', flush=True)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process that uses as much processor time as it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKS_WHEN_ASKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def work(child: subprocess.Popen[str], seconds: float) -> None:
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{seconds}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def test_the_bill_is_what_was_used_between_begin_and_the_last_look(child: subprocess.Popen[str]) -> None:
    meter = ProcessMeter({"child": child.pid})
    work(child, 0.05)
    meter.begin()
    work(child, 0.04)
    meter.look()
    work(child, 0.05)
    (bill,) = meter.bill()
    assert bill.name == "child"
    assert bill.user_s + bill.system_s == pytest.approx(0.04, abs=0.015)
    assert bill.rss_bytes > 2_000_000
    assert bill.switches_voluntary + bill.switches_involuntary >= 1
    meter.look()
    (bill,) = meter.bill()
    assert bill.user_s + bill.system_s == pytest.approx(0.09, abs=0.02)


def test_a_process_that_ended_is_gone_even_before_its_parent_notices(child: subprocess.Popen[str]) -> None:
    meter = ProcessMeter({"child": child.pid, "this": os.getpid()})
    meter.begin()
    work(child, 0.01)
    meter.look()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped: a zombie
    assert set(meter.look()) == {"this"}
    assert meter.gone == ["child"]
    assert {bill.name for bill in meter.bill()} == {"child", "this"}, "what it used until the last look"
    assert all(bill.rss_bytes > 2_000_000 for bill in meter.bill())


def test_a_process_that_ended_before_the_bill_begins_is_not_on_it(child: subprocess.Popen[str]) -> None:
    """It was seen alive in the warm-up."""
    meter = ProcessMeter({"child": child.pid})
    meter.look()
    child.kill()
    child.wait()
    meter.begin()
    meter.look()
    assert (meter.bill(), meter.gone) == ([], ["child"])
    assert ProcessMeter({"child": child.pid}).gone == ["child"]


def test_time_of_threads_that_ended_is_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler tells of living threads only; the ticks know of all."""
    monkeypatch.setattr(cost, "_scheduled_s", lambda pid: 0.0)
    seen = cost.usage(psutil.Process())
    assert seen is not None
    assert seen.exact_s == seen.user_s + seen.system_s > 0


class FakeRedis:
    """Answers INFO from a list."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)

    def info(self, section: str) -> dict[str, Any]:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def counters(commands: int, execs: int | None, aof: int) -> dict[str, Any]:
    info: dict[str, Any] = {
        "total_commands_processed": commands,
        "total_net_input_bytes": 10 * commands,
        "total_net_output_bytes": 5 * commands,
        "aof_current_size": aof,
    }
    return info | ({"cmdstat_exec": {"calls": execs}} if execs is not None else {})


def metered(*answers: dict[str, Any] | Exception) -> Any:
    meter: Any = RedisMeter("")
    meter._client = FakeRedis(*answers)
    return meter


def test_redis_counts_between_begin_and_bill() -> None:
    meter = metered(counters(100, None, 500), counters(150, 7, 900))
    meter.begin()
    bill = meter.bill()
    assert (bill.commands, bill.transactions, bill.input_bytes, bill.output_bytes) == (50, 7, 500, 250)
    assert (bill.aof_bytes, bill.flushes) == (400, None)


def test_a_file_that_was_rewritten_meanwhile_has_not_shrunk_the_bill() -> None:
    meter = metered(counters(1, 0, 5_000), counters(2, 0, 100))
    meter.begin()
    assert meter.bill().aof_bytes == 0


@pytest.mark.parametrize(
    "answers", [(counters(1, 0, 0), redis.ConnectionError()), (OSError(), counters(1, 0, 0))]
)
def test_a_redis_that_cannot_be_asked_has_no_bill(answers: tuple[Any, ...]) -> None:
    meter = metered(*answers)
    meter.begin()
    assert meter.bill() is None


def test_without_a_redis_nothing_is_asked() -> None:
    meter = RedisMeter("")
    meter.begin()
    assert meter.bill() is None
    assert meter.unfinished() is None


def test_flushes_of_a_folder_that_is_not_there_are_unknown() -> None:
    assert disk_flushes("/nowhere/at/all") is None
