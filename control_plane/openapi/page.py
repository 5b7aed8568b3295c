"""The description as a page to read: plain HTML without any script, so that the page's security policy holds for it."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

ADDRESS: Final = "http://127.0.0.1:8765"
STYLE: Final = "/static/docs.css"
_METHODS: Final = ("get", "post")


def make_page(document: dict[str, Any], address: str = ADDRESS) -> str:
    """The page.

    Args:
        document: As `make_document` gives it.
        address: Of the lab, for the examples.
    """
    info = document["info"]
    sections = "".join(_section(document, tag, address) for tag in document["tags"])
    links = "".join(
        f'<li><a href="#{escape(tag["name"])}">{escape(tag["name"])}</a></li>' for tag in document["tags"]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title>"
        f'<link rel="icon" href="/static/favicon.svg"><link rel="stylesheet" href="{STYLE}"></head>\n'
        f"<body>\n<header><h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        f'<p>Version {escape(info["version"])} · <a href="/api/openapi.json">as OpenAPI {document["openapi"]}</a> · '
        '<a href="/">the dashboard</a></p>'
        '<p>Where the lab has a token, add <code>-H "Authorization: Bearer $LAB_TOKEN"</code>.</p></header>\n'
        f'<nav aria-label="Groups"><ul>{links}</ul></nav>\n<main>\n{sections}</main>\n</body>\n</html>\n'
    )


def _section(document: dict[str, Any], tag: dict[str, str], address: str) -> str:
    name = tag["name"]
    found = [
        _operation(document, method, path, address)
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations and name in operations[method]["tags"]
    ]
    return (
        f'<section aria-labelledby="{escape(name)}"><h2 id="{escape(name)}">{escape(name)}</h2>'
        f"<p>{escape(tag['description'])}</p>\n{''.join(found)}</section>\n"
    )


def _operation(document: dict[str, Any], method: str, path: str, address: str) -> str:
    about = document["paths"][path][method]
    parts = [f'<h3><code class="{method}">{method.upper()}</code> <code>{escape(path)}</code></h3>']
    parts.append(f"<p>{escape(about['summary'])}</p>")
    parts += [
        f"<p><code>{escape(each['name'])}</code> ({escape(each['in'])}): {_prose(each['description'])}</p>"
        for each in about.get("parameters", ())
    ]
    body = about.get("requestBody")
    example: dict[str, Any] = {}
    if body:
        fields, example = _fields(document, body["content"]["application/json"]["schema"])
        parts.append(fields)
    parts.append(_answers(about["responses"]))
    parts.append(f'<pre tabindex="0"><code>{escape(_curl(method, address, path, example))}</code></pre>')
    return f"<article>{''.join(parts)}</article>\n"


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A table of a body's fields, and an example of it."""
    kind = _resolve(document, schema)
    required = kind.get("required", [])
    rows, example = [], {}
    for name, about in kind.get("properties", {}).items():
        needed = "required" if name in required else _default(about)
        rows.append(
            f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{escape(_range(about))}</td>'
            f"<td>{escape(needed)}</td><td>{_prose(about.get('description', ''))}</td></tr>"
        )
        if name in required or about.get("default") is not None:
            example[name] = about.get("default", _some(about))
    if not rows:
        return "<p>No body is needed.</p>", {}
    head = "".join(f'<th scope="col">{text}</th>' for text in ("field", "may be", "if absent", "meaning"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="wide" tabindex="0">{table}</div>', example or _first(kind)


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference: str = schema.get("$ref", "")
    found: dict[str, Any] = document["components"]["schemas"].get(reference.rpartition("/")[2], schema)
    return found


def _default(about: dict[str, Any]) -> str:
    default = about.get("default")
    return "–" if default is None else json.dumps(default)


def _range(about: dict[str, Any]) -> str:
    """What a field may hold, in words."""
    if "anyOf" in about:
        return " or ".join(_range(each) for each in about["anyOf"])
    if "enum" in about:
        return ", ".join(str(word) for word in about["enum"])
    text = {"integer": "whole number", "string": "text", "null": "null"}.get(
        about.get("type", ""), about.get("type", "any")
    )
    low, high = about.get("minimum"), about.get("maximum", about.get("maxLength"))
    if "exclusiveMinimum" in about:
        return f"{text} over {about['exclusiveMinimum']:g}, to {high:,.15g}"
    if low is not None and high is not None:
        return f"{text}, {low:,.15g} to {high:,.15g}"
    return f"{text}, at most {high} characters" if high is not None else str(text)


def _some(about: dict[str, Any]) -> Any:
    if "enum" in about:
        return about["enum"][0]
    return {"integer": about.get("minimum", 1), "number": 1, "boolean": False}.get(about.get("type", ""), "…")


def _first(kind: dict[str, Any]) -> dict[str, Any]:
    """An example of a body in which nothing is required: its first field."""
    return {name: _some(about) for name, about in list(kind["properties"].items())[:1]}


def _answers(responses: dict[str, Any]) -> str:
    items = "".join(
        f"<li><code>{escape(status)}</code> {_prose(about['description'])}</li>"
        for status, about in responses.items()
    )
    return f"<details><summary>Answers</summary><ul>{items}</ul></details>"


def _curl(method: str, address: str, path: str, example: dict[str, Any]) -> str:
    where = path.replace("{name}", "web-01" if "/servers/" in path else "worker-1").replace("{id}", "1")
    if method == "get":
        return f"curl {address}{where}"
    body = f" -d '{json.dumps(example)}'" if example else ""
    return f"curl -X POST {address}{where}{body}"


def _prose(text: str) -> str:
    """A text with `code` in it."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
