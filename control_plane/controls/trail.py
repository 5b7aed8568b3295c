"""The audit log of a run: `<run>/audit.jsonl`, one line for each request that may have changed something.

    {"at_us": …, "who": {"address": "127.0.0.1", "by": "page"}, "method": "POST", "path": "/api/knobs",
     "asked": {"workers": 4}, "status": 200}

It stands behind the guards: what they refuse is not recorded, what a handler refuses is. Bounded: over `MOST_BYTES` the
file goes to `audit.jsonl.1`, once. A disk that is full costs the record, not the request. Never in it: headers and
queries, hence no token; and what phones report of themselves every few seconds, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_plane.controls.asker import SCRIPT, asked_by
from lab_runtime.logs import get_logger
from metrics_core.errors import SchemaViolation

FILE_NAME: Final = "audit.jsonl"
MOST_BYTES: Final = 4_000_000
_MOST_OF_A_BODY: Final = 2_048
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REPORTS: Final = "/api/join/report"
_log = get_logger("audit_trail")


class Trail:
    """Appends to the audit log of one run.

    Args:
        run_dir: The run's folder; where it cannot be written nothing is kept.
        now_us: The clock of records.

    Attributes:
        failed: Records that could not be written.
    """

    def __init__(self, run_dir: Path, now_us: Callable[[], int]) -> None:
        self._path = run_dir / FILE_NAME
        self._now_us = now_us
        self.failed = 0

    def add(self, who: dict[str, str], method: str, path: str, body: bytes, status: int) -> None:
        """Record one request and the status of its answer."""
        entry = {
            "at_us": self._now_us(),
            "who": who,
            "method": method,
            "path": path[:200],
            "asked": _shown(body),
            "status": status,
        }
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
                long = file.tell() > MOST_BYTES
            if long:
                self._path.replace(self._path.with_suffix(".jsonl.1"))
        except OSError as error:
            if not self.failed:
                _log.warning("audit_not_written", detail=str(error.strerror))
            self.failed += 1


def _shown(body: bytes) -> Any:
    """A body as it is recorded: JSON as JSON, anything else as the beginning of its text."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body[:200].decode("utf-8", "replace")


class AuditTrail:
    """ASGI middleware: records what passes by.

    Args:
        app: What answers.
        trail: Where it is recorded.
    """

    def __init__(self, app: ASGIApp, trail: Trail) -> None:
        self._app, self._trail = app, trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        path = scope.get("path", "")
        kept = path.startswith("/api/") and path != _REPORTS
        if scope["type"] != "http" or scope["method"] in _READS or not kept:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        status = 500

        async def receive_seen() -> Message:
            message = await receive()
            if message["type"] == "http.request" and len(body) < _MOST_OF_A_BODY:
                body.extend(message.get("body", b"")[:_MOST_OF_A_BODY])
            return message

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_seen, send_seen)
        finally:
            self._trail.add(who(scope), scope["method"], scope["path"], bytes(body), status)


def who(scope: Scope) -> dict[str, str]:
    """Who asks: from which address, and as what (`asker.py`; a word that it refuses is left out)."""
    client = scope.get("client")
    try:
        by = asked_by(scope["headers"])
    except SchemaViolation:
        by = SCRIPT
    return {"address": str(client[0]) if client else "", "by": by}
