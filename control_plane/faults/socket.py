"""How other processes of the lab reach the engine: a Unix socket in the run's folder, for the lab's own user alone.

One JSON object a line, each way. Asked: `{"do": "list" | "begin" | "undo" | "reveal" | "undo_all", …}`, and of the
lab's keeper (`controls/keeper.py`) `{"do": "kept" | "keep" | "remember" | "tell", …}`. Answered: `{"result": …}`, or
`{"error": …, "detail": …, "status": …}` as on the wire. One connection at a time does one thing after the other; both
ends wait a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from control_plane.controls.keeper import Keeper
from control_plane.faults.actuators import FaultRefused
from control_plane.faults.catalog import Request
from control_plane.faults.engine import BEGIN_WITHIN_S, FaultEngine
from control_plane.state import read_record
from metrics_core.errors import LabError, RemoteFault

LINE_LIMIT_BYTES: Final = 4_096
ANSWER_LIMIT_BYTES: Final = 4 * 2**20
ANSWERS_WITHIN_S: Final = BEGIN_WITHIN_S + 4.0
IDLE_S: Final = 60.0


class Faults(Protocol):
    """A fault engine, near or far: what the routes and the commands need of it."""

    async def listing(self) -> dict[str, Any]:
        """`GET /api/faults`."""

    async def begin(self, request: Request, by: str) -> dict[str, Any]:
        """Begin a fault; gives its record."""

    async def undo(self, fault_id: int) -> dict[str, Any]:
        """End a fault's effect; gives its record."""

    async def reveal(self, fault_id: int) -> dict[str, Any]:
        """Make a hidden fault known; gives its record."""

    async def undo_all(self) -> dict[str, Any]:
        """End all; gives the listing."""


class EngineAway(RemoteFault):
    """No engine answers: the lab does not run here, or is stopping."""

    error, status = "engine_away", 502


class _Told(RemoteFault):
    """What the engine refused, as it said it."""

    def __init__(self, error: str, detail: str, status: int) -> None:
        self.error, self.status = error, status
        super().__init__(detail)


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """One line to the supervisor's process: what to do, and what that needs."""

    do: str
    id: int = 0
    by: str = ""
    request: Request | None = None
    knob: str = ""
    value: int | str = ""
    values: dict[str, int | str] = {}
    kind: str = ""
    process: str = ""
    text: str = ""


class _Answer(msgspec.Struct):
    result: dict[str, Any] | None = None
    error: str = ""
    detail: str = ""
    status: int = 0


@asynccontextmanager
async def listening(engine: FaultEngine, path: Path, keeper: Keeper | None = None) -> AsyncIterator[None]:
    """Serve an engine, and the lab's keeper, on a socket.

    Raises:
        LabError: The socket cannot be had.
    """
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            with suppress(OSError, ValueError, asyncio.CancelledError):  # ValueError: a line over the limit
                await _converse(engine, keeper, reader, writer)
        finally:
            conversations.discard(task)
            writer.transport.abort() if not writer.is_closing() else None

    try:
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(converse, path, limit=LINE_LIMIT_BYTES, start_serving=False)
        path.chmod(0o600)
        await server.start_serving()
    except OSError as error:
        raise LabError(f"{path}: the fault engine cannot listen there ({error.strerror or error})") from None
    try:
        yield
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        with suppress(OSError):
            path.unlink(missing_ok=True)


async def _converse(
    engine: FaultEngine, keeper: Keeper | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        async with asyncio.timeout(IDLE_S):
            line = await reader.readline()
        if not line:
            writer.close()
            return
        writer.write(msgspec.json.encode(await _answer(engine, keeper, line)) + b"\n")
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await writer.drain()


async def _answer(engine: FaultEngine, keeper: Keeper | None, line: bytes) -> _Answer:
    try:
        ask = msgspec.json.decode(line, type=Ask)
        return _Answer(result=await _do(engine, keeper, ask))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        refused = FaultRefused(str(error))
        return _Answer(error=refused.error, detail=refused.detail, status=refused.status)
    except RemoteFault as fault:
        return _Answer(error=fault.error, detail=fault.detail, status=fault.status)


async def _do(engine: FaultEngine, keeper: Keeper | None, ask: Ask) -> dict[str, Any]:
    match ask.do:
        case "list":
            return await engine.listing()
        case "begin" if ask.request is not None:
            return await engine.begin(ask.request, ask.by)
        case "undo":
            return await engine.undo(ask.id)
        case "reveal":
            return await engine.reveal(ask.id)
        case "undo_all":
            return await engine.undo_all()
        case "kept" if keeper:
            return msgspec.structs.asdict(await keeper.kept())
        case "keep" if keeper:
            return msgspec.structs.asdict(await keeper.keep(ask.knob, ask.value))
        case "remember" if keeper:
            return msgspec.structs.asdict(await keeper.remember(ask.values))
        case "tell" if keeper:
            return await keeper.tell(ask.kind, ask.process, ask.text)
    raise FaultRefused(f"do: {ask.do:.20} is nothing that the engine does")


def engine_of(state_dir: Path, run: str) -> FarEngine:
    """The engine of a run.

    Raises:
        EngineAway: That run is not under `up` in this state folder.
    """
    record = read_record(state_dir)
    if record is None or record.run != run or not record.faults_socket:
        raise EngineAway("this lab has no fault engine")
    return FarEngine(Path(record.faults_socket))


class FarEngine:
    """The engine as seen from another process; each call is a connection of its own.

    Args:
        path: Its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def listing(self) -> dict[str, Any]:
        """`GET /api/faults`."""
        return await self.call(Ask("list"))

    async def begin(self, request: Request, by: str) -> dict[str, Any]:
        """Begin a fault; gives its record."""
        return await self.call(Ask("begin", by=by, request=request))

    async def undo(self, fault_id: int) -> dict[str, Any]:
        """End a fault's effect; gives its record."""
        return await self.call(Ask("undo", id=fault_id))

    async def reveal(self, fault_id: int) -> dict[str, Any]:
        """Make a hidden fault known; gives its record."""
        return await self.call(Ask("reveal", id=fault_id))

    async def undo_all(self) -> dict[str, Any]:
        """End all; gives the listing."""
        return await self.call(Ask("undo_all"))

    async def call(self, ask: Ask) -> dict[str, Any]:
        """Ask, and give what is answered; raises `RemoteFault`."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                line = await self._exchange(msgspec.json.encode(ask) + b"\n")
            answer = msgspec.json.decode(line, type=_Answer)
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError; no JSON is a ValueError
            raise EngineAway(f"no fault engine answers ({type(error).__name__}); does the lab run?") from None
        if answer.result is None:
            raise _Told(answer.error, answer.detail, answer.status)
        return answer.result

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=ANSWER_LIMIT_BYTES)
        try:
            writer.write(line)
            return await reader.readline()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
