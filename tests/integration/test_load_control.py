"""Load tests out of the control API: real processes with scripted lines. A real run is in `test_controls_live.py`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from control_plane.controls import load_runs as load_runs_module
from control_plane.controls.http import decode
from control_plane.controls.load_runs import LoadRequest, LoadRuns, why_not_here
from control_plane.controls.refusals import Conflict, NotAvailable
from lab_runtime.env import Env
from load_tests.generator.options import MOST_RATE_PER_S
from metrics_core.errors import SchemaViolation

WITHIN_S = 40.0
MEASURES = """
import json, sys, time
def tell(**said): print(json.dumps(said), flush=True)
assert sys.argv[1:] == ["http1", "--rate", "500.0", "--duration", "4.0", "--lines"], sys.argv
tell(phase="connecting", done=0.5)
tell(phase="measuring", done=0.5, created=100, acked=90, failed=10, accepted_p50_ms=2.5, accepted_p99_ms=9.0)
{then}
"""
ENDS = """
print("not a line of ours", flush=True)
sys.stdin.read()
tell(phase="over", done=1.0, created=200, acked=190, failed=10, run="a-run", status="complete",
     text="nothing was lost", accepted_p50_ms=3.0, accepted_p99_ms=8.0)
"""
WAITS = """
try:
    time.sleep(600)
except KeyboardInterrupt:
    tell(phase="over", done=1.0, created=100, acked=90, failed=10, run="a-part", text="stopped after 1 of 4 s")
"""
FAILS = """
print("much ado", file=sys.stderr)
sys.exit("Error: no lab runs here")
"""
STUBBORN = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
tell(phase="measuring", done=0.6, created=101, acked=101, failed=0)
time.sleep(600)
"""


class Bench:
    """Runs whose process is a script, and what they told."""

    def __init__(self, then: str) -> None:
        self.told: list[str] = []
        command = (sys.executable, "-c", MEASURES.replace("{then}", then))
        self.runs = LoadRuns("", self._tell, command)

    async def _tell(self, text: str) -> None:
        self.told.append(text)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(then: str) -> AsyncIterator[Bench]:
    bench = Bench(then)
    try:
        await bench.runs.start(LoadRequest("http1", 500.0, 4.0))
        yield bench
    finally:
        await bench.runs.aclose()


async def test_a_run_is_followed_to_its_end() -> None:
    async with running(ENDS) as bench:
        view = bench.runs.view
        assert view().state == "running"
        await bench.until(lambda: view().state == "done")
        done = view()
        assert (done.arm, done.rate, done.duration_s, done.run) == ("http1", 500.0, 4.0, "a-run")
        assert (done.sent, done.acked, done.failed, done.p50_ms, done.p99_ms) == (200, 190, 10, 3.0, 8.0)
        await bench.until(lambda: bench.told)
        assert bench.told == ["load test http1 is over: nothing was lost"]
        with pytest.raises(Conflict, match="no load test runs"):
            await bench.runs.stop()


async def test_while_it_runs_its_progress_is_seen_and_no_other_starts() -> None:
    async with running(WAITS) as bench:
        await bench.until(lambda: bench.runs.view().acked == 90)
        view = bench.runs.view()
        assert (view.state, view.text, view.p50_ms, view.p99_ms) == ("running", "measuring", 2.5, 9.0)
        with pytest.raises(Conflict, match="runs already"):
            await bench.runs.start(LoadRequest("http2"))
        assert (await bench.runs.stop()).text == "stopping"
        await bench.until(lambda: bench.runs.view().state == "done")
        assert (bench.runs.view().run, bench.runs.view().text) == ("a-part", "stopped after 1 of 4 s")
    async with running(ENDS) as bench:  # and another one can follow
        await bench.until(lambda: bench.runs.view().state == "done")


async def test_a_run_that_fails_says_why() -> None:
    async with running(FAILS) as bench:
        await bench.until(lambda: bench.runs.view().state == "failed")
        assert bench.runs.view().text == "Error: no lab runs here"


async def test_one_that_does_not_stop_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_runs_module, "STOPS_WITHIN_S", 0.1)
    async with running(STUBBORN) as bench:
        await bench.until(lambda: bench.runs.view().acked == 101)
        await bench.runs.stop()
        await bench.until(lambda: bench.runs.view().state == "failed")


async def test_it_ends_with_whoever_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_runs_module, "_ENDS_WITHIN_S", 0.2)
    async with running(STUBBORN) as bench:
        await bench.until(lambda: bench.runs.view().acked == 101)
        process = bench.runs._process
        assert process
    await bench.until(lambda: not psutil.pid_exists(process.pid))


async def test_a_program_that_is_not_there() -> None:
    bench = Bench(ENDS)
    bench.runs._command = ("/no/such/program",)
    with pytest.raises(NotAvailable, match="cannot be started"):
        await bench.runs.start(LoadRequest("http1"))
    assert bench.runs.view().state == "failed"


async def test_where_none_can_run_the_reason_is_told() -> None:
    for environ, why in (({"LAB_TLS": "on"}, "no TLS"), ({"LAB_FAULTS": "inside"}, "containers")):
        reason = why_not_here(Env(environ))
        assert why in reason
        runs = LoadRuns(reason, Bench(ENDS)._tell)
        assert (runs.view().available, runs.view().why_not) == (False, reason)
        with pytest.raises(NotAvailable):
            await runs.start(LoadRequest("http1"))
    assert why_not_here(Env({})) == ""


def test_the_bounds_are_those_of_the_load_tests() -> None:
    assert decode(b'{"arm": "http1", "rate": %d}' % MOST_RATE_PER_S, LoadRequest).rate == MOST_RATE_PER_S
    with pytest.raises(SchemaViolation):
        decode(b'{"arm": "http1", "rate": %d}' % (MOST_RATE_PER_S + 1), LoadRequest)
