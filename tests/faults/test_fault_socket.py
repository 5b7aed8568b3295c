"""The engine's socket, with real connections and actors that only note what they are told."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from control_plane.events import EventLog
from control_plane.faults import socket as socket_module
from control_plane.faults.actuators import Undo
from control_plane.faults.catalog import Request
from control_plane.faults.engine import FaultEngine
from control_plane.faults.socket import LINE_LIMIT_BYTES, EngineAway, FarEngine, engine_of, listening
from control_plane.state import LabRecord, record_of, write_record
from lab_runtime.process import now_us
from metrics_core.errors import LabError, RemoteFault


class Actor:
    """Pauses a, b and c."""

    kinds = frozenset({"pause"})

    def targets(self, kind: str) -> list[str]:
        return ["a", "b", "c"]

    def why_not(self, kind: str) -> str:
        return ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        async def undo() -> None:
            return None

        return undo


class Healer:
    """All is well at once."""

    async def before(self, kind: str, target: str) -> object:
        return None

    async def until_well(self, kind: str, target: str, before: object) -> None:
        return None


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[FarEngine]:
    events = EventLog(folder, now_us, lambda _: None)
    path = folder / "faults.sock"
    async with FaultEngine([Actor()], Healer(), events, now_us) as engine, listening(engine, path):
        yield FarEngine(path)


async def raw(path: Path, line: bytes) -> bytes:
    """What comes back for a line, until the engine closes or answers."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(line)
        with anyio.fail_after(30):
            return await reader.readline()
    except OSError:
        return b""  # reset
    finally:
        writer.transport.abort()


async def test_every_call_comes_through_and_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as far:
        found = await far.begin(Request("pause", "a", for_s=0), "cli")
        assert (found["id"], found["state"], found["by"], found["for_s"]) == (1, "active", "cli", None)
        assert (await far.begin(Request("pause", "b"), "cli"))["for_s"] == 10
        assert (await far.undo(1))["state"] == "over"
        assert [fault["state"] for fault in (await far.undo_all())["faults"]] == ["over", "over"]
        assert (await far.begin(Request("pause", "c", hidden=True), "cli"))["kind"] == "?"
        assert (await far.reveal(3))["kind"] == "pause"
        assert len((await far.listing())["faults"]) == 3


async def test_refusals_come_back_as_they_were_said(tmp_path: Path) -> None:
    async with serving(tmp_path) as far:
        await far.begin(Request("pause", "a"), "cli")
        for request, status, error in (
            (Request("pause", "a"), 409, "conflict"),
            (Request("pause", "z"), 422, "schema"),
            (Request("kill", "a"), 422, "schema"),
        ):
            with pytest.raises(RemoteFault) as refused:
                await far.begin(request, "cli")
            assert (refused.value.status, refused.value.error) == (status, error)
            assert refused.value.detail
        with pytest.raises(RemoteFault) as refused:
            await far.undo(99)
        assert refused.value.status == 404


async def test_it_is_for_its_owner_alone_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "faults.sock"
    async with serving(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()
    with pytest.raises(EngineAway, match="does the lab run"):
        await FarEngine(path).listing()


@pytest.mark.parametrize(
    "line",
    [b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"do": "fly"}\n', b'{"do": "begin"}\n', b'{"do": "list", "x": 1}\n'],
)
async def test_nonsense_is_refused_and_the_next_line_is_read(tmp_path: Path, line: bytes) -> None:
    async with serving(tmp_path) as far:
        answer = json.loads(await raw(tmp_path / "faults.sock", line))
        assert (answer["error"], answer["status"]) == ("schema", 422)
        assert (await far.listing())["faults"] == []


async def test_a_line_without_end_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as far:
        assert await raw(tmp_path / "faults.sock", b"a" * (4 * LINE_LIMIT_BYTES)) == b""
        assert (await far.listing())["faults"] == []


async def test_who_says_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "IDLE_S", 0.05)
    async with serving(tmp_path):
        assert await raw(tmp_path / "faults.sock", b"") == b""


async def test_an_engine_that_says_nothing_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "ANSWERS_WITHIN_S", 0.05)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(mute, tmp_path / "faults.sock")
    async with server:
        with pytest.raises(EngineAway, match="TimeoutError"):
            await FarEngine(tmp_path / "faults.sock").listing()


async def test_the_lab_stops_while_somebody_is_connected(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with serving(tmp_path):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "faults.sock")
            writer.write(b'{"do": "list"}\n')
            assert b"catalog" in await reader.readline()
        assert await reader.read() == b""
        writer.close()


async def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    events = EventLog(tmp_path, now_us, lambda _: None)
    async with FaultEngine([Actor()], Healer(), events, now_us) as engine:
        with pytest.raises(LabError, match="the fault engine cannot listen there"):
            async with listening(engine, tmp_path / "none" / "faults.sock"):
                pytest.fail("it listens")


def test_the_engine_of_a_run_is_found_by_the_state_folder(tmp_path: Path) -> None:
    with pytest.raises(EngineAway):
        engine_of(tmp_path, "r")
    record = LabRecord("r", record_of("lab", 1, []), "127.0.0.1", 9000, {}, faults_socket=str(tmp_path / "s"))
    write_record(tmp_path, record)
    assert isinstance(engine_of(tmp_path, "r"), FarEngine)
    with pytest.raises(EngineAway):
        engine_of(tmp_path, "another")
