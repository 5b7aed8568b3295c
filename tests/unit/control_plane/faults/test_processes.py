"""Signals to children that are only names; the store says what the test wants."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from control_plane.faults.processes import LOOKS_FOR_S, ProcessFaults
from metrics_core.errors import LabError
from tests.support.virtual_time import run_virtually

KILL, STOP, CONT, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM


class Children:
    """A supervisor of children that note their signals."""

    def __init__(self, *names: str) -> None:
        self.signals: list[tuple[str, signal.Signals]] = []
        self.hurried: list[str] = []
        self.children = [self._child(name) for name in names]

    def _child(self, name: str) -> Any:
        record = SimpleNamespace(state="ready", pid=1)
        return SimpleNamespace(
            name=name, record=record, signal=lambda number: self.signals.append((name, number))
        )

    def child(self, name: str) -> Any:
        return next(child for child in self.children if child.name == name)

    def hurry(self, name: str) -> None:
        self.hurried.append(name)


class Jobs:
    """Says which worker holds a job, from the n-th look on."""

    def __init__(self, worker: str, looks: int) -> None:
        self.worker, self.looks = worker, looks
        self.watched: list[object] = []

    async def held_by(self, worker: str) -> str | None:
        self.looks -= 1
        return "job" if self.looks < 0 and worker == self.worker else None

    def watch(self, kind: str, target: str, job_ids: set[str]) -> None:
        self.watched.append((kind, target, job_ids))


def faults_on(children: Children, jobs: Jobs | None = None) -> ProcessFaults:
    return ProcessFaults(children, jobs or Jobs("", 0))  # type: ignore[arg-type]


def begin(faults: ProcessFaults, kind: str, target: str) -> Any:
    return run_virtually(faults.begin(kind, target, None, None))


def test_targets() -> None:
    faults = faults_on(Children("redis", "worker-1", "worker-2"))
    assert faults.targets("kill") == ["redis", "worker-1", "worker-2"]
    assert faults.targets("kill-mid-batch") == ["worker-1", "worker-2", "worker"]
    assert not faults.why_not("kill-mid-batch")
    lonely = faults_on(Children("redis"))
    assert lonely.targets("kill-mid-batch") == []
    assert "without workers" in lonely.why_not("kill-mid-batch")


@pytest.mark.parametrize("kind, sent", [("kill", [KILL]), ("restart", [TERM, CONT])])
def test_what_ends_a_process_leaves_no_long_pause_behind(kind: str, sent: list[signal.Signals]) -> None:
    children = Children("redis")
    assert begin(faults_on(children), kind, "redis") is None
    assert children.signals == [("redis", number) for number in sent]
    assert children.hurried == ["redis"]


def test_a_pause_is_undone() -> None:
    children = Children("redis")
    undo = begin(faults_on(children), "pause", "redis")
    assert children.signals == [("redis", STOP)]
    run_virtually(undo())
    assert children.signals == [("redis", STOP), ("redis", CONT)]
    assert children.hurried == []


@pytest.mark.parametrize("kind", ["kill", "pause", "restart", "kill-mid-batch"])
def test_what_does_not_run_cannot_be_broken(kind: str) -> None:
    children = Children("worker-1")
    children.child("worker-1").record.state = "backoff"
    with pytest.raises(LabError, match="worker-1 does not run at the moment"):
        begin(faults_on(children), kind, "worker-1")
    assert children.signals == []


def test_a_worker_is_stopped_again_and_again_until_it_holds_a_batch() -> None:
    children, jobs = Children("worker-1", "worker-2"), Jobs("worker-2", 4)
    begin(faults_on(children, jobs), "kill-mid-batch", "worker")
    assert jobs.watched == [("kill-mid-batch", "worker", {"job"})]
    assert children.signals[-3:] == [("worker-2", STOP), ("worker-2", KILL), ("worker-2", CONT)]
    assert [name for name, number in children.signals if number == KILL] == ["worker-2"]
    for name in ("worker-1", "worker-2"):
        numbers = [number for who, number in children.signals if who == name]
        assert numbers.count(STOP) == numbers.count(CONT), "none may be left standing"


def test_an_idle_worker_is_left_alone_after_a_while() -> None:
    children, jobs = Children("worker-1"), Jobs("nobody", 0)
    with pytest.raises(LabError, match=f"held no batch within {LOOKS_FOR_S:g} s"):
        begin(faults_on(children, jobs), "kill-mid-batch", "worker-1")
    assert KILL not in [number for _, number in children.signals]
    assert children.signals[-1] == ("worker-1", CONT)
