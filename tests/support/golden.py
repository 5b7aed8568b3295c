"""The golden messages: what every ingest must make of the same bytes (`tests/contract/golden_messages.json`).

The table is JSON, so that tests in other languages can read it. A body is one of

=====================================  ========================================================================
`{"text": "…"}`                        these characters, as UTF-8
`{"base64": "…"}`                      these bytes
`{"sample": {"seq": "1.0"}}`           the table's `base` sample, with fields replaced by raw JSON text (null: left out)
`{"array": [{…}, {…}]}`                a JSON array of bodies
`{"parts": [{…}, {…}]}`                bodies one after the other
`{"times": 3, "of": {…}}`              a body repeated
`{"run": 100}`                         an array of so many `base` samples, numbered from 0
`{"gzip": {…}}`, `{"deflate": {…}}`    a body compressed (RFC 1952, RFC 1951)
=====================================  ========================================================================

Each message has a `verdict`: `{"accepted": n}` (with `duplicates` where an identity comes twice), or the `error`, the
HTTP `status` and the `detail` of its refusal. Where a WebSocket is closed instead, `close` holds the code. `only` names
the one transport that can carry the message; `request` changes the HTTP request, `rsv1` the WebSocket frame.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TABLE: Final = Path(__file__).resolve().parents[1] / "contract" / "golden_messages.json"
_READ: Final[dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))
_BASE: Final[dict[str, str]] = _READ["base"]

REFUSED: Final = "golden-refused"
"""The producer of every message that is refused: it must leave no trace."""

ACCEPTED: Final = "golden-accepted"


@dataclass(frozen=True)
class Golden:
    """One message of the table.

    Attributes:
        name: What is special about it.
        body: Its bytes.
        accepted: How many samples are accepted; None where it is refused.
        duplicates: How many of these repeat an identity of the same message.
        error, status, detail: The refusal; the detail is None where it is not part of the contract.
        close: The WebSocket close code, where the connection ends.
        only: `http` or `websocket`; empty for both.
        method, path, headers: The HTTP request.
        rsv1: Whether the WebSocket frame claims to be compressed.
    """

    name: str
    body: bytes
    accepted: int | None
    duplicates: int
    error: str
    status: int
    detail: str | None
    close: int | None
    only: str
    method: str
    path: str
    headers: dict[str, str]
    rsv1: bool

    def __str__(self) -> str:
        return self.name

    @property
    def plain(self) -> bool:
        """Whether its verdict depends on its bytes alone, not on the transport."""
        return not self.only and self.close is None


def build(spec: dict[str, Any]) -> bytes:
    """The bytes of a body."""
    if "text" in spec:
        return str(spec["text"]).encode()
    if "base64" in spec:
        return base64.b64decode(spec["base64"])
    if "sample" in spec:
        return _sample(spec["sample"])
    if "array" in spec:
        return b"[" + b",".join(map(build, spec["array"])) + b"]"
    if "parts" in spec:
        return b"".join(map(build, spec["parts"]))
    if "times" in spec:
        return build(spec["of"]) * int(spec["times"])
    if "run" in spec:
        return b"[" + b",".join(_sample({"seq": str(seq)}) for seq in range(spec["run"])) + b"]"
    if "gzip" in spec:
        return gzip.compress(build(spec["gzip"]), mtime=0)
    if "deflate" in spec:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(build(spec["deflate"])) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    raise ValueError(f"unknown body: {spec}")


def _sample(fields: dict[str, str | None]) -> bytes:
    texts = {name: text for name, text in (_BASE | fields).items() if text is not None}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}").encode()


def _golden(entry: dict[str, Any]) -> Golden:
    request, verdict = entry.get("request", {}), entry["verdict"]
    headers = {"content-type": "application/json"} | request.get("headers", {})
    return Golden(
        name=entry["name"],
        body=build(entry["body"]),
        accepted=verdict.get("accepted"),
        duplicates=verdict.get("duplicates", 0),
        error=verdict.get("error", ""),
        status=verdict.get("status", 202),
        detail=verdict.get("detail"),
        close=entry.get("close"),
        only=entry.get("only", ""),
        method=request.get("method", "POST"),
        path=request.get("path", "/v1/samples"),
        headers={name: text for name, text in headers.items() if text is not None},
        rsv1=entry.get("rsv1", False),
    )


GOLDEN: Final = tuple(_golden(entry) for entry in _READ["messages"])


def golden_for(transport: str) -> list[Golden]:
    """The messages that a transport (`http` or `websocket`) can carry."""
    return [message for message in GOLDEN if message.only in ("", transport)]
