"""The controls over HTTP, in process: the fleet is a function, keeper and fault engine note what they are told.

Long because: every route is tried on one and the same stand-in lab.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from control_plane.api import ControlApi
from control_plane.controls.doors import PipelineDoor
from control_plane.controls.keeper import Kept
from control_plane.controls.refusals import NotDone
from control_plane.faults.catalog import Request as FaultRequest
from control_plane.faults.socket import EngineAway
from fake_servers.orders import ORDERS
from lab_runtime.env import Env

KNOBS_OF_FLEET = {"rate_factor": 1, "batch": 1, "transport": "twin", "replay": "on", "servers": 50}


class Stand:
    """A control API whose parts are stand-ins; all that they are told is in `told`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "r").mkdir()
        settings = {"LAB_RUN": "r", "LAB_STATE_DIR": str(folder), "LAB_PORT_BASE": "9000"}
        self.api = ControlApi(Env(settings), "dashboard")
        self.api._fleet = httpx2.AsyncClient(transport=httpx2.MockTransport(self.fleet))
        transport = httpx2.ASGITransport(app=self.api.app(), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:9000")
        self.told: list[Any] = []
        self.remembered: dict[str, Any] = {}
        self.fleet_says: tuple[int, Any] | None = None
        self.knobs_of_fleet: dict[str, Any] = dict(KNOBS_OF_FLEET)
        self.knobs_of_b: dict[str, Any] = {"ring_capacity": 512, "compression": "off"}
        self.own: dict[str, Any] = {"workers": 2, "fsync": "always"}
        self.why_not = {"workers": "", "fsync": ""}
        self.fails_at = ""
        self.paused: dict[str, Any] = {"id": 3, "kind": "pause", "target": "redis", "state": "active"}
        self.away = False
        monkeypatch.setattr(self.api._controls, "_keeper", self.keeper)
        monkeypatch.setattr(self.api._controls._board, "_keeper", self.keeper)
        monkeypatch.setattr(self.api._controls, "_faults", lambda: self)

        async def ask(_: PipelineDoor, change: dict[str, Any]) -> dict[str, Any]:
            if self.fails_at == "pipeline_b" and change:
                raise NotDone("pipeline B does not answer")
            if change:
                self.told.append(("pipeline_b", change))
            self.knobs_of_b |= change
            return dict(self.knobs_of_b)

        monkeypatch.setattr(PipelineDoor, "ask", ask)

    def keeper(self) -> Any:
        if self.away:
            raise EngineAway("no fault engine answers")
        return self

    def fleet(self, request: httpx2.Request) -> httpx2.Response:
        if self.fleet_says:
            return httpx2.Response(self.fleet_says[0], json=self.fleet_says[1])
        if request.url.path == "/metrics":
            text = 'lab_servers{pipeline="fleet"} 50.0\nlab_http_redis_waiting{pipeline="fleet"} 7.0\n'
            return httpx2.Response(200, text=text)
        if request.method == "POST":
            self.told.append((request.url.path, json.loads(request.content)))
        if request.url.path == "/api/fleet":
            if request.method == "POST":
                self.knobs_of_fleet |= json.loads(request.content)
            ranges = {"batch": {"low": 1, "high": 64}}
            return httpx2.Response(200, json=self.knobs_of_fleet | {"ranges": ranges, "rate": 1})
        return httpx2.Response(200, json={"affected": 1} if request.method == "POST" else {"name": "web-01"})

    async def kept(self) -> Kept:
        return Kept(dict(self.own), self.why_not)

    async def keep(self, knob: str, value: int | str) -> Kept:
        if self.fails_at == knob:
            raise NotDone(f"{knob} does not move")
        self.told.append((knob, value))
        self.own[knob] = value
        return await self.kept()

    async def remember(self, values: dict[str, Any]) -> Kept:
        self.remembered |= values
        return await self.kept()

    async def tell(self, kind: str, process: str, text: str) -> dict[str, Any]:
        self.told.append((kind, process, text))
        return {"id": 1, "at_us": 5, "kind": kind, "process": process, "text": text}

    async def begin(self, request: FaultRequest, by: str) -> dict[str, Any]:
        self.told.append((request.kind, request.target, request.for_s, by))
        return {"id": 3, "kind": request.kind}

    async def listing(self) -> dict[str, Any]:
        return {"faults": [self.paused]}

    async def undo(self, fault_id: int) -> dict[str, Any]:
        self.told.append(("undo", fault_id))
        return {"id": fault_id, "state": "over"}

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = await self.client.post(path, content=content)
        return answer.status_code, answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        answer = await self.client.get(path)
        return answer.status_code, answer.json()


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    made = Stand(tmp_path, monkeypatch)
    yield made
    await made.client.aclose()


def by_name(answer: dict[str, Any]) -> dict[str, Any]:
    return {knob["name"]: knob for knob in answer["knobs"]}


async def test_all_knobs_are_read_where_they_are(stand: Stand) -> None:
    status, answer = await stand.get("/api/knobs")
    knobs = by_name(answer)
    assert status == 200
    assert {name: knob["value"] for name, knob in knobs.items()} == {
        **KNOBS_OF_FLEET,
        "workers": 2,
        "ring_capacity": 512,
        "compression": "off",
        "fsync": "always",
    }
    assert all(knob["available"] for knob in knobs.values())


async def test_a_part_that_is_away_takes_only_its_own_knobs_with_it(stand: Stand) -> None:
    stand.fleet_says, stand.away = (500, {}), True
    knobs = by_name((await stand.get("/api/knobs"))[1])
    assert (knobs["batch"]["available"], knobs["batch"]["why_not"]) == (False, "the fleet answers 500")
    assert knobs["workers"]["why_not"] == "no fault engine answers"
    assert knobs["ring_capacity"]["available"]


async def test_knobs_are_turned_where_they_are_and_told_in_one_sentence(stand: Stand) -> None:
    change = {"rate_factor": 10, "servers": 5, "workers": 4, "fsync": "no", "ring_capacity": 20}
    status, answer = await stand.post("/api/knobs", change)
    assert status == 200
    assert {name: by_name(answer)[name]["value"] for name in change} == change
    assert stand.told == [
        ("workers", 4),
        ("fsync", "no"),
        ("pipeline_b", {"ring_capacity": 20}),
        ("/api/fleet", {"rate_factor": 10, "servers": 5}),
        (
            "control",
            "lab",
            "rate_factor 1 → 10, servers 50 → 5, workers 2 → 4, ring_capacity 512 → 20, fsync always → no",
        ),
    ]


async def test_who_holds_no_state_has_it_remembered(stand: Stand) -> None:
    await stand.post("/api/knobs", {"workers": 3, "batch": 2, "compression": "on"})
    assert stand.remembered == {"batch": 2, "compression": "on"}, "the keeper keeps the workers itself"
    stand.fails_at = "pipeline_b"
    await stand.post("/api/knobs", {"ring_capacity": 9, "batch": 5})
    assert stand.remembered == {"batch": 2, "compression": "on"}, "only what was turned"


async def test_the_bounds_of_whoever_does_it_are_kept_before_anything_is_turned(stand: Stand) -> None:
    status, answer = await stand.post("/api/knobs", {"workers": 4, "batch": 65})
    assert (status, answer["detail"]) == (422, "$.batch: expected a whole number from 1 to 64")
    assert stand.told == []


async def test_the_lab_is_described_as_it_is_now(stand: Stand) -> None:
    await stand.post("/api/knobs", {"servers": 7, "rate_factor": 10, "workers": 3, "fsync": "no"})
    lab = (await stand.get("/api/lab"))[1]
    settings = lab["settings"]
    assert (settings["servers"], settings["rate"], settings["workers"], settings["fsync"]) == (7, 10, 3, "no")
    assert (lab["started_with"]["servers"], lab["started_with"]["rate"]) == (50, 1)
    stand.fleet_says, stand.away = (500, {}), True
    assert (await stand.get("/api/lab"))[1]["settings"] == settings, "what was known last"


async def test_what_cannot_be_turned_here_turns_nothing(stand: Stand) -> None:
    stand.why_not = {"workers": "", "fsync": "the store is your own"}
    assert await stand.post("/api/knobs", {"workers": 3, "fsync": "no"}) == (
        422,
        {"error": "not_available", "detail": "fsync: the store is your own"},
    )
    assert (await stand.post("/api/knobs", {}))[1]["error"] == "schema"
    assert (await stand.post("/api/knobs", {"workers": 99}))[0] == 422
    assert (await stand.post("/api/knobs", b"x" * 5_000))[0] == 413
    assert stand.told == []


async def test_where_a_later_part_fails_what_had_changed_is_told(stand: Stand) -> None:
    stand.fails_at = "pipeline_b"
    status, answer = await stand.post("/api/knobs", {"workers": 3, "ring_capacity": 9, "batch": 2})
    assert (status, answer["error"]) == (502, "not_done")
    assert answer["detail"] == ("ring_capacity: pipeline B does not answer (changed already: workers)")
    assert stand.told == [("workers", 3)]


@pytest.mark.parametrize("action", list(ORDERS))
async def test_every_order_reaches_the_fleet_and_the_event_log(stand: Stand, action: str) -> None:
    assert await stand.post(f"/api/servers/web-01/{action}") == (200, {"affected": 1})
    (path, body), (kind, process, text) = stand.told
    assert path == f"/api/servers/web-01/{action}"
    assert set(body) == set(ORDERS[action].__struct_fields__), "defaults are filled in"
    assert (kind, process) == ("control", "web-01")
    assert text.startswith(f"{action} on web-01")


async def test_an_order_is_told_in_words(stand: Stand) -> None:
    await stand.post("/api/servers/*/spike", {"height": 30, "for_s": 12})
    assert stand.told[-1] == ("control", "*", "spike on all servers: height 30, for_s 12")


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("/api/servers/web-01/explode", None, 404),
        ("/api/servers/no%20name/spike", None, 404),
        ("/api/servers/web-01/spike", {"height": 101}, 422),
        ("/api/servers/web-01/invalid", {"n": 0}, 422),
        ("/api/broadcast", {}, 422),
        ("/api/broadcast", {"text": ""}, 422),
        ("/api/processes/redis/pause", {"for_s": "x"}, 422),
        ("/api/load", {"arm": "http3"}, 422),
        ("/api/load", {"arm": "http1", "rate": 0}, 422),
        ("/api/events", {"text": "\n \t"}, 422),
        ("/api/events", {"text": "x" * 201}, 422),
    ],
)
async def test_what_cannot_be_asked_reaches_nobody(stand: Stand, path: str, body: Any, status: int) -> None:
    assert (await stand.post(path, body))[0] == status
    assert stand.told == []


async def test_what_the_fleet_refuses_is_told_in_its_words(stand: Stand) -> None:
    stand.fleet_says = (404, {"error": "not_found", "detail": "no server is named 'web-99'"})
    for answer in (await stand.post("/api/servers/web-99/stop"), await stand.get("/api/servers/web-99")):
        assert answer == (404, {"error": "not_found", "detail": "no server is named 'web-99'"})
    assert stand.told == []


async def test_a_broadcast_reaches_all(stand: Stand) -> None:
    assert (await stand.post("/api/broadcast", {"text": "lunch"}))[0] == 200
    assert stand.told == [("/api/broadcast", {"text": "lunch"}), ("control", "*", "broadcast: lunch")]


async def test_processes_are_killed_paused_and_resumed_by_the_fault_engine(stand: Stand) -> None:
    assert (await stand.post("/api/processes/worker-1/kill"))[0] == 201
    assert (await stand.post("/api/processes/redis/pause"))[0] == 201
    assert (await stand.post("/api/processes/redis/pause", {"for_s": 3}))[0] == 201
    assert (await stand.post("/api/processes/redis/resume"))[1]["state"] == "over"
    assert stand.told[1:] == [
        ("pause", "redis", None, "script"),
        ("pause", "redis", 3.0, "script"),
        ("undo", 3),
    ]
    assert stand.told[0][:2] == ("kill", "worker-1")
    assert await stand.post("/api/processes/fleet/resume") == (
        404,
        {"error": "not_found", "detail": "fleet is not paused"},
    )


async def test_the_process_that_would_have_to_hear_resume_is_not_paused_without_end(stand: Stand) -> None:
    await stand.post("/api/processes/dashboard/pause")
    (told,) = stand.told
    assert told[2] is not None, "the kind's own time"


async def test_a_marker_is_one_line_of_the_event_log(stand: Stand) -> None:
    status, event = await stand.post("/api/events", {"text": " look\nhere\x1b[31m "})
    assert (status, event["kind"], event["text"]) == (201, "marker", "look here [31m")
    stand.away = True
    assert (await stand.post("/api/events", {"text": "x"}))[0] == 502


async def test_a_control_acts_where_the_event_log_is_away(stand: Stand) -> None:
    stand.away = True
    assert (await stand.post("/api/servers/web-01/stop"))[0] == 200


async def test_buffers_before_the_pipelines(stand: Stand) -> None:
    _, answer = await stand.get("/api/buffers")
    assert answer["fleet"]["http_redis"] == {"waiting": 7, "capacity": 50 * 4096}
    assert answer["fleet"]["websocket"]["waiting"] is None
    assert set(answer["sockets"]) == {"http_redis", "websocket"}


async def test_what_a_fleet_that_is_away_holds_is_not_zero(stand: Stand) -> None:
    stand.fleet_says = (500, {})
    _, answer = await stand.get("/api/buffers")
    assert answer["fleet"]["http_redis"] == {"waiting": None, "capacity": None}


async def test_changes_are_in_the_audit_log(stand: Stand, tmp_path: Path) -> None:
    await stand.post("/api/knobs", {"workers": 3})
    await stand.post("/api/servers/web-01/explode")
    lines = [json.loads(line) for line in (tmp_path / "r" / "audit.jsonl").read_text().splitlines()]
    assert [(line["path"], line["asked"], line["status"]) for line in lines] == [
        ("/api/knobs", {"workers": 3}, 200),
        ("/api/servers/web-01/explode", None, 404),
    ]
