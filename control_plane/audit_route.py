"""`GET /api/audit`: the fate of every sample, for the page and for scripts; `GET /api/audit/counts`: how many of each.

However many pages ask, the lab is asked at most every `FRESH_S`. Where a part of it does not answer, the fates of the
last look stay, with `error` and `ok: false`: what is known goes on being shown, and the other pipeline moves on.

`guests` tells of phones that joined (`join/account.py`): counted by the same rules, beside the account, never in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from control_plane.audit_log import FOLDER, SampleLogTail
from control_plane.audit_view import wire_form
from control_plane.client import PIPELINES, LabClient, LabUnreachable
from control_plane.join.account import guests_of
from control_plane.page import json_error
from lab_runtime.env import Env
from lab_runtime.process import now_us
from metrics_core.fates import fates_of
from metrics_core.ledger import Ledger

FRESH_S: Final = 0.5


class AuditRoute:
    """Answers the route.

    Args:
        env: Where the parts of the lab are.
        run_dir: The run's folder, with the producers' log where the fleet runs on this machine.
        client: Gives the HTTP client to ask by, once it is open.
        guests: Gives what phones told of their samples, in the form of a fleet's ledger, by pipeline.
    """

    def __init__(
        self,
        env: Env,
        run_dir: Path,
        client: Callable[[], httpx2.AsyncClient],
        guests: Callable[[], dict[str, dict[str, Any]]],
    ) -> None:
        self._guests_told = guests
        self._guests: dict[str, dict[str, Any]] = {}
        self._urls = {
            "fleet": env.url("LAB_FLEET_URL", "http", 4),
            "ingest": env.url("LAB_INGEST_URL", "http", 1),
            "pipeline_b_http": "http" + env.url("LAB_PIPELINE_B_URL", "ws", 3).removeprefix("ws"),
        }
        self._log = SampleLogTail(run_dir / FOLDER)
        self._client = client
        self._asking = asyncio.Lock()
        self._asked_s = -FRESH_S
        self._answer: dict[str, Any] = {}
        self._last: dict[str, dict[str, Any]] = {}

    async def answer(self, _: Request) -> Response:
        """All of it, from the last look where that is fresh."""
        return await self._answered(lambda pipeline: pipeline)

    async def counts(self, _: Request) -> Response:
        """Without the identities: little enough to be asked for all the time."""
        return await self._answered(
            lambda pipeline: {part: pipeline[part] for part in ("ok", "counts", "error") if part in pipeline}
        )

    async def _answered(self, shown: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
        async with self._asking:
            if time.monotonic() - self._asked_s >= FRESH_S:
                try:
                    self._answer = await self._look(LabClient.over(self._client(), self._urls))
                except LabUnreachable as error:
                    if not self._answer:
                        return json_error(502, "audit_failed", str(error))
                    for told in self._last.values():
                        told |= {"ok": False, "error": str(error)}
                self._asked_s = time.monotonic()
            pipelines = {name: shown(found) for name, found in self._answer["pipelines"].items()}
        return Response(
            msgspec.json.encode(self._answer | {"pipelines": pipelines}), media_type="application/json"
        )

    async def _look(self, client: LabClient) -> dict[str, Any]:
        fleet, told = await client.fleet_ledger(), self._guests_told()
        asked = await asyncio.gather(*(_or_error(_ask(client, name)) for name in PIPELINES))
        logged = await anyio.to_thread.run_sync(self._log.look)
        for name, found in zip(PIPELINES, asked, strict=True):
            self._take(name, fleet, found, logged)
            if not isinstance(found, LabUnreachable):
                self._guests[name] = guests_of(name, told[name], *found)
        return {"at_us": now_us(), "pipelines": self._last, "guests": self._guests}

    def _take(
        self, name: str, fleet: dict[str, Any], found: tuple[Any, Any] | LabUnreachable, logged: Ledger | None
    ) -> None:
        if isinstance(found, LabUnreachable):
            if name not in self._last:
                raise found
            self._last[name] |= {"ok": False, "error": str(found)}
            return
        try:
            fates = fates_of(name, fleet[name], *found, logged)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LabUnreachable(f"a ledger cannot be read: {type(error).__name__} {error}") from error
        self._last[name] = wire_form(fates)


async def _ask(client: LabClient, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return await client.whereabouts(name), await client.pipeline_ledger(name)


async def _or_error(asking: Awaitable[tuple[Any, Any]]) -> tuple[Any, Any] | LabUnreachable:
    try:
        return await asking
    except LabUnreachable as error:
        return error
