"""The supervisor itself is killed, or told to hurry: nothing stays behind, and the next start finds what did."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.events import read_events
from control_plane.state import read_record
from tests.lab_process import LabProcess, alive, until


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path / "state")
    yield process
    process.close()


def test_orphans_of_a_killed_supervisor_are_ended_by_down(lab: LabProcess) -> None:
    record = lab.up()
    lab.end(signal.SIGKILL)
    assert "redis" in {entry.name for entry in record.processes}
    assert len(alive(record)) == 8, "they outlive their supervisor; else this test shows nothing"
    done = lab.run("down")
    assert "redis" in done.stdout
    assert alive(record) == []


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_up(lab: LabProcess) -> None:
    first = lab.up()
    lab.end(signal.SIGKILL)
    lab.output.unlink()
    second = lab.up()
    assert "ended what an earlier lab left running: redis" in lab.said()
    assert alive(first) == []
    assert len(alive(second)) == 8
    assert second.port_base == first.port_base


@pytest.mark.parametrize("name", ["worker-1", "ingest", "fanout", "websocket", "dashboard", "fleet", "redis"])
def test_every_child_comes_back(lab: LabProcess, name: str) -> None:
    record = lab.up()
    victim = next(entry for entry in record.processes if entry.name == name)
    os.kill(victim.pid, signal.SIGKILL)

    def is_back() -> bool:
        kinds = [event.kind for event in read_events(lab.state_dir / record.run, 0) if event.process == name]
        return kinds[-2:] == ["crashed", "restarted"]

    until(is_back)
    now = read_record(lab.state_dir)
    assert now
    fresh = next(entry for entry in now.processes if entry.name == name)
    assert fresh.pid != victim.pid
    assert fresh.restarts == 1
    assert f"{name} was ended by SIGKILL" in lab.said()
    until(lambda: lab.run("ledger").returncode == 0)


def test_a_second_ctrl_c_ends_everything_at_once(lab: LabProcess) -> None:
    record = lab.up()
    fleet = next(entry for entry in record.processes if entry.name == "fleet")
    os.kill(fleet.pid, signal.SIGSTOP)  # it cannot answer SIGTERM
    lab.process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in lab.said())
    lab.end(signal.SIGINT)
    assert "ending everything at once" in lab.said()
    until(lambda: not alive(record))


def test_ctrl_c_during_the_start_leaves_nothing(lab: LabProcess) -> None:
    import subprocess
    import sys

    with lab.output.open("ab") as output:
        starting = subprocess.Popen(
            [sys.executable, "-m", "control_plane", "up"], env=lab.environ, stdout=output, stderr=output
        )
    until(lambda: (record := read_record(lab.state_dir)) and len(record.processes) > 1)
    record = read_record(lab.state_dir)
    assert record
    starting.send_signal(signal.SIGINT)
    assert starting.wait(30) == 0
    assert alive(record) == []
    assert read_record(lab.state_dir) is None
    assert "Traceback" not in lab.said()
