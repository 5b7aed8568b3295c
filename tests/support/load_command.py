"""`load` and `locust` as child processes of a test, with results, state and ports of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

import psutil

from control_plane.ports import free_block
from load_tests.runs.folder import SavedRun, read_run
from load_tests.target.target import Target, read_target
from tests.support.child import ROOT, clean_environ
from tests.support.waiting import until

FIRST_PORT: Final = 28_000
_MARK: Final = "STARTED_BY_TEST"
_ENDS_WITHIN_S: Final = 60.0


class Ended(NamedTuple):
    """A command that ended: its exit code, and all that it wrote."""

    code: int
    said: str


class LoadCommand:
    """Runs `load` or `locust`; nothing of it is left afterwards, whatever the test did.

    Args:
        folder: An empty folder.
        environ: Variables on top of this environment without its `LAB_…`.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.results, self.state = folder / "results", folder / "state"
        self.said_in = folder / "said.txt"
        self._mark = str(folder)  # every process below inherits it
        self._environ = (
            clean_environ(
                LAB_STATE_DIR=str(self.state),
                LAB_PORT_BASE=str(free_block("127.0.0.1", FIRST_PORT)),
                COLUMNS="200",
            )
            | environ
            | {_MARK: self._mark}
        )
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> LoadCommand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process in self.left_behind():
            process.kill()
        for started in self._started:
            started.wait(_ENDS_WITHIN_S)

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        return self._started[-1]

    # -- running -----------------------------------------------------------------------------------------------------

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `load` in a process group of its own."""
        return self.start_program(
            sys.executable, "-m", "control_plane", "load", *arguments, "--results", str(self.results)
        )

    def start_locust(self, protocol_file: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start plain `locust` with one of the lab's files."""
        file = ROOT / "load_tests" / "locustfiles" / protocol_file
        command = [sys.executable, "-m", "locust", "-f", str(file), "--results", str(self.results)]
        return self.start_program(*command, *arguments)

    def start_program(self, *command: str) -> subprocess.Popen[bytes]:
        """Start any program; what it says is kept with the rest."""
        with self.said_in.open("ab") as said:
            started = subprocess.Popen(
                command,
                env=self._environ,
                cwd=self.said_in.parent,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self._started.append(started)
        return self._process

    def run(self, *arguments: str) -> Ended:
        """Run `load` to its end."""
        self.start(*arguments)
        return self.ended()

    def run_locust(self, protocol_file: str, *arguments: str) -> Ended:
        """Run plain `locust --headless` to its end."""
        self.start_locust(protocol_file, "--headless", "--only-summary", *arguments)
        return self.ended()

    def ended(self, within_s: float = _ENDS_WITHIN_S) -> Ended:
        """Wait for the end of what was started last."""
        return Ended(self._process.wait(within_s), self.said())

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT for the whole process group, as a terminal sends it."""
        os.killpg(self._process.pid, signal.SIGINT)

    # -- looking -----------------------------------------------------------------------------------------------------

    def said(self) -> str:
        """All that was written so far."""
        return self.said_in.read_text(errors="replace") if self.said_in.exists() else ""

    def target(self) -> Target:
        """What the Locust of this command loads; waits until there is one."""

        def found() -> Target | None:
            for process in self.left_behind():
                try:
                    command = process.cmdline()
                except psutil.Error:
                    continue
                if "--target" in command:
                    return read_target(Path(command[command.index("--target") + 1]))
            assert self._process.poll() is None, self.said()
            return None

        return until(found, "Locust runs")  # type: ignore[return-value]  # until gives what is true

    def saved(self) -> SavedRun:
        """The one run that was saved, read back with all checks."""
        (folder,) = [path for path in self.results.iterdir() if path.is_dir()]
        return read_run(folder)

    def left_behind(self) -> list[psutil.Process]:
        """Processes that this command started and that still run."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found
