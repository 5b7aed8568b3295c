"""The fault routes without a socket: an engine that notes what it is asked, the application called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette

from control_plane.faults.actuators import FaultActive, UnknownFault
from control_plane.faults.catalog import Request
from control_plane.faults.routes import MOST_BYTES, fault_routes
from control_plane.faults.socket import EngineAway, Faults


class Engine:
    """Notes what it is asked; a fault with the id 9 does not exist, `cut` is active already."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def listing(self) -> dict[str, Any]:
        return {"catalog": [], "faults": []}

    async def begin(self, request: Request, by: str) -> dict[str, Any]:
        if request.kind == "cut":
            raise FaultActive("cut is active already")
        self.asked.append((request.kind, request.target, request.grade, request.for_s, request.hidden, by))
        return {"id": 1}

    async def undo(self, fault_id: int) -> dict[str, Any]:
        if fault_id == 9:
            raise UnknownFault("no fault has the id 9")
        self.asked.append(("undo", fault_id))
        return {"id": fault_id}

    async def reveal(self, fault_id: int) -> dict[str, Any]:
        self.asked.append(("reveal", fault_id))
        return {"id": fault_id}

    async def undo_all(self) -> dict[str, Any]:
        self.asked.append("undo all")
        return await self.listing()


class Api:
    """The routes, an engine behind them, and a client."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.away = False
        app = Starlette(routes=[*fault_routes(self.faults)])
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://lab")

    def faults(self) -> Faults:
        if self.away:
            raise EngineAway("this lab has no fault engine")
        return self.engine

    async def post(self, path: str, content: bytes = b"") -> httpx2.Response:
        return await self.client.post(path, content=content)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    yield made
    await made.client.aclose()


async def test_a_fault_is_begun(api: Api) -> None:
    answer = await api.post(
        "/api/faults", b'{"kind": "pause", "target": "redis", "for_s": 3, "hidden": true}'
    )
    assert (answer.status_code, answer.json()) == (201, {"id": 1})
    await api.post("/api/faults", b'{"kind": "delay", "target": "store", "grade": 50}')
    assert api.engine.asked == [
        ("pause", "redis", None, 3, True, "script"),
        ("delay", "store", 50, msgspec.UNSET, False, "script"),
    ]


async def test_who_asks_is_told_to_the_engine(api: Api) -> None:
    for headers in ({"origin": "http://lab"}, {"origin": "http://lab", "lab-by": "class-7b"}):
        body = b'{"kind": "kill", "target": "redis"}'
        assert (await api.client.post("/api/faults", content=body, headers=headers)).status_code == 201
    assert [asked[-1] for asked in api.engine.asked] == ["page", "class-7b"]
    refused = await api.client.post("/api/faults", content=body, headers={"lab-by": "<b>"})
    assert (refused.status_code, refused.json()["error"]) == (422, "schema")
    assert len(api.engine.asked) == 2


async def test_undo_reveal_and_list(api: Api) -> None:
    assert (await api.client.get("/api/faults")).json() == {"catalog": [], "faults": []}
    assert (await api.post("/api/faults/4/undo")).json() == {"id": 4}
    assert (await api.post("/api/faults/4/reveal")).json() == {"id": 4}
    assert (await api.post("/api/faults/undo")).status_code == 200
    assert api.engine.asked == [("undo", 4), ("reveal", 4), "undo all"]


@pytest.mark.parametrize(
    "path, body, status, error",
    [
        ("/api/faults", b"", 422, "schema"),
        ("/api/faults", b"{", 422, "schema"),
        ("/api/faults", b'{"kind": "kill"}', 422, "schema"),
        ("/api/faults", b'{"kind": "cut", "target": "store"}', 409, "conflict"),
        ("/api/faults", b" " * (MOST_BYTES + 1), 413, "too_large"),
        ("/api/faults/9/undo", b"", 404, "not_found"),
        ("/api/faults/one/undo", b"", 404, "not_found"),
        ("/api/faults/-1/reveal", b"", 404, "not_found"),
        ("/api/faults/99999999999999999999/undo", b"", 404, "not_found"),
    ],
)
async def test_what_is_refused(api: Api, path: str, body: bytes, status: int, error: str) -> None:
    answer = await api.post(path, body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["detail"]
    assert api.engine.asked == []


async def test_without_an_engine_it_says_so(api: Api) -> None:
    api.away = True
    for answer in (await api.client.get("/api/faults"), await api.post("/api/faults/undo")):
        assert answer.status_code == 502
        assert answer.json() == {"error": "engine_away", "detail": "this lab has no fault engine"}
