"""The audit log: who asked for what, and how it was answered; nothing secret, nothing without bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control_plane.controls import trail as trail_module
from control_plane.controls.trail import FILE_NAME, AuditTrail, Trail


async def answer(request: Request) -> Response:
    if request.url.path == "/api/fails":
        raise RuntimeError("inner")
    return Response(await request.body(), 201)


def client(folder: Path) -> tuple[httpx2.AsyncClient, Trail]:
    paths = ("/api/knobs", "/api/fails", "/page")
    app = Starlette(routes=[Route(path, answer, methods=["GET", "POST"]) for path in paths])
    trail = Trail(folder, lambda: 7)
    transport = httpx2.ASGITransport(app=AuditTrail(app, trail), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1"), trail


def entries(folder: Path) -> list[dict[str, Any]]:
    path = folder / FILE_NAME
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_change_is_recorded_with_who_when_and_what(tmp_path: Path) -> None:
    asking, _ = client(tmp_path)
    headers = {"origin": "http://127.0.0.1", "authorization": "Bearer secret"}
    said = await asking.post("/api/knobs?token=secret", content=b'{"workers": 4}', headers=headers)
    assert (said.status_code, said.content) == (201, b'{"workers": 4}'), "what passes by is not changed"
    await asking.post("/api/knobs")
    first, second = entries(tmp_path)
    assert first == {
        "at_us": 7,
        "who": {"address": "127.0.0.1", "by": "page"},
        "method": "POST",
        "path": "/api/knobs",
        "asked": {"workers": 4},
        "status": 201,
    }
    assert (second["who"]["by"], second["asked"]) == ("script", None)
    assert "secret" not in (tmp_path / FILE_NAME).read_text()


async def test_reading_and_other_paths_are_not_recorded(tmp_path: Path) -> None:
    asking, _ = client(tmp_path)
    await asking.get("/api/knobs")
    await asking.head("/api/knobs")
    await asking.post("/page")
    assert entries(tmp_path) == []


async def test_refusals_faults_of_ours_and_nonsense_are_recorded(tmp_path: Path) -> None:
    asking, _ = client(tmp_path)
    await asking.post("/api/none", content=b"nobody reads it")
    await asking.post("/api/knobs", content=b"\xff\xfe")
    await asking.post("/api/fails", content=b"x" * 100_000)
    missing, nonsense, failed = entries(tmp_path)
    assert (missing["status"], missing["asked"]) == (404, None)
    assert (nonsense["status"], nonsense["asked"]) == (201, "\ufffd\ufffd")
    assert failed["status"] == 500


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_module, "MOST_BYTES", 1_000)
    trail = Trail(tmp_path, lambda: 7)
    for _ in range(100):
        trail.add({"by": "page"}, "POST", "/api/knobs", b"{}", 200)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) <= {FILE_NAME, f"{FILE_NAME}.1"}
    assert sum(sizes.values()) < 3_000


def test_a_folder_that_cannot_be_written_costs_the_record_only(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "none", lambda: 7)
    for _ in range(3):
        trail.add({}, "POST", "/api/knobs", b"{}", 200)
    assert trail.failed == 3
