"""`/api/join` and `/join`: phones come, report, leave; the dashboard shows the code and the switch.

A phone's key travels in the header `lab-phone`, so that it gets into no log. Places are kept in memory: after a restart
of this process phones that still send come back by themselves, under the same name and epoch (`table.py`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from control_plane.controls.http import answering, json_answer, read
from control_plane.controls.refusals import NotAvailable
from control_plane.join.account import Report, as_fleet
from control_plane.join.address import (
    ON_LOOPBACK,
    PATH,
    join_token,
    join_url,
    phones_host,
    qr_code,
    reaches_phones,
)
from control_plane.join.table import JoinTable
from control_plane.page import CONTENT_SECURITY_POLICY, DASHBOARD
from lab_runtime.env import Env
from lab_runtime.process import now_us
from metrics_core.errors import SchemaViolation
from metrics_core.phones import MOST_MADE_PER_S
from metrics_core.sample import ExactInteger

KEY_HEADER: Final = "lab-phone"
REPORTS: Final = "/api/join/report"
JOINING_PATHS: Final = frozenset({"/api/join", REPORTS, "/api/join/leave"})
"""For these a token for joining is enough."""

REPORT_EVERY_S: Final = 3.0
MADE_PER_S: Final = 2
SWITCH_FILE: Final = "joining"
_KEY_BYTES: Final = 16
_KEY_LENGTHS: Final = range(16, 65)

Tell = Callable[[str, str, str], Awaitable[None]]


class JoinRequest(Struct, forbid_unknown_fields=True):
    """A phone that wants a place."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="1-24 of `A-Z a-z 0-9 . _ -`")]
    epoch: Annotated[
        ExactInteger | None,
        Meta(description="of the samples that it made before it lost its place; null: it begins"),
    ] = None


class Joined(Struct):
    """What a phone needs to send samples down both pipelines."""

    producer: str
    epoch: int
    key: str
    token: str
    ingest: dict[str, str]
    rate: int
    most_rate: int
    report_every_s: float
    at_us: int


class Reported(Struct):
    """That a report was taken: the lab's clock, and the token to go on with."""

    at_us: int
    token: str


class JoinSwitch(Struct, forbid_unknown_fields=True):
    """Whether phones may join; off also sends away those that have."""

    on: bool


class JoinState(Struct):
    """Where phones find the lab, and how many have."""

    on: bool
    url: str
    beyond: bool
    most: int
    joined: int
    why_not: str


class Joining:
    """The routes, and the table behind them.

    Args:
        env: The settings.
        run_dir: The run's folder: the switch stays as it was set when this process is started again.
        tell: Puts an event into the run's log.

    Attributes:
        table: Who has joined.
    """

    def __init__(self, env: Env, run_dir: Path, tell: Tell) -> None:
        self._env, self._tell = env, tell
        self._token, self._in_container = env.token(), env.takes_orders()
        self._switch_file = run_dir / SWITCH_FILE
        self.table = JoinTable(env.integer("LAB_JOIN_MOST"), _kept(self._switch_file, env.switch("LAB_JOIN")))

    def routes(self) -> list[Route]:
        """The routes."""
        posts = {
            "/api/join": self._join,
            "/api/join/report": self._report,
            "/api/join/leave": self._leave,
            "/api/join/switch": self._switch,
        }
        gets = {"/api/join": self._look, "/api/join.svg": self._code, PATH: self._page}
        return [Route(path, answering(endpoint)) for path, endpoint in gets.items()] + [
            Route(path, answering(endpoint), methods=["POST"]) for path, endpoint in posts.items()
        ]

    def accounts(self) -> dict[str, dict[str, Any]]:
        """What the phones told of their samples, in the form of a fleet's ledger, by pipeline."""
        return as_fleet(self.table.reports)

    async def _look(self, request: Request) -> Response:
        await self._free_places()
        table, beyond = self.table, reaches_phones(self._host(request))
        why_not = "" if beyond else ON_LOOPBACK
        state = JoinState(table.on, self._url(request), beyond, table.most, len(table), why_not)
        return json_answer(state)

    async def _code(self, request: Request) -> Response:
        if not reaches_phones(self._host(request)):
            raise NotAvailable(ON_LOOPBACK)
        return Response(qr_code(self._url(request)), media_type="image/svg+xml")

    async def _page(self, request: Request) -> Response:
        ingest = self._ingests(request)["http_redis"].removesuffix("/v1/samples")
        policy = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", f"connect-src 'self' {ingest}")
        return FileResponse(DASHBOARD / "join.html", headers={"content-security-policy": policy})

    async def _join(self, request: Request) -> Response:
        asked = await read(request, JoinRequest)
        await self._free_places()
        offered = request.headers.get(KEY_HEADER, "")
        if offered and (len(offered) not in _KEY_LENGTHS or not offered.isascii()):
            raise SchemaViolation(
                f"{KEY_HEADER}: expected {_KEY_LENGTHS[0]} to {_KEY_LENGTHS[-1]} characters"
            )
        key = offered or secrets.token_urlsafe(_KEY_BYTES)
        place, fresh = self.table.join(asked.name, key, now_us(), asked.epoch)
        if fresh:
            await self._tell("phone", place.producer, "joined as a server")
        joined = Joined(
            place.producer,
            place.epoch,
            key,
            join_token(self._token, time.time()),
            self._ingests(request),
            MADE_PER_S,
            MOST_MADE_PER_S,
            REPORT_EVERY_S,
            now_us(),
        )
        return json_answer(joined, 201)

    async def _report(self, request: Request) -> Response:
        report = await read(request, Report)
        self.table.report(request.headers.get(KEY_HEADER, ""), report, now_us())
        return json_answer(Reported(now_us(), join_token(self._token, time.time())))

    async def _leave(self, request: Request) -> Response:
        report = await read(request, Report)
        self.table.leave(request.headers.get(KEY_HEADER, ""), report, now_us())
        await self._tell("phone", report.producer, f"left after {report.made:,} samples")
        return json_answer(Reported(now_us(), ""))

    async def _switch(self, request: Request) -> Response:
        on, joined = (await read(request, JoinSwitch)).on, len(self.table)
        self.table.switch(on)
        with suppress(OSError):  # without the file it lasts as long as this process
            self._switch_file.write_text("on" if on else "off", encoding="utf-8")
        sent_away = f"; {joined} sent away" if joined and not on else ""
        await self._tell("control", "lab", f"phones may {'join' if on else 'not join'}{sent_away}")
        return await self._look(request)

    async def _free_places(self) -> None:
        for producer in self.table.sweep(now_us()):
            await self._tell("phone", producer, "was not heard for 30 s; its place is free")

    def _host(self, request: Request) -> str:
        return phones_host(_asked_host(request), self._env.text("LAB_HOST"), self._in_container)

    def _url(self, request: Request) -> str:
        port = self._env.published_port(0)
        base = f"http{self._secure}://{self._host(request)}:{port}"
        return join_url(base, join_token(self._token, time.time()))

    def _ingests(self, request: Request) -> dict[str, str]:
        host = _asked_host(request)
        http, b = self._env.published_port(1), self._env.published_port(3)
        return {
            "http_redis": f"http{self._secure}://{host}:{http}/v1/samples",
            "websocket": f"ws{self._secure}://{host}:{b}/v1/ingest",
        }

    @property
    def _secure(self) -> str:
        return "s" if self._env.switch("LAB_TLS") else ""


def _asked_host(request: Request) -> str:
    """The host that was asked, as it stands in a URL."""
    asked = request.url.hostname or "127.0.0.1"
    return f"[{asked}]" if ":" in asked else asked


def _kept(path: Path, otherwise: bool) -> bool:
    """What the switch was set to in this run."""
    try:
        word = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return otherwise
    return word == "on" if word in ("on", "off") else otherwise
