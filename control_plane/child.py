"""One child process: start it with a log of its own, wait for its end, stop it.

It gets its own session, so that Ctrl-C in the terminal reaches the supervisor alone, which then stops all in order.
Not here: when to start it again (`supervisor.py`).
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.abc

from control_plane.plan import ChildSpec
from control_plane.settings import ROOT
from control_plane.state import ProcessRecord, record_of

STOP_WITHIN_S: Final = 5.0
LOG_LIMIT_BYTES: Final = 20_000_000


class Child:
    """A process of the lab, over all its restarts."""

    def __init__(self, spec: ChildSpec, log_dir: Path) -> None:
        self.spec = spec
        self.log = log_dir / f"{spec.name}.log"
        self.record = ProcessRecord(spec.name, 0, 0.0, list(spec.command), state="stopped")
        self._process: anyio.abc.Process | None = None

    @property
    def name(self) -> str:
        """The child's name."""
        return self.spec.name

    async def spawn(self) -> None:
        """Start the process.

        Raises:
            OSError: The program cannot be run.
        """
        restarts = self.record.restarts
        with self.log.open("ab") as log:
            self._process = await anyio.open_process(
                (*self.spec.launcher, *self.spec.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.spec.environ,
                cwd=ROOT,
                start_new_session=True,
            )
        self.record = record_of(self.name, self._process.pid, list(self.spec.command))
        self.record.restarts = restarts

    async def wait(self) -> int:
        """Wait for the end of the process; what it may have left in its session is killed.

        Returns:
            Its exit code; negative: the signal that ended it.
        """
        assert self._process is not None, "waiting for a child that was not started"
        code = await self._process.wait()
        self.signal(signal.SIGKILL, group=True)
        self._process = None
        return code

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Ask it to end, and insist after `within_s` seconds; returns when it has ended."""
        process = self._process
        if process is None:
            return
        self.signal(signal.SIGTERM)
        # It may be stopped (a fault, or somebody's Ctrl-Z): else it could not hear.
        self.signal(signal.SIGCONT)
        with anyio.move_on_after(within_s):
            await process.wait()
        self.signal(signal.SIGKILL, group=True)
        await process.wait()

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal, to the process or to all of its session; nothing where it does not run."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if group else os.kill)(self._process.pid, number)

    def log_tail(self, lines: int = 5) -> list[str]:
        """The end of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 20_000))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []

    def trim_log(self, limit: int = LOG_LIMIT_BYTES) -> None:
        """Keep the log within about twice `limit` bytes: what is over goes to `<name>.log.1`, once."""
        with suppress(OSError):
            if self.log.stat().st_size > limit:
                self.log.with_suffix(".log.1").write_bytes(self.log.read_bytes()[-limit:])
                os.truncate(self.log, 0)  # the child appends (O_APPEND), so it goes on at the start
