"""One measurement: starts Locust on a target, shows how far it is, gives the run that it saved.

Locust runs in a process of its own: what it costs is then known, and a fault of it is no fault of the caller.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import msgspec
from msgspec import Struct

from load_tests.runs.folder import SavedRun, read_run
from load_tests.target.rig import end_with_parent
from load_tests.target.target import Target
from metrics_core.errors import LabError

_ROOT: Final = Path(__file__).resolve().parents[1]
_LOCUSTFILES: Final = {
    "http1": "pipeline_a_http1.py",
    "http2": "pipeline_a_http2.py",
    "websocket": "pipeline_b_websocket.py",
}
_ENDS_WITHIN_S: Final = 20.0

Tell = Callable[[dict[str, Any]], None]


class Load(Struct, frozen=True):
    """What is offered; see `Plan`."""

    rate_per_s: float = 1000.0
    batch: int = 1
    producers: int = 50
    shape: str = "steady"
    schedule: str = "poisson"
    duration_s: float = 0.0
    warmup_s: float = 2.0
    seed: int = 1
    generators: int = 1


def measure(target: Target, load: Load, folder: Path, tell: Tell) -> SavedRun:
    """Load a target and save what came out.

    Args:
        target: What is loaded.
        load: How.
        folder: Made already, empty: the run's.
        tell: Told how far it is: `{"phase": "measuring", "done": 0.4, …}`.

    Raises:
        LabError: Nothing was measured; the text says why.
        KeyboardInterrupt: The user stopped it; what was measured is in `folder`.
    """
    with NamedTemporaryFile("wb", prefix="lab-target-", suffix=".json") as file:
        file.write(msgspec.json.encode(target))
        file.flush()
        try:
            log = (folder / "locust.log").open("wb")
        except OSError as error:
            raise LabError(f"{folder}: cannot keep a run there ({error.strerror})") from None
        reader, writer = os.pipe()
        with log, _child(_command(target, load, folder, file.name, writer), writer, log) as child:
            problem = _follow(child, reader, tell)
    if problem:
        raise LabError(problem)
    if not (folder / "run.json").exists():
        said = (folder / "locust.log").read_text(errors="replace").strip().splitlines()
        raise LabError(
            f"the generator ended without a result: {' '.join(said[-1:])[:300] or 'it says nothing'}"
        )
    return read_run(folder)


def _command(target: Target, load: Load, folder: Path, target_file: str, writer: int) -> list[str]:
    command = [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("-f", str(_ROOT / "load_tests" / "locustfiles" / _LOCUSTFILES[target.protocol])),
        *("-u", str(load.producers), "-r", str(load.producers), "--json-file", str(folder / "locust")),
        *("--rate", repr(load.rate_per_s), "--batch", str(load.batch), "--shape", load.shape),
        *("--schedule", load.schedule, "--duration", repr(load.duration_s), "--warmup", repr(load.warmup_s)),
        *(
            "--seed",
            str(load.seed),
            "--target",
            target_file,
            "--run-folder",
            str(folder),
            "--tell",
            str(writer),
        ),
    ]
    return command + (_distributed(load.generators) if load.generators > 1 else [])


def _distributed(generators: int) -> list[str]:
    """Several generator processes: they meet on a port of this machine alone, which no other run uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return [
        *("--processes", str(generators), "--expect-workers-max-wait", f"{_ENDS_WITHIN_S:.0f}"),
        *("--master-host", "127.0.0.1", "--master-port", port),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
    ]


@contextmanager
def _child(command: list[str], writer: int, log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Locust; ended, if it still runs, when left."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("LAB_", "LOCUST_"))}
    environ |= {"PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"}
    child = subprocess.Popen(
        command,
        cwd=_ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(writer,),
        start_new_session=True,  # Ctrl-C reaches it through us, once
        preexec_fn=end_with_parent,
    )
    os.close(writer)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _follow(child: subprocess.Popen[bytes], reader: int, tell: Tell) -> str:
    """Pass on what it tells until it ends; gives its problem, if it names one."""
    problem = ""
    with os.fdopen(reader, "rb") as lines:
        try:
            for line in lines:
                said = msgspec.json.decode(line, type=dict[str, Any])
                problem = said.get("error", problem)
                tell(said)
            child.wait(_ENDS_WITHIN_S)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)  # it saves what it has
            with suppress(subprocess.TimeoutExpired):
                child.wait(_ENDS_WITHIN_S)
            raise
        except subprocess.TimeoutExpired:
            return "the generator does not end"
    return problem
