"""What guards and serves the page: its files, Chart.js from the installed wheel, security headers, host check, token.

The page may load its own files only and talk to its own host only (`CONTENT_SECURITY_POLICY`). A request must name a
host that is this lab: a foreign page that rebinds its name to 127.0.0.1 still sends its own name.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_plane.settings import ROOT
from lab_runtime.ops import token_matches

DASHBOARD: Final = ROOT / "dashboard"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
OPS_PATHS: Final = ("/healthz", "/readyz", "/metrics")
"""Asked by probes and collectors under whatever name they know this host by; they tell nothing secret."""

_LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # compared with, not bound


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


def host_is_ours(host: str, listens_on: str) -> bool:
    """Whether a `Host` header names this lab.

    Args:
        host: The header, with or without a port.
        listens_on: `LAB_HOST`. On a wildcard address every numeric address is fine: only names can be rebound.
    """
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    name = name.lower()
    ours = f"[{listens_on}]" if ":" in listens_on else listens_on.lower()
    if name in _LOCAL_NAMES or name == ours:
        return True
    if listens_on not in _WILDCARDS:
        return False
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: refuses foreign hosts and requests without the token, adds the security headers.

    Args:
        app: What is guarded.
        listens_on: `LAB_HOST`.
        token: Asked for on `/api/…`; empty: none.
    """

    def __init__(self, app: ASGIApp, listens_on: str, token: str) -> None:
        self._app = app
        self._listens_on = listens_on
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers, path = Headers(scope=scope), scope["path"]
        if path not in OPS_PATHS and not host_is_ours(headers.get("host", ""), self._listens_on):
            detail = "this host name is not one of the lab's; use 127.0.0.1 or localhost"
            return json_error(421, "misdirected", detail)
        if path.startswith("/api/") and not token_matches(self._token, headers.get("authorization")):
            refusal = json_error(401, "unauthorized", "a bearer token is needed")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal
        return None


def json_error(status: int, error: str, detail: str) -> JSONResponse:
    """An error answer in the form that every part of the lab uses."""
    return JSONResponse({"error": error, "detail": detail}, status)
