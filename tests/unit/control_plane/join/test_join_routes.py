"""Joining over HTTP, in process: answers, refusals, what the event log and the audit log keep, and the switch."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from control_plane.api import ControlApi
from control_plane.controls.trail import FILE_NAME
from lab_runtime.env import Env
from lab_runtime.tokens import JOIN_KIND, sign

MASTER = "the lab's own token"


class Desk:
    """A control API without a lab behind it, and one who asks."""

    def __init__(self, folder: Path, **settings: str) -> None:
        (folder / "r").mkdir(exist_ok=True)
        self.folder = folder / "r"
        environ = {"LAB_RUN": "r", "LAB_STATE_DIR": str(folder), "LAB_PORT_BASE": "9000", **settings}
        self.api = ControlApi(Env(environ), "dashboard")
        self.told: list[tuple[str, str, str]] = []

        async def tell(kind: str, process: str, text: str) -> None:
            self.told.append((kind, process, text))

        self.api._joining._tell = tell
        transport = httpx2.ASGITransport(app=self.api.app(), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:9000")

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = await self.client.post(path, json=body, headers=named)
        return answer.status_code, answer.json()

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=headers)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path, LAB_JOIN_MOST="2")
    yield made
    await made.client.aclose()


def account(joined: dict[str, Any], made: int = 0) -> dict[str, Any]:
    return {"producer": joined["producer"], "epoch": joined["epoch"], "made": made}


async def test_a_phone_joins_reports_and_leaves(desk: Desk) -> None:
    status, joined = await desk.post("/api/join", {"name": "anna"})
    assert (status, joined["producer"], joined["most_rate"]) == (201, "phone-anna", 10)
    assert joined["ingest"] == {
        "http_redis": "http://127.0.0.1:9001/v1/samples",
        "websocket": "ws://127.0.0.1:9003/v1/ingest",
    }
    assert (await desk.get("/api/join")).json()["joined"] == 1
    key = joined["key"]
    report = account(joined, 4) | {"http_redis": {"acked": [[0, 3]]}}
    status, reported = await desk.post("/api/join/report", report, lab_phone=key)
    assert (status, reported["at_us"] >= joined["at_us"]) == (200, True)
    assert (await desk.post("/api/join/leave", account(joined, 5), lab_phone=key))[0] == 200
    assert (await desk.get("/api/join")).json()["joined"] == 0
    assert desk.told == [
        ("phone", "phone-anna", "joined as a server"),
        ("phone", "phone-anna", "left after 5 samples"),
    ]
    assert (await desk.post("/api/join/report", report, lab_phone=key))[0] == 404


async def test_refusals_are_clear_sentences(desk: Desk) -> None:
    for name in ("anna", "ben"):
        assert (await desk.post("/api/join", {"name": name}))[0] == 201
    status, refusal = await desk.post("/api/join", {"name": "anna"})
    assert (status, refusal["error"]) == (409, "name_in_use")
    status, refusal = await desk.post("/api/join", {"name": "cleo"})
    assert (status, refusal["error"]) == (409, "join_full")
    bodies: tuple[Any, ...] = ({}, {"name": 1}, {"name": "a b"}, {"name": "x", "more": 1}, [])
    for body in bodies:
        status, refusal = await desk.post("/api/join", body)
        assert (status, refusal["error"]) == (422, "schema"), body
    status, refusal = await desk.post("/api/join", {"name": "dora"}, lab_phone="short")
    assert (status, refusal["detail"]) == (422, "lab-phone: expected 16 to 64 characters")


async def test_keys_and_reports_get_into_no_log(desk: Desk) -> None:
    _, joined = await desk.post("/api/join", {"name": "anna"})
    await desk.post("/api/join/report", account(joined, 1), lab_phone=joined["key"])
    await desk.post("/api/join/leave", account(joined, 1), lab_phone=joined["key"])
    written = (desk.folder / FILE_NAME).read_text()
    assert [json.loads(line)["path"] for line in written.splitlines()] == ["/api/join", "/api/join/leave"]
    assert joined["key"] not in written


async def test_the_switch_sends_all_away_and_outlives_the_process(desk: Desk, tmp_path: Path) -> None:
    _, joined = await desk.post("/api/join", {"name": "anna"})
    status, state = await desk.post("/api/join/switch", {"on": False})
    assert (status, state["on"], state["joined"]) == (200, False, 0)
    status, refusal = await desk.post("/api/join/report", account(joined, 2), lab_phone=joined["key"])
    assert (status, refusal["error"]) == (403, "join_off")
    assert (await desk.post("/api/join", {"name": "ben"}))[1]["error"] == "join_off"
    assert desk.told[-1] == ("control", "lab", "phones may not join; 1 sent away")
    again = Desk(tmp_path)
    assert (await again.get("/api/join")).json()["on"] is False
    await again.post("/api/join/switch", {"on": True})
    assert (await desk.get("/api/join")).json()[
        "on"
    ] is False  # each process asks the file once, at its start
    assert (await Desk(tmp_path, LAB_JOIN="off").get("/api/join")).json()["on"] is True
    await again.client.aclose()


async def test_off_from_the_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path, LAB_JOIN="off")
    assert (await desk.get("/api/join")).json()["on"] is False
    assert (await desk.post("/api/join", {"name": "anna"}))[0] == 403
    await desk.client.aclose()


async def test_on_loopback_there_is_a_link_and_no_code(desk: Desk) -> None:
    state = (await desk.get("/api/join")).json()
    assert (state["url"], state["beyond"]) == ("http://127.0.0.1:9000/join", False)
    assert "--host 0.0.0.0" in state["why_not"]
    assert (await desk.get("/api/join.svg")).status_code == 422


async def test_beyond_loopback_the_code_stands_for_the_link(tmp_path: Path) -> None:
    desk = Desk(tmp_path, LAB_HOST="0.0.0.0", LAB_TOKEN=MASTER, LAB_TLS="on")
    named = {"authorization": f"Bearer {MASTER}", "host": "192.168.1.5:9000"}
    state = (await desk.get("/api/join", **named)).json()
    assert (state["beyond"], state["why_not"]) == (True, "")
    assert state["url"].startswith(f"https://192.168.1.5:9000/join#token={JOIN_KIND}.")
    code = await desk.get("/api/join.svg", **named)
    assert code.headers["content-type"] == "image/svg+xml"
    assert MASTER not in state["url"]
    await desk.client.aclose()


async def test_a_token_for_joining_opens_these_doors_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, LAB_TOKEN=MASTER)
    token = {"authorization": f"Bearer {sign(MASTER, 9_999_999_999, JOIN_KIND)}"}
    status, joined = await desk.post("/api/join", {"name": "anna"}, **token)
    assert (status, joined["token"].partition(".")[0]) == (201, JOIN_KIND)
    named = token | {"lab_phone": joined["key"]}
    assert (await desk.post("/api/join/report", account(joined), **named))[0] == 200
    assert (await desk.post("/api/join/switch", {"on": False}, **token))[0] == 401
    for path in ("/api/join.svg", "/api/lab", "/api/events", "/api/audit", "/api/knobs"):
        assert (await desk.get(path, **token)).status_code == 401, path
    await desk.client.aclose()


async def test_the_page_may_talk_to_the_ingest_and_to_nobody_else(desk: Desk) -> None:
    page = await desk.get("/join")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self' http://127.0.0.1:9001 ws: wss:;" in policy
    assert "script-src 'self';" in policy
    assert page.headers["x-frame-options"] == "DENY"
    other = await desk.get("/")
    assert ":9001" not in other.headers["content-security-policy"]
