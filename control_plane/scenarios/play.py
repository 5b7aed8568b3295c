"""Plays a schedule against a lab that runs: inject, watch both feeds, wait until all has settled, audit.

It is a client of the control API like the page, so it plays on any lab: here, in Docker, on another machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from control_plane.client import PIPELINES, LabClient, LabUnreachable
from control_plane.feed_client import connected, next_snapshot
from control_plane.scenarios.measures import LETTERS, Measures, Watch, measure
from control_plane.scenarios.script import Planned, Script
from metrics_core.errors import LabError

SETTLED_WITHIN_S: Final = 30.0
ANSWERS_WITHIN_S: Final = 15.0
LOOK_EVERY_S: Final = 0.5
FEED_PAUSE_S: Final = 0.2
FEEDS: Final = {"http_redis": "feed_a", "websocket": "feed_b"}


@dataclass(slots=True)
class Outcome:
    """What a run gave.

    Attributes:
        injected: Each fault: what was planned, when it was really injected (s after the beginning), its id.
        measures: The figures, once the faults may be told.
        audit: The last audit.
    """

    injected: list[dict[str, Any]] = field(default_factory=list)
    measures: Measures = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)


class NotThisLab(LabError):
    """The running lab has other settings than the script needs."""


class Player:
    """Plays one schedule.

    Args:
        client: Asks the lab.
        urls: Where its parts are.
        token: Bearer token; empty: none.
        say: Hears what happens.
    """

    def __init__(
        self, client: LabClient, urls: Mapping[str, str], token: str, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._urls = urls
        self._token = token
        self._say = say

    async def check_settings(self, script: Script) -> None:
        """See that the lab is as the script needs it.

        Raises:
            NotThisLab: It is not; the text says how to start one that is.
        """
        lab = await self._client.call("GET", "dashboard", "/api/lab")
        shown = lab["settings"]
        for name, wanted in script.lab.items():
            key = name.removeprefix("LAB_").lower()
            if key in shown and str(shown[key]) != wanted and not _same_number(shown[key], wanted):
                raise NotThisLab(
                    f"the running lab has {name}={shown[key]}, this scenario needs {wanted}: start it with "
                    f"`{name}={wanted} python3 lab.py up`, or let the scenario start a lab of its own (--own)"
                )

    async def play(self, script: Script, schedule: list[Planned], *, drain: bool) -> Outcome:
        """Play it.

        Args:
            script: For its length.
            schedule: What to inject.
            drain: Whether the fleet may be stopped at the end, so that every sample has its last fate.

        Raises:
            LabError: The lab does not answer, or refuses a fault.
        """
        outcome = Outcome()
        before, totals_before = await self._audit(), await self._totals()
        watches = {pipeline: Watch() for pipeline in LETTERS}
        begun_s = time.monotonic()
        async with anyio.create_task_group() as group:
            for pipeline, watch in watches.items():
                group.start_soon(self._watch, pipeline, watch, begun_s)
            for planned in schedule:
                await anyio.sleep(max(0.0, begun_s + planned.at_s - time.monotonic()))
                outcome.injected.append(await self._inject(planned, begun_s))
            await anyio.sleep(max(0.0, begun_s + script.lasts_s - time.monotonic()))
            await self._until_over(outcome)
            for watch in watches.values():
                watch.end(time.monotonic() - begun_s)
            group.cancel_scope.cancel()
        if drain:
            await self._client.drain()
        after = await self._settled_audit()
        totals_after = await self._totals()
        faults = await self._faults_of(outcome)
        totals = {name: (totals_before[name], totals_after[name]) for name in LETTERS}
        outcome.measures = measure(before, after, totals, watches, faults)
        outcome.audit = after
        return outcome

    async def reveal(self, outcome: Outcome) -> None:
        """Tell what a hidden fault was, here and on the page."""
        for injected in outcome.injected:
            await self._client.call("POST", "dashboard", f"/api/faults/{injected['id']}/reveal")

    async def _inject(self, planned: Planned, begun_s: float) -> dict[str, Any]:
        fault = await self._client.call("POST", "dashboard", "/api/faults", planned.as_request())
        at_s = time.monotonic() - begun_s
        what = "a hidden fault" if planned.hidden else f"{planned.kind} {planned.target}"
        self._say(f"{at_s:5.1f} s  {what}")
        return {"id": fault["id"], "at_s": round(at_s, 2), "planned": planned}

    async def _until_over(self, outcome: Outcome) -> None:
        """Wait until no fault of this run acts any more; what is still active after a while is undone."""
        ours = {injected["id"] for injected in outcome.injected}
        with anyio.move_on_after(SETTLED_WITHIN_S):
            while True:
                answer = await self._ask("GET", "dashboard", "/api/faults")
                if not any(fault["id"] in ours and fault["state"] == "active" for fault in answer["faults"]):
                    return
                await anyio.sleep(LOOK_EVERY_S)
        for number in ours:
            with suppress(LabUnreachable):  # it ended meanwhile
                await self._client.call("POST", "dashboard", f"/api/faults/{number}/undo")

    async def _settled_audit(self) -> dict[str, Any]:
        """Look until every account balances and every fault's recovery is known, or `SETTLED_WITHIN_S` are over."""
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while True:
            audit = await self._audit()
            faults = (await self._ask("GET", "dashboard", "/api/faults"))["faults"]
            recovering = any(fault["state"] == "active" for fault in faults)
            if time.monotonic() > deadline_s or (
                not recovering and all(part["ok"] for part in audit["pipelines"].values())
            ):
                return audit
            if not recovering and _only_losses(audit):
                return audit
            await anyio.sleep(LOOK_EVERY_S)

    async def _faults_of(self, outcome: Outcome) -> list[Mapping[str, Any]]:
        """The records of this run's faults; what is hidden is known from the plan."""
        ours = {injected["id"]: injected["planned"] for injected in outcome.injected}
        answer = await self._ask("GET", "dashboard", "/api/faults")
        return [
            fault | {"kind": ours[fault["id"]].kind, "target": ours[fault["id"]].target}
            for fault in answer["faults"]
            if fault["id"] in ours
        ]

    async def _audit(self) -> dict[str, Any]:
        return await self._ask("GET", "dashboard", "/api/audit")

    async def _totals(self) -> dict[str, dict[str, int]]:
        return {
            name: (await self._ask("GET", part, "/v1/ledger"))["totals"] for name, part in PIPELINES.items()
        }

    async def _ask(self, method: str, part: str, path: str) -> dict[str, Any]:
        """A question that is asked again while a part of the lab is away.

        Raises:
            LabUnreachable: It stays away.
        """
        deadline_s = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                return await self._client.call(method, part, path)
            except LabUnreachable:
                if time.monotonic() > deadline_s:
                    raise
                await anyio.sleep(LOOK_EVERY_S)

    async def _watch(self, pipeline: str, watch: Watch, begun_s: float) -> None:
        """Follow a feed for as long as the run lasts, over all its interruptions."""
        while True:
            with suppress(LabError):
                async with connected(self._urls[FEEDS[pipeline]], self._token) as connection:
                    while True:
                        watch.see(await next_snapshot(connection), time.monotonic() - begun_s)
            await anyio.sleep(FEED_PAUSE_S)


def _only_losses(audit: dict[str, Any]) -> bool:
    """Whether nothing waits any more, so that what is missing stays missing."""
    return not any(
        count
        for part in audit["pipelines"].values()
        for fate, count in part["counts"].items()
        if fate.startswith("waiting_")
    )


def _same_number(shown: object, wanted: str) -> bool:
    try:
        return float(str(shown)) == float(wanted)
    except ValueError:
        return False
