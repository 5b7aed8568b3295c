"""What serves the page: its files, Chart.js from the installed wheel, security headers.

The page may load its own files only and talk to its own host only (`CONTENT_SECURITY_POLICY`). Not here: hosts, origins
and tokens (`lab_runtime/guards.py`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_plane.settings import ROOT

DASHBOARD: Final = ROOT / "dashboard"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DESCRIPTION_PATHS: Final = frozenset({"/api/openapi.json", "/api/docs"})
"""What the API is, the same in every lab; a browser that opens a link cannot send a token."""

SECURITY_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def chart_js_path() -> Path | None:
    """The Chart.js bundle of the installed chartkick wheel, or None where it is not installed."""
    found = importlib.util.find_spec("chartkick")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "django" / "static" / "chartkick" / "Chart.bundle.js"
    return path if path.is_file() else None


def failing_part() -> str | None:
    """What the page lacks, or None."""
    if not (DASHBOARD / "index.html").is_file():
        return "page"
    return None if chart_js_path() else "chart.js"


class SecurityHeaders:
    """ASGI middleware: adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in SECURITY_HEADERS.items():
                    headers.setdefault(name, text)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_guarded)


def needs_token(path: str) -> bool:
    """Whether a path asks for the token: all that tells of the lab. The page and the API's description do not."""
    return path.startswith("/api/") and path not in DESCRIPTION_PATHS


def json_error(status: int, error: str, detail: str) -> JSONResponse:
    """An error answer in the form that every part of the lab uses."""
    return JSONResponse({"error": error, "detail": detail}, status)
