"""One process under test: started from an argument list, ended by its pid, its output kept in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[2]


def clean_environ(**settings: str) -> dict[str, str]:
    """This environment without the user's `LAB_…` settings, and with these."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LAB_")}
    return kept | {"PYTHONPATH": str(ROOT)} | settings


class Child:
    """A process and its log.

    Args:
        name: Its name in logs and errors.
        command: Program and arguments.
        environ: Its whole environment.
        log: File that its output is appended to, over restarts too.
    """

    def __init__(self, name: str, command: list[str], environ: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environ = environ
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def rss_bytes(self) -> int:
        """Its resident memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it like `kill -9`, and wait until it is gone."""
        self._process.kill()
        self._process.wait(10)

    def stop(self, within_s: float = 10.0) -> tuple[int, float]:
        """Ask it to stop (SIGTERM).

        Returns:
            Its exit code, and how many seconds it took.
        """
        self.send(signal.SIGTERM)
        return self.wait(within_s)

    def wait(self, within_s: float = 10.0) -> tuple[int, float]:
        """Wait until it ended.

        Returns:
            Its exit code, and how many seconds it took.
        """
        begun_s = time.monotonic()
        code = self._process.wait(within_s)
        return code, time.monotonic() - begun_s

    def restart(self) -> None:
        """Start it again, as a supervisor does with a process that ended."""
        assert not self.alive, f"{self.name} still runs"
        self._process = self._start()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP), and wait until it stands."""
        self.send(signal.SIGSTOP)
        deadline_s = time.monotonic() + 5
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline_s, f"{self.name} does not stand still"

    def resume(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.alive:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
