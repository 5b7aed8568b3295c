"""A whole lab as a child process of a test: `python -m control_plane up` in a state folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from control_plane.ports import free_block
from control_plane.state import LabRecord, find, read_record
from tests.support.ports import first_port

ROOT: Final = Path(__file__).resolve().parent.parent
FIRST_PORT: Final = 19_000
WITHIN_S: Final = 40.0


def until(holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Wait for a condition; fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class LabProcess:
    """Runs commands of the lab against one state folder and one block of ports."""

    def __init__(self, state_dir: Path, **environ: str) -> None:
        self.state_dir = state_dir
        self.port_base = free_block("127.0.0.1", first_port(FIRST_PORT))
        kept = {name: text for name, text in os.environ.items() if not name.startswith("LAB_")}
        self.environ = kept | {
            "LAB_STATE_DIR": str(state_dir),
            "LAB_PORT_BASE": str(self.port_base),
            "LAB_SERVERS": "10",
            "LAB_RATE": "5",
            "LAB_OPEN": "off",
            "PYTHONPATH": str(ROOT),
            **environ,
        }
        self.output = state_dir.with_name(f"{state_dir.name}-output.txt")
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "control_plane", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self, *arguments: str) -> LabRecord:
        """Start `up` and wait until the lab is up."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "control_plane", "up", *arguments],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "the lab is up" in self.said() or self.process.poll() is not None)
        record = read_record(self.state_dir)
        assert record, self.said()
        return record

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        assert self._process, "not started"
        return self._process

    def said(self) -> str:
        """What `up` printed."""
        return self.output.read_text() if self.output.exists() else ""

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the supervisor and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)

    def kill(self, name: str) -> None:
        """SIGKILL one of its processes."""
        record = read_record(self.state_dir)
        assert record
        (found,) = [process for entry in record.processes if entry.name == name and (process := find(entry))]
        found.kill()

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(WITHIN_S)
        self.run("down")


def alive(record: LabRecord) -> list[psutil.Process]:
    """The processes of a lab that still run."""
    return [process for entry in record.processes if (process := find(entry))]
