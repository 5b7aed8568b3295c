"""The control API without a socket: the application is called in process, the fleet is a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from control_plane.api import ControlApi
from control_plane.controls.doors import PipelineDoor
from control_plane.controls.refusals import NotDone
from control_plane.events import EventLog
from control_plane.settings import OWN_VARIABLES
from control_plane.state import LabRecord, ProcessRecord, record_of, write_record
from lab_runtime.env import VARIABLES, Env

Fleet = Callable[[httpx2.Request], httpx2.Response]


class Api:
    """A control API and a client for it."""

    def __init__(self, folder: Path, **environ: str) -> None:
        settings = {"LAB_RUN": "r", "LAB_STATE_DIR": str(folder), "LAB_PORT_BASE": "9000"}
        self.api = ControlApi(Env(settings | environ), "dashboard")
        transport = httpx2.ASGITransport(app=self.api.app(), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:9000")

    def fleet(self, answer: Fleet) -> None:
        self.api._fleet = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=headers)


@pytest.fixture(autouse=True)
def no_pipeline_b(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: PipelineDoor, change: dict[str, Any]) -> dict[str, Any]:
        raise NotDone("pipeline B does not answer")

    monkeypatch.setattr(PipelineDoor, "ask", ask)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    made = Api(tmp_path)
    yield made
    await made.client.aclose()


async def test_the_lab_is_described(api: Api) -> None:
    lab = (await api.get("/api/lab")).json()
    assert lab["run"] == "r"
    assert lab["pipelines"]["http_redis"] == {
        "label": "A · HTTP + Redis + RQ",
        "feed_port": 9002,
        "feed_path": "/v1/feed",
    }
    assert lab["pipelines"]["websocket"]["feed_port"] == 9003
    assert lab["settings"] == {
        "servers": 50,
        "rate": 1.0,
        "workers": 2,
        "fsync": "always",
        "seed": 1,
        "transport": "twin",
        "replay": "on",
        "backlog_capacity": 1000,
    }
    assert lab["started_with"] == lab["settings"]
    assert (lab["feed_hz"], lab["fleet_port"]) == (4, 9004)


@pytest.mark.parametrize(
    "path", ["/", "/static/style.css", "/vendor/chart.js", "/api/lab", "/healthz", "/nowhere"]
)
async def test_every_answer_is_guarded(api: Api, path: str) -> None:
    answer = await api.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "server" not in answer.headers


async def test_the_page_its_files_and_chart_js(api: Api) -> None:
    page = await api.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    chart = await api.get("/vendor/chart.js")
    assert "javascript" in chart.headers["content-type"]
    assert b"Chart.js v4" in chart.content[:200]
    assert (await api.get("/static/style.css")).status_code == 200
    assert (await api.get("/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static/none.js"]
)
async def test_only_the_pages_files_are_served(api: Api, path: str) -> None:
    assert (await api.get(path)).status_code == 404


async def test_a_missing_page_is_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("control_plane.page.DASHBOARD", tmp_path / "none")
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failing"] == "page"


async def test_a_foreign_host_is_refused_but_probes_are_answered(api: Api) -> None:
    answer = await api.get("/api/lab", host="evil.example")
    assert answer.status_code == 421
    assert answer.json()["error"] == "misdirected"
    assert (await api.get("/", host="evil.example")).status_code == 421
    assert (await api.get("/healthz", host="dashboard:8765")).json() == {"status": "ok"}


async def test_errors_are_json(api: Api) -> None:
    missing = await api.get("/nowhere")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = await api.client.post("/api/lab")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")


async def test_a_fault_of_ours_is_json_without_a_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("inner")

    monkeypatch.setattr("control_plane.api.read_events", fail)
    answer = await api.get("/api/events")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "inner" not in answer.text


@pytest.mark.parametrize("path", ["/api/servers", "/api/ledger"])
async def test_the_fleet_is_asked(api: Api, path: str) -> None:
    asked: list[str] = []

    def fleet(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200, json={"from": "fleet"})

    api.fleet(fleet)
    assert (await api.get(path)).json() == {"from": "fleet"}
    assert asked == [f"http://127.0.0.1:9004{path}"]


async def test_a_fleet_that_is_away_is_a_502(api: Api) -> None:
    def away(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    api.fleet(away)
    answer = await api.get("/api/servers")
    assert (answer.status_code, answer.json()["error"]) == (502, "fleet_away")
    api.fleet(lambda _: httpx2.Response(500))
    answer = await api.get("/api/servers")
    assert (answer.status_code, answer.json()["error"]) == (502, "fleet_failed")
    assert 'lab_fleet_requests_failed_total{pipeline="control_plane"} 2.0' in (await api.get("/metrics")).text


async def test_events_after_a_number(api: Api, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    log = EventLog(tmp_path / "r", lambda: 5, lambda _: None)
    for text in ("one", "two"):
        log.add("crashed", "worker-1", text)
    assert [event["text"] for event in (await api.get("/api/events")).json()["events"]] == ["one", "two"]
    (event,) = (await api.get("/api/events?after=1")).json()["events"]
    assert event == {"id": 2, "at_us": 5, "kind": "crashed", "process": "worker-1", "text": "two"}
    assert (await api.get("/api/events?after=x")).status_code == 400


async def test_processes_of_the_supervisor(api: Api, tmp_path: Path) -> None:
    import os
    import sys

    me = record_of("worker-1", os.getpid(), [sys.executable])
    me.state, me.restarts = "ready", 2
    gone = ProcessRecord("fleet", 1, 0.0, ["x", "no such program"], "backoff")
    write_record(tmp_path, LabRecord("r", me, "127.0.0.1", 9000, {}, "", [me, gone]))
    first, second = (await api.get("/api/processes")).json()["processes"]
    assert (first["name"], first["pid"], first["state"], first["restarts"]) == (
        "worker-1",
        os.getpid(),
        "ready",
        2,
    )
    assert first["rss_bytes"] > 1_000_000
    assert first["cpu_percent"] >= 0
    assert (second["name"], second["rss_bytes"], second["state"]) == ("fleet", None, "backoff")


async def test_without_a_supervisor_the_own_process_is_shown(api: Api) -> None:
    (only,) = (await api.get("/api/processes")).json()["processes"]
    assert (only["name"], only["state"]) == ("dashboard", "ready")


async def test_a_token_guards_the_api_and_not_the_page(tmp_path: Path) -> None:
    api = Api(tmp_path, LAB_TOKEN="secret")
    refused = await api.get("/api/lab")
    assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert (await api.get("/api/lab", authorization="Bearer wrong")).status_code == 401
    assert (await api.get("/api/lab", authorization="Bearer secret")).status_code == 200
    assert (await api.get("/")).status_code == 200
    assert (await api.get("/healthz")).status_code == 200
    await api.client.aclose()


def test_no_setting_of_the_command_line_is_one_of_a_process() -> None:
    assert not set(OWN_VARIABLES) & set(VARIABLES)
    assert isinstance(OWN_VARIABLES, dict)


async def test_the_metrics_are_prometheus_text(api: Api) -> None:
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values: dict[str, Any] = dict(
        line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")
    )
    assert float(values['lab_resident_bytes{pipeline="control_plane"}']) > 1_000_000
