"""Load tests out of the control API: starts `lab.py load … --lines` as a process of its own, and follows its lines.

One at a time. It loads the lab that runs, so that every chart shows it; the run is saved like any other. The process
ends with this one, and is asked to end (SIGINT: it saves what it has) when the run is stopped.
"""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from control_plane.controls.refusals import Conflict, NotAvailable
from control_plane.settings import ROOT
from lab_runtime.env import Env
from lab_runtime.logs import get_logger

MOST_LINE_BYTES: Final = 64 * 1024
STOPS_WITHIN_S: Final = 45.0
"""A run that is stopped waits for what is acknowledged to be processed, and saves itself."""

_ENDS_WITHIN_S: Final = 1.5
_TOLD_BYTES: Final = 2_000
_log = get_logger("load_runs")


class LoadRequest(Struct, forbid_unknown_fields=True):
    """A load test to start."""

    arm: Annotated[Literal["http1", "http2", "websocket"], Meta(description="which way into which pipeline")]
    rate: Annotated[float, Meta(ge=0.1, le=1_000_000, description="samples per second")] = 1_000
    duration_s: Annotated[float, Meta(ge=0.5, le=3_600, description="measured part, in seconds")] = 20


class LoadView(Struct):
    """The load test that runs, or the last one.

    Attributes:
        state: idle: none yet; running; done; failed: `text` says why.
        elapsed_s: Of the measured part.
        sent: Samples made.
        failed: Samples rejected, refused or not answered.
        p50_ms, p99_ms: Of the clock *accepted*, from the intended send time; None: nothing is known yet.
        text: What it does, or what came out.
        run: Name of the saved run's folder; empty: none yet.
        available: Whether one can be started here; else `why_not` says why.
    """

    state: Literal["idle", "running", "done", "failed"] = "idle"
    arm: str = ""
    rate: float = 0.0
    elapsed_s: float = 0.0
    duration_s: float = 0.0
    sent: int = 0
    acked: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    text: str = ""
    run: str = ""
    available: bool = True
    why_not: str = ""


def why_not_here(env: Env) -> str:
    """Why no load test can be started; empty: one can."""
    if env.takes_orders():
        return "in containers load comes from outside: docker compose run --rm compare"
    if env.switch("LAB_TLS"):
        return "the load generators speak no TLS, and this lab runs with --tls"
    if importlib.util.find_spec("locust") is None:
        return "the load generator (locust) is not installed here"
    return ""


class LoadRuns:
    """Starts, follows and stops.

    Args:
        why_not: Why none can be started; empty: it can.
        tell: Told in a sentence when one ends.
        command: What is run before the arm.
    """

    def __init__(
        self,
        why_not: str,
        tell: Callable[[str], Awaitable[object]],
        command: tuple[str, ...] = (sys.executable, "-m", "control_plane", "load"),
    ) -> None:
        self._why_not, self._tell, self._command = why_not, tell, command
        self._view = LoadView(available=not why_not, why_not=why_not)
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None
        self._stopped = False

    def view(self) -> LoadView:
        """The run now."""
        return self._view

    async def start(self, request: LoadRequest) -> LoadView:
        """Start a run; returns when its process has started.

        Raises:
            NotAvailable: None can be started here.
            Conflict: One runs already.
        """
        if self._why_not:
            raise NotAvailable(self._why_not)
        if self._view.state == "running":
            raise Conflict(f"a load test on {self._view.arm} runs already; stop it first")
        self._view = LoadView(
            state="running",
            arm=request.arm,
            rate=request.rate,
            duration_s=request.duration_s,
            text="starting",
        )
        self._stopped = False
        flags = ("--rate", repr(request.rate), "--duration", repr(request.duration_s), "--lines")
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._command, request.arm, *flags),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MOST_LINE_BYTES,
            )
        except OSError as error:
            self._view.state, self._view.text = "failed", f"it cannot be started ({error.strerror})"
            raise NotAvailable(self._view.text) from None
        self._following = asyncio.create_task(self._follow(self._process, self._view))
        return self._view

    async def stop(self) -> LoadView:
        """Ask the run to end; it saves what it has, and is `done` some seconds later.

        Raises:
            Conflict: None runs.
        """
        if self._view.state != "running" or self._following is None:
            raise Conflict("no load test runs")
        if not self._stopped:
            self._stopped = True
            self._view.text = "stopping"
            self._signal(signal.SIGINT)
            insist = asyncio.get_running_loop().call_later(STOPS_WITHIN_S, self._signal, signal.SIGKILL)
            self._following.add_done_callback(lambda _: insist.cancel())
        return self._view

    async def aclose(self) -> None:
        """End what runs, at once: this process ends."""
        if self._following and not self._following.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait({self._following}, timeout=_ENDS_WITHIN_S)
            self._signal(signal.SIGKILL)
            self._following.cancel()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _follow(self, process: asyncio.subprocess.Process, view: LoadView) -> None:
        """Read the lines of a run to its end."""
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(_tail(process.stderr))
        over, begun_s = False, 0.0
        try:
            async for line in process.stdout:
                said = _decoded(line)
                if said.get("phase") == "measuring":
                    begun_s = begun_s or time.monotonic()
                over = _take(view, said, begun_s) or over
        except ValueError:  # a line over the limit
            _log.warning("load_line_too_long")
        code = await process.wait()
        last_words = await errors
        if over:
            view.state, view.elapsed_s = "done", min(view.elapsed_s, view.duration_s)
        else:
            view.state = "failed"
            view.text = "stopped before anything was measured" if self._stopped else last_words
            view.text = view.text or f"the load test ended with exit code {code}"
        await self._tell(f"load test {view.arm} is over: {view.text}")


def _take(view: LoadView, said: dict[str, Any], begun_s: float) -> bool:
    """Take one line into the view; gives whether it is the last one, with the result."""
    view.sent = int(said.get("created", view.sent))
    view.acked = int(said.get("acked", view.acked))
    view.failed = int(said.get("failed", view.failed))
    if view.acked:
        view.p50_ms = said.get("accepted_p50_ms", view.p50_ms)
        view.p99_ms = said.get("accepted_p99_ms", view.p99_ms)
    if begun_s:
        view.elapsed_s = round(min(view.duration_s, time.monotonic() - begun_s), 1)
    phase = said.get("phase")
    if phase != "over":
        view.text = str(phase or view.text)
        return False
    view.run, view.text = str(said.get("run", "")), str(said.get("text", ""))[:500]
    return True


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


async def _tail(reader: asyncio.StreamReader) -> str:
    """The last line of what a process says, reading all of it so that it never waits."""
    kept = b""
    while piece := await reader.read(4_096):
        kept = (kept + piece)[-_TOLD_BYTES:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
