"""`/api/audit`: asked by many, the lab is asked once; a part that is away takes nothing else with it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from control_plane import audit_route
from control_plane.audit_route import AuditRoute
from control_plane.join.account import Report, Told, as_fleet
from lab_runtime.env import Env

OWN = {"producers": {"web-01": {"1": [[0, 4]]}}}
NONE: dict[str, Any] = {"producers": {}}


class Lab:
    """Answers as fleet and pipelines do; `away` names ports that answer 503."""

    def __init__(self, folder: Path) -> None:
        self.asked: Counter[str] = Counter()
        self.away: set[int] = set()
        self.processed = [[0, 4]]
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        self.guests = as_fleet([Report("phone-anna", 1, 3, Told(acked=[(0, 1)]))])
        env = Env({"LAB_PORT_BASE": "9000"})
        self.route = AuditRoute(env, folder, lambda: client, lambda: self.guests)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked[f"{request.url.port}{request.url.path}"] += 1
        if request.url.port in self.away:
            return httpx2.Response(503, json={"error": "unavailable", "detail": "Redis does not answer"})
        if request.url.path == "/api/ledger":
            fates = {"created": OWN, "acked": OWN, "rejected": NONE}
            return httpx2.Response(200, json={"pipelines": {"http_redis": fates, "websocket": fates}})
        if request.url.path == "/v1/whereabouts":
            return httpx2.Response(200, json={"places": {"queued": {"web-01": {"1": [[3, 4]]}}}})
        ledger = {"totals": {}, "producers": {"web-01": {"1": self.processed}}}
        return httpx2.Response(200, json=ledger)

    async def audit(self) -> tuple[int, Any]:
        answer = await self.route.answer(Request({"type": "http"}))
        return answer.status_code, json.loads(bytes(answer.body))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_route, "FRESH_S", 0.0)


async def test_each_pipeline_is_told(lab: Lab) -> None:
    status, told = await lab.audit()
    assert status == 200
    assert told["at_us"] > 0
    for pipeline in ("http_redis", "websocket"):
        part = told["pipelines"][pipeline]
        assert part["ok"] is True
        assert part["counts"]["processed"] == 5
        assert part["producers"] == {"web-01": {"1": [[0, 4, "processed"]]}}
        assert all(equation["holds"] for equation in part["equations"])


async def test_the_counts_come_without_the_identities(lab: Lab) -> None:
    answer = await lab.route.counts(Request({"type": "http"}))
    told = json.loads(bytes(answer.body))["pipelines"]["websocket"]
    assert set(told) == {"ok", "counts"}
    assert (told["ok"], told["counts"]["processed"]) == (True, 5)
    await lab.audit()
    assert set(lab.asked.values()) == {1}


async def test_however_many_ask_the_lab_is_asked_once(lab: Lab) -> None:
    answers = await asyncio.gather(*(lab.audit() for _ in range(20)))
    assert len({json.dumps(told) for _, told in answers}) == 1
    assert set(lab.asked.values()) == {1}


@pytest.mark.usefixtures("every_look")
async def test_a_pipeline_that_is_away_keeps_its_last_fates(lab: Lab) -> None:
    await lab.audit()
    lab.away, lab.processed = {9001}, [[0, 2]]
    status, told = await lab.audit()
    a, b = told["pipelines"]["http_redis"], told["pipelines"]["websocket"]
    assert status == 200
    assert (a["ok"], a["counts"]["processed"]) == (False, 5)
    assert "503" in a["error"]
    assert (b["counts"]["processed"], b["counts"]["waiting_queue"]) == (3, 2)
    assert "error" not in b
    lab.away = set()
    _, told = await lab.audit()
    assert "error" not in told["pipelines"]["http_redis"]
    assert told["pipelines"]["http_redis"]["counts"]["waiting_queue"] == 2


@pytest.mark.usefixtures("every_look")
async def test_a_fleet_that_is_away_leaves_the_last_look(lab: Lab) -> None:
    await lab.audit()
    lab.away = {9004}
    status, told = await lab.audit()
    assert status == 200
    for part in told["pipelines"].values():
        assert part["ok"] is False
        assert "fleet answers 503" in part["error"]


@pytest.mark.usefixtures("every_look")
@pytest.mark.parametrize("port", [9001, 9003, 9004])
async def test_where_nothing_is_known_yet_the_fault_is_told(lab: Lab, port: int) -> None:
    lab.away = {port}
    status, told = await lab.audit()
    assert status == 502
    assert told["error"] == "audit_failed"
    assert "503" in told["detail"]


async def test_phones_stand_beside_the_account(lab: Lab) -> None:
    """One that lost what was acked reddens no equation of the fleet's, and is told of."""
    _, found = await lab.audit()
    assert found["pipelines"]["http_redis"]["ok"]
    assert "phone-anna" not in found["pipelines"]["http_redis"]["producers"]
    guests = found["guests"]["http_redis"]
    assert {fate: n for fate, n in guests["counts"].items() if n} == {"lost_store": 2, "waiting_outbox": 1}
    assert guests["untold"] == 0
    assert {fate: n for fate, n in found["guests"]["websocket"]["counts"].items() if n} == {
        "waiting_outbox": 3
    }
