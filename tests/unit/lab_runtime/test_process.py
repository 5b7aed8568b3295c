"""How a process starts and stops: one clear line for what goes wrong, one signal to end in order."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time

import psutil
import pytest

from lab_runtime import process
from lab_runtime.env import Env
from lab_runtime.process import SelfMeter, end_with, now_us, run_async, start
from metrics_core.errors import ConfigError
from tests.support.virtual_time import run_virtually, settle


@pytest.fixture(autouse=True)
def logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "configure_logs", lambda name, log_format: None)


def test_a_fault_of_the_lab_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def body(env: Env, name: str) -> None:
        raise ConfigError("LAB_RATE=x: expected a number")

    with pytest.raises(SystemExit) as ended:
        start("ingest", body)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "ingest: LAB_RATE=x: expected a number\n"


def test_a_taken_port_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def body(env: Env, name: str) -> None:
        raise OSError(errno.EADDRINUSE, "cannot bind 127.0.0.1:8766: address already in use")

    with pytest.raises(SystemExit) as ended:
        start("ingest", body)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "ingest: cannot bind 127.0.0.1:8766: address already in use\n"


def test_any_other_fault_keeps_its_stack() -> None:
    def body(env: Env, name: str) -> None:
        raise OSError(errno.EIO, "a bug or a broken disk")

    with pytest.raises(OSError, match="broken disk"):
        start("ingest", body)


def test_ctrl_c_is_exit_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    def body(env: Env, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        start("ingest", body)
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""


def test_the_name_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setenv("LAB_PROCESS_NAME", "worker-7")
    start("worker", lambda env, name: names.append(name))
    monkeypatch.delenv("LAB_PROCESS_NAME")
    start("worker", lambda env, name: names.append(name))
    assert names == ["worker-7", "worker"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_event(number: signal.Signals) -> None:
    stopped: list[bool] = []

    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await stop.wait()
        stopped.append(True)

    run_async(main)
    assert stopped == [True]


def test_a_task_that_the_process_cannot_do_without_ends_it() -> None:
    async def failing() -> None:
        raise KeyError("a bug")

    async def main() -> None:
        stop = asyncio.Event()
        end_with(asyncio.create_task(failing()), stop)
        async with asyncio.timeout(10):
            await stop.wait()

    run_virtually(main())


def test_a_task_that_is_cancelled_or_done_ends_nothing() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        waiting, done = asyncio.create_task(asyncio.sleep(1000)), asyncio.create_task(asyncio.sleep(0))
        for task in (waiting, done):
            end_with(task, stop)
        await done
        waiting.cancel()
        await settle()
        assert not stop.is_set()

    run_virtually(main())


def test_a_process_measures_itself() -> None:
    meter = SelfMeter("worker-1")
    end_s = time.process_time() + 0.02
    while time.process_time() < end_s:
        pass
    view = meter.observe()
    assert (view.name, view.pid) == ("worker-1", os.getpid())
    assert 0 < view.cpu_percent <= 800
    assert view.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.5)


def test_the_clock_counts_microseconds_since_1970() -> None:
    assert abs(now_us() / 1e6 - time.time()) < 5
