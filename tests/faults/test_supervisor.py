"""The supervisor with children that are really killed. The children are a few lines of Python, or the real Valkey.

Long because: every way in which a child ends has its own test, and they share one bench.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
import pytest
import redis.asyncio

from control_plane import child as child_module
from control_plane import supervisor as supervisor_module
from control_plane.child import Child
from control_plane.events import Event, EventLog
from control_plane.plan import ChildSpec, Probe, make_plan
from control_plane.readiness import Prober
from control_plane.settings import Settings
from control_plane.state import find
from control_plane.supervisor import StartFailed, Supervisor
from lab_runtime import valkey

WITHIN_S = 15.0
SLEEPER = "import time; time.sleep(600)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
TELLS_ITS_END = """
import signal, sys, time
def end(*_):
    with open({file!r}, "a") as file: file.write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
WITH_GRANDCHILD = """
import subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(inner.pid, flush=True)
time.sleep(600)
"""


class Bench:
    """A supervisor over children made of Python texts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[Event] = []
        self.changes = 0
        self.events: EventLog
        self.supervisor: Supervisor

    def spec(self, name: str, text: str, probe: Probe = None) -> ChildSpec:
        return ChildSpec(name, (sys.executable, "-c", text), dict(os.environ), probe)

    def says_up(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def look() -> bool:
            log = self.folder / f"{name}.log"
            return log.exists() and "up" in log.read_text()

        return look

    @asynccontextmanager
    async def running(self, *stages: list[ChildSpec]) -> AsyncIterator[Supervisor]:
        (self.folder / "events.jsonl").touch()
        self.events = EventLog(self.folder, lambda: 0, self.heard.append)

        def on_change() -> None:
            self.changes += 1

        async with Prober() as prober:
            children = [[Child(spec, self.folder) for spec in stage] for stage in stages]
            self.supervisor = Supervisor(children, self.events, prober, on_change)
            async with anyio.create_task_group() as group:
                try:
                    await self.supervisor.start(group)
                    yield self.supervisor
                finally:
                    with anyio.CancelScope(shield=True):
                        await self.supervisor.stop()

    async def until(self, holds: Callable[[], object]) -> None:
        with anyio.fail_after(WITHIN_S):
            while not holds():
                await anyio.sleep(0.01)

    def kinds(self, process: str) -> list[str]:
        return [event.kind for event in self.heard if event.process == process]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_S", 0.05)
    return Bench(tmp_path)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_killed_child_comes_back_and_says_so(bench: Bench) -> None:
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor:
        child = supervisor.child("one")
        first = child.record.pid
        os.kill(first, signal.SIGKILL)
        await bench.until(lambda: "restarted" in bench.kinds("one"))
        assert child.record.pid != first
        assert child.record.restarts == 1
        assert bench.kinds("one") == ["ready", "crashed", "restarted"]
        assert "was ended by SIGKILL" in bench.heard[1].text
    assert gone(child.record.pid)
    assert child.record.state == "stopped"


async def test_the_pause_grows_with_every_crash(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "LONGEST_PAUSE_S", 0.2)
    async with bench.running([bench.spec("one", "raise SystemExit(1)")]):
        await bench.until(lambda: bench.kinds("one").count("crashed") >= 5)
    pauses = [event.text.split(" in ")[1] for event in bench.heard if event.kind == "crashed"]
    assert pauses[:5] == ["0.05 s", "0.1 s", "0.2 s", "0.2 s", "0.2 s"]


async def test_a_long_healthy_child_starts_with_a_short_pause_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "HEALTHY_AFTER_S", 0.0)
    async with bench.running([bench.spec("one", "raise SystemExit(1)")]):
        await bench.until(lambda: bench.kinds("one").count("crashed") >= 4)
    assert {event.text.split(" in ")[1] for event in bench.heard if event.kind == "crashed"} == {"0.05 s"}


async def test_a_hurried_child_is_started_at_once_and_with_a_short_pause_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "LONGEST_PAUSE_S", 600.0)
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_S", 100.0)
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor:
        child = supervisor.child("one")
        for _ in range(2):
            child.signal(signal.SIGKILL)
            await bench.until(lambda: child.record.state == "backoff")
            supervisor.hurry("one")
            await bench.until(lambda: child.record.state == "ready")
    assert [event.text.split(" in ")[1] for event in bench.heard if event.kind == "crashed"] == [
        "100 s",
        "100 s",
    ]


async def test_watchers_see_each_state_and_the_process_that_is_in_it(bench: Bench) -> None:
    seen: list[tuple[str, int]] = []
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor:
        supervisor.watchers.append(lambda child: seen.append((child.record.state, child.record.pid)))
        first = supervisor.child("one").record.pid
        supervisor.child("one").signal(signal.SIGKILL)
        await bench.until(lambda: "restarted" in bench.kinds("one"))
        second = supervisor.child("one").record.pid
        await bench.until(lambda: len(seen) == 3)
    assert seen[:3] == [("backoff", first), ("starting", second), ("ready", second)]


async def test_a_child_that_is_stopped_is_woken_to_end_in_order(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "ends"
    text = TELLS_ITS_END.format(file=str(file), name="one")
    async with bench.running([bench.spec("one", text, bench.says_up("one"))]) as supervisor:
        supervisor.child("one").signal(signal.SIGSTOP)
    assert file.read_text() == "one\n"


async def test_a_launcher_is_not_seen_once_it_has_started_the_program(bench: Bench) -> None:
    command = (sys.executable, "-c", SLEEPER)
    spec = ChildSpec("one", command, dict(os.environ), None, valkey.LAUNCHER)
    async with bench.running([spec]) as supervisor:
        record = supervisor.child("one").record
        await bench.until(lambda: psutil.Process(record.pid).cmdline() == list(command))
        assert find(record) is not None
        ignored = next(
            line
            for line in Path(f"/proc/{record.pid}/status").read_text().splitlines()
            if line.startswith("SigIgn")
        )
        assert int(ignored.split()[1], 16) >> (signal.SIGXFSZ - 1) & 1


async def test_stages_stop_in_reverse(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "ends"
    stages = [
        [bench.spec(name, TELLS_ITS_END.format(file=str(file), name=name), bench.says_up(name))]
        for name in ("store", "pipeline", "fleet")
    ]
    async with bench.running(*stages):
        pass
    assert file.read_text().split() == ["fleet", "pipeline", "store"]
    assert "crashed" not in {event.kind for event in bench.heard}


async def test_a_child_that_ignores_sigterm_is_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module.Child.stop, "__defaults__", (0.2,))
    async with bench.running([bench.spec("one", STUBBORN, bench.says_up("one"))]) as supervisor:
        pid = supervisor.child("one").record.pid
    assert gone(pid)


async def test_what_a_child_started_goes_with_it(bench: Bench) -> None:
    async with bench.running([bench.spec("one", WITH_GRANDCHILD)]) as supervisor:
        child = supervisor.child("one")
        await bench.until(child.log_tail)
        first = int(child.log_tail()[0])
        assert not gone(first)
        child.signal(signal.SIGKILL)
        await bench.until(lambda: gone(first))
        await bench.until(lambda: len(child.log_tail()) == 2)
        second = int(child.log_tail()[1])
    await bench.until(lambda: gone(second))


async def test_a_setting_that_a_child_refuses_ends_the_start_with_its_words(bench: Bench) -> None:
    text = "import sys; print('one: LAB_RATE=x: expected a number', file=sys.stderr); sys.exit(2)"

    async def never() -> bool:
        return False

    with pytest.RaisesGroup(pytest.RaisesExc(StartFailed, match="LAB_RATE=x: expected a number")):
        async with bench.running([bench.spec("one", text, never)]):
            pytest.fail("it started")


async def test_a_child_that_never_gets_ready_ends_the_start(bench: Bench) -> None:
    async def never() -> bool:
        return False

    with pytest.RaisesGroup(pytest.RaisesExc(StartFailed, match="one ended with exit code 3")):
        async with bench.running([bench.spec("one", "raise SystemExit(3)", never)]):
            pytest.fail("it started")
    assert bench.kinds("one").count("crashed") == supervisor_module.TRIES_AT_START - 1


async def test_a_child_that_is_too_slow_ends_the_start_and_does_not_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "START_WITHIN_S", 0.2)

    async def never() -> bool:
        return False

    with pytest.RaisesGroup(pytest.RaisesExc(StartFailed, match="one is not ready after")):
        async with bench.running([bench.spec("one", SLEEPER, never)]):
            pytest.fail("it started")
    assert gone(bench.supervisor.child("one").record.pid)


async def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    spec = ChildSpec("one", ("/nowhere/program",), {}, None)
    with pytest.RaisesGroup(pytest.RaisesExc(StartFailed, match="one cannot be started")):
        async with bench.running([spec]):
            pytest.fail("it started")


async def test_everything_can_be_ended_at_once(bench: Bench) -> None:
    async with bench.running([bench.spec("one", STUBBORN), bench.spec("two", STUBBORN)]) as supervisor:
        pids = [child.record.pid for child in supervisor.children]
        supervisor.kill_all()
        await bench.until(lambda: all(gone(pid) for pid in pids))
    assert "crashed" not in {event.kind for event in bench.heard}


async def test_every_change_is_reported_for_the_state_file(bench: Bench) -> None:
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor:
        before = bench.changes
        supervisor.child("one").signal(signal.SIGKILL)
        await bench.until(lambda: "restarted" in bench.kinds("one"))
        await bench.until(lambda: bench.changes >= before + 3)  # backoff, starting, ready


def test_a_log_is_trimmed_in_place(tmp_path: Path) -> None:
    child = Child(ChildSpec("one", ("x",), {}), tmp_path)
    with child.log.open("ab") as writer:  # as a child holds it
        writer.write(b"a" * 1000)
        writer.flush()
        child.trim_log(limit=100)
        writer.write(b"b")
    assert child.log.read_bytes() == b"b"
    assert child.log.with_suffix(".log.1").read_bytes() == b"a" * 100
    child.trim_log(limit=100)
    assert child.log.read_bytes() == b"b"


async def test_a_killed_valkey_comes_back_with_all_that_was_acked(bench: Bench, tmp_path: Path) -> None:
    settings = Settings.from_environ({"LAB_STATE_DIR": str(tmp_path / "state"), "LAB_RUN": "r"})
    settings.run_dir.mkdir(parents=True)
    plan = make_plan(settings)
    async with bench.running(list(plan.stages[0])) as supervisor:
        valkey = supervisor.child("redis")
        async with redis.asyncio.from_url(plan.redis_url) as client:
            for number in range(200):
                await client.rpush("written", number)
            assert (await client.config_get("appendfsync"))["appendfsync"] == "always"
        valkey.signal(signal.SIGKILL)
        await bench.until(lambda: "restarted" in bench.kinds("redis"))
        async with redis.asyncio.from_url(plan.redis_url) as client:
            assert await client.llen("written") == 200
        command_line = " ".join(psutil.Process(valkey.record.pid).cmdline())
        assert str(settings.run_dir / "valkey.conf") in command_line  # it must be findable as an orphan


async def test_a_child_is_added_and_taken_away_while_the_lab_runs(bench: Bench) -> None:
    async with bench.running([bench.spec("one", SLEEPER)], [bench.spec("last", SLEEPER)]) as supervisor:
        two = Child(bench.spec("two", SLEEPER), bench.folder)
        before = bench.changes
        await supervisor.add(two, before="one")
        assert [child.name for child in supervisor.children] == ["two", "one", "last"]
        assert two.record.state == "ready"
        os.kill(two.record.pid, signal.SIGKILL)
        await bench.until(lambda: "restarted" in bench.kinds("two"))
        pid = two.record.pid
        await supervisor.remove("two")
        assert [child.name for child in supervisor.children] == ["one", "last"]
        assert gone(pid)
        assert two.record.state == "stopped"
        assert bench.changes > before
        assert bench.kinds("two").count("crashed") == 1, "its end by request is no crash"
        again = Child(bench.spec("two", SLEEPER), bench.folder)
        await supervisor.add(again, before="one")
        assert again.record.state == "ready"
    assert gone(again.record.pid)


async def test_a_child_that_waits_to_be_started_again_is_taken_away_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_S", 60.0)
    async with bench.running([bench.spec("one", SLEEPER), bench.spec("two", SLEEPER)]) as supervisor:
        os.kill(supervisor.child("two").record.pid, signal.SIGKILL)
        await bench.until(lambda: "crashed" in bench.kinds("two"))
        with anyio.fail_after(WITHIN_S):
            await supervisor.remove("two")
        assert [child.name for child in supervisor.children] == ["one"]


async def test_a_child_that_does_not_get_ready_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "START_WITHIN_S", 0.5)
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor:
        two = Child(bench.spec("two", SLEEPER, bench.says_up("two")), bench.folder)
        with pytest.raises(StartFailed, match="two is not ready"):
            await supervisor.add(two, before="one")
        await supervisor.remove("two")
        assert [child.name for child in supervisor.children] == ["one"]


async def test_the_lab_stops_while_a_child_is_added(bench: Bench) -> None:
    async with bench.running([bench.spec("one", SLEEPER)]) as supervisor, anyio.create_task_group() as group:
        two = Child(bench.spec("two", SLEEPER, bench.says_up("two")), bench.folder)

        async def add() -> None:
            with pytest.raises(StartFailed):
                await supervisor.add(two, before="one")

        group.start_soon(add)
        await bench.until(lambda: two.record.pid)
        await supervisor.stop()
    assert gone(two.record.pid)
