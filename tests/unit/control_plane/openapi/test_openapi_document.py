"""The description of the control API: complete, true to what is served, and itself valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import schemathesis
from starlette.routing import Match, Route

from control_plane.api import ControlApi
from control_plane.openapi.document import make_document, operation_id, refusals_of
from control_plane.openapi.operations import OPERATIONS, PARAMETERS, Operation
from control_plane.openapi.page import make_page
from fake_servers.orders import ORDERS
from lab_runtime.env import Env

DOCUMENT: Final[dict[str, Any]] = make_document()
by_path = pytest.mark.parametrize("each", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")


@pytest.fixture
def api(tmp_path: Path) -> ControlApi:
    return ControlApi(Env({"LAB_RUN": "r", "LAB_STATE_DIR": str(tmp_path), "LAB_TOKEN": "t"}), "dashboard")


def routes(api: ControlApi) -> list[Route]:
    return [
        route for route in api.app().routes if isinstance(route, Route) and route.path.startswith("/api/")
    ]


def example(path: str) -> str:
    return re.sub(r"\{\w+\}", "1", path)


@by_path
def test_what_is_described_is_served(api: ControlApi, each: Operation) -> None:
    scope = {"type": "http", "path": example(each.path), "method": each.method, "root_path": ""}
    assert any(route.matches(scope)[0] is Match.FULL for route in routes(api))


def test_what_is_served_is_described(api: ControlApi) -> None:
    for route in routes(api):
        for method in (route.methods or set()) - {"HEAD"}:
            described = [
                each
                for each in OPERATIONS
                if each.method == method and route.path_regex.match(example(each.path))
            ]
            assert described, f"{method} {route.path}"


def test_every_order_is_described() -> None:
    paths = {each.path for each in OPERATIONS}
    assert {f"/api/servers/{{name}}/{action}" for action in ORDERS} <= paths


def test_ids_are_unique_and_parameters_are_explained() -> None:
    ids = [operation_id(each) for each in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for each in OPERATIONS:
        assert set(re.findall(r"\{(\w+)\}", each.path)) <= set(PARAMETERS)


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in references(inner)]
    return []


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    names = {reference.removeprefix("#/components/schemas/") for reference in found}
    assert names <= set(DOCUMENT["components"]["schemas"])
    assert {"KnobChange", "Knobs", "LoadRequest", "Refusal"} <= names


def test_a_tool_that_reads_openapi_finds_every_operation() -> None:
    schema: Any = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    found = {
        (operation.ok().method.upper(), operation.ok().path) for operation in schema.get_all_operations()
    }
    assert found == {(each.method, each.path) for each in OPERATIONS}


def test_bounds_are_told() -> None:
    workers = DOCUMENT["components"]["schemas"]["KnobChange"]["properties"]["workers"]
    assert (workers["minimum"], workers["maximum"]) == (0, 8)
    assert DOCUMENT["components"]["schemas"]["KnobChange"]["required"] == []
    assert DOCUMENT["components"]["schemas"]["Marker"]["required"] == ["text"]


@by_path
def test_refusals_are_told(each: Operation) -> None:
    told = set(DOCUMENT["paths"][each.path][each.method.lower()]["responses"])
    assert {str(each.status), *map(str, refusals_of(each))} == told
    if each.method == "POST":
        assert {"401", "403", "422", "502"} <= told


async def test_document_and_page_are_served_without_a_token_and_nothing_else_is(api: ControlApi) -> None:
    transport = httpx2.ASGITransport(app=api.app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
        assert (await client.get("/api/openapi.json")).json() == DOCUMENT
        page = await client.get("/api/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "curl http://127.0.0.1:8765/api/knobs" in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert (await client.get("/static/docs.css")).status_code == 200
        for path in ("/api/knobs", "/api/load", "/api/buffers", "/api/docs/", "/api/openapi.json/x"):
            assert (await client.get(path)).status_code == 401, path


def test_the_page_tells_every_operation_and_runs_nothing() -> None:
    page = make_page(DOCUMENT)
    for each in OPERATIONS:
        assert f"<code>{each.path}</code>" in page
        assert each.summary.replace("'", "&#x27;") in page
    assert "<script" not in page
    assert "style=" not in page
    assert "whole number, 0 to 8" in page
    assert "curl -X POST http://127.0.0.1:8765/api/broadcast" in page
    assert "curl -X POST https://lab:1/api/broadcast" in make_page(DOCUMENT, "https://lab:1")


def test_the_page_escapes_what_it_shows() -> None:
    document = make_document()
    document["paths"]["/api/lab"]["get"]["summary"] = "<img src=x> & `<b>`"
    assert "<img" not in make_page(document)
    assert "<b>" not in make_page(document)
