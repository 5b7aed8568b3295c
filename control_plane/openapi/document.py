"""The description as an OpenAPI 3.1 document, made from the table of operations and the types that it names. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from control_plane import __version__
from control_plane.openapi.operations import (
    CHANGING,
    EVERYWHERE,
    OPERATIONS,
    PARAMETERS,
    REFUSALS,
    TAGS,
    Operation,
)

HTML: Final = frozenset({"/api/docs"})
SVG: Final = frozenset({"/api/join.svg"})
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_REFERENCE: Final = "#/components/schemas/{name}"


class Refusal(Struct):
    """Every refusal: its name, and what is wrong in words."""

    error: str
    detail: str


def make_document() -> dict[str, Any]:
    """The document; the same in every lab of this version."""
    types = {kind for each in OPERATIONS for kind in (each.asked, each.answers) if isinstance(kind, type)}
    _, schemas = msgspec.json.schema_components(
        [Refusal, *sorted(types, key=lambda kind: kind.__name__)], ref_template=_REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of the metrics-ingestion lab",
            "version": __version__,
            "description": "Everything that the dashboard does, it does through these operations. "
            "Each change is an event of the run and a line in its audit.jsonl.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "LAB_TOKEN, where one is set"}
            },
        },
    }


def operation_id(each: Operation) -> str:
    """A name that is unique and never changes: `post_servers_name_spike`."""
    return "_".join([each.method.lower(), *re.findall(r"[a-z]+", each.path.removeprefix("/api"))])


def refusals_of(each: Operation) -> list[int]:
    """The statuses of all its refusals."""
    described = each.tag == "about"
    always = () if described else EVERYWHERE if each.method == "GET" else EVERYWHERE + CHANGING
    return sorted({*always, *each.refusals})


def _operation(each: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation_id(each),
        "tags": [each.tag],
        "summary": each.summary,
        "responses": {str(each.status): _answer(each)}
        | {
            str(status): {
                "description": REFUSALS.get(status, "The request cannot be used."),
                "content": {"application/json": {"schema": _reference(Refusal)}},
            }
            for status in refusals_of(each)
        },
    }
    if each.tag == "about":
        found["security"] = []
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": PARAMETERS[name],
        }
        for name in _PARAMETER.findall(each.path)
    ] + [
        {"name": name, "in": "query", "schema": {"type": "integer"}, "description": PARAMETERS[name]}
        for name in each.query
    ]
    if parameters:
        found["parameters"] = parameters
    if each.asked is not None:
        required = any(field.required for field in msgspec.structs.fields(each.asked))
        content = {"application/json": {"schema": _reference(each.asked)}}
        found["requestBody"] = {"required": required, "content": content}
    return found


def _answer(each: Operation) -> dict[str, Any]:
    if each.path in HTML:
        return {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    if each.path in SVG:
        return {"description": "A picture.", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}
    if isinstance(each.answers, str):
        schema: dict[str, Any] = {"type": "object", "description": each.answers}
        return {"description": each.answers, "content": {"application/json": {"schema": schema}}}
    about = (each.answers.__doc__ or "").strip().split("\n")[0]
    return {"description": about, "content": {"application/json": {"schema": _reference(each.answers)}}}


def _reference(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}
