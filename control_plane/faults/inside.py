"""The fault engine of a lab in containers: it lives in the dashboard's process and asks the parts to break themselves.

No Docker socket is mounted, so nothing here can signal another container's process. Each part takes orders on its own
port (`lab_runtime/self_faults.py`); the ingest also takes those for Redis and for the workers, which only pipeline A
reaches (`pipeline_http_redis/orders.py`). What ends is started again by the containers' restart policy. Faults of
producers, of dashboards and of the fleet's links are the same as under `up`.
Not here: the dashboard's own process, which would take the engine with it; a full disk and a link to the store, which
need a place between Redis and its disk or socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import anyio.abc
import msgspec

from control_plane.client import LabClient, LabUnreachable
from control_plane.controls.turned import Turned, knob_turners
from control_plane.events import EventLog
from control_plane.faults.actuators import Undo
from control_plane.faults.background import Background
from control_plane.faults.catalog import ANY_WORKER
from control_plane.faults.dashboards import DashboardFaults
from control_plane.faults.door import StoreDoor
from control_plane.faults.engine import FaultEngine
from control_plane.faults.fleet import FleetFaults
from control_plane.faults.inside_recovery import InsideRecovery, InsideView
from control_plane.faults.network import NetworkFaults
from control_plane.feed_client import connected
from control_plane.plan import STORE
from lab_runtime.env import Env
from lab_runtime.process import now_us
from lab_runtime.self_faults import PATH, SELF
from metrics_core.errors import LabError

ORDERED_WITHIN_S: Final = 7.5
ENDS_WITHIN_S: Final = 6.0
_CONNECTS_WITHIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.02
_OVER_HTTP: Final = {"ingest": "ingest", "fleet": "fleet"}
_OVER_WEBSOCKET: Final = {"fanout": "fanout", "websocket": "pipeline_b"}
_PARTS: Final = {"ingest": "ingest", "fanout": "fanout", "websocket": "pipeline_b_http", "fleet": "fleet"}
"""Process names and the part of the lab (a name of the URLs) that answers for each."""


class InsideFaults:
    """Orders to the parts of a lab in containers.

    Args:
        urls: Where the parts are.
        token: Bearer token; empty: none.
        client: Asks over HTTP.
        view: What the ingest last said of Redis and the workers.
    """

    kinds = frozenset(
        {"kill", "kill-mid-batch", "pause", "restart", "out-of-memory", "disk-full", "poison-batch"}
    )

    def __init__(self, urls: Mapping[str, str], token: str, client: LabClient, view: InsideView) -> None:
        self._urls, self._token, self._client, self._view = urls, token, client, view

    def targets(self, kind: str) -> list[str]:
        """The parts that take orders; the workers that listened at the last look."""
        workers = self._view.workers
        match kind:
            case "kill-mid-batch":
                return [*workers, ANY_WORKER] if workers else []
            case "out-of-memory" | "disk-full":
                return [STORE]
            case "poison-batch":
                return ["http_redis"]
        return [STORE, "ingest", *workers, "fanout", "websocket", "fleet"]

    def why_not(self, kind: str) -> str:
        """What needs somebody outside the container is not available."""
        if kind == "disk-full":
            return "in a container nobody can limit the files of a process that runs"
        if kind == "kill-mid-batch" and not self._view.workers:
            return "no worker has been seen yet"
        return ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Send the order.

        Raises:
            LabError: It was not taken, or did not take place.
        """
        order = {"kind": kind, "target": target, "grade": grade, "for_s": for_s}
        if target not in _PARTS:
            undo = await self._order("ingest", order)
            return None if undo is None else self._by_order(order, undo)
        order["target"] = SELF
        if kind == "pause":
            undo = await self._order(target, order)
            if undo is None:
                raise LabError(f"{target} does not say how to let it go on")
            await self._until_stopped(target, undo)
            return self._by_key(target, undo)
        await self._end(target, order)
        return None

    def _by_order(self, order: dict[str, Any], undo: dict[str, Any]) -> Undo:
        async def end() -> None:
            await self._order("ingest", {**order, "undo": undo})

        return end

    def _by_key(self, process: str, undo: dict[str, Any]) -> Undo:
        """A process that stands still cannot hear; its helper does (`lab_runtime/pause_helper.py`)."""

        async def go_on() -> None:
            with suppress(OSError, anyio.EndOfStream, anyio.BrokenResourceError):  # its time is up already
                async with await self._helper(process, undo) as stream:
                    await stream.receive(16)
                    await stream.send(f"{undo['key']}\n".encode())
                    await stream.receive(16)

        return go_on

    async def _until_stopped(self, process: str, undo: dict[str, Any]) -> None:
        """The helper answers when it has stopped the process."""
        try:
            with anyio.fail_after(ENDS_WITHIN_S):
                async with await self._helper(process, undo) as stream:
                    await stream.receive(16)
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
            raise LabError(f"{process} does not say that it stands still") from None

    async def _helper(self, process: str, undo: dict[str, Any]) -> anyio.abc.SocketStream:
        return await anyio.connect_tcp(str(urlsplit(self._urls[_PARTS[process]]).hostname), int(undo["port"]))

    async def _end(self, process: str, order: dict[str, Any]) -> None:
        """Order a process to end, and see it end: nobody listens on its port, or its container has left the network."""
        url = urlsplit(self._urls[_PARTS[process]])
        await self._order(process, order)
        with anyio.move_on_after(ENDS_WITHIN_S):
            while await _listens(url.hostname or "", url.port or 0):
                await anyio.sleep(_LOOK_EVERY_S)
            return
        raise LabError(f"{process} did not end within {ENDS_WITHIN_S:g} s")

    async def _order(self, process: str, order: dict[str, Any]) -> dict[str, Any] | None:
        """Send an order to a process; gives what its undo needs.

        Raises:
            LabError: It does not answer, or refuses.
        """
        told = {name: value for name, value in order.items() if value is not None}
        try:
            with anyio.fail_after(ORDERED_WITHIN_S):
                if process in _OVER_HTTP:
                    answer = await self._client.call("POST", _OVER_HTTP[process], PATH, told)
                else:
                    answer = await self._by_websocket(process, told)
        except TimeoutError:
            raise LabUnreachable(f"{process} does not answer within {ORDERED_WITHIN_S:g} s") from None
        undo: dict[str, Any] | None = answer.get("undo")
        return undo

    async def _by_websocket(self, process: str, told: dict[str, Any]) -> dict[str, Any]:
        url = f"{self._urls[_OVER_WEBSOCKET[process]]}{PATH}"
        async with connected(url.replace("http", "ws", 1), self._token) as connection:
            await connection.send(msgspec.json.encode(told).decode(), text=True)
            answer = msgspec.json.decode(await connection.recv(), type=dict[str, Any])
        if "error" in answer:
            raise LabError(f"{process} refuses: {answer.get('detail')}")
        return answer


async def _listens(host: str, port: int) -> bool:
    try:
        with anyio.fail_after(_CONNECTS_WITHIN_S):
            stream = await anyio.connect_tcp(host, port)
    except OSError:  # refused, no such host any more, or a TimeoutError
        return False
    await stream.aclose()
    return True


def part_urls(env: Env) -> dict[str, str]:
    """Where the parts are, by the names of `Settings.urls`."""
    fanout, websocket = env.url("LAB_FANOUT_URL", "http", 2), env.url("LAB_PIPELINE_B_URL", "ws", 3)
    return {
        "ingest": env.url("LAB_INGEST_URL", "http", 1),
        "fanout": fanout,
        "feed_a": f"{fanout.replace('http', 'ws', 1)}/v1/feed",
        "pipeline_b": websocket,
        "pipeline_b_http": websocket.replace("ws", "http", 1),
        "feed_b": f"{websocket}/v1/feed",
        "fleet": env.url("LAB_FLEET_URL", "http", 4),
    }


@dataclass(frozen=True, slots=True)
class Inside:
    """What a lab under `up` has in its supervisor's process.

    Attributes:
        engine: Breaks parts on purpose.
        turned: Remembers turned knobs.
    """

    engine: FaultEngine
    turned: Turned


@asynccontextmanager
async def running_inside(env: Env, run_dir: Path) -> AsyncIterator[Inside]:
    """The engine and what was turned; all faults are undone when it is left.

    Args:
        env: The settings.
        run_dir: Where events are kept; made if it can be.
    """
    urls, token = part_urls(env), env.token()
    with suppress(OSError):  # then faults act, and no event of theirs is kept
        run_dir.mkdir(parents=True, exist_ok=True)
    events = EventLog(run_dir, now_us, lambda event: None)
    async with LabClient(urls, token) as client, Background(events) as background:
        view = InsideView(client)
        background.start(view.look_for_ever)
        turned = Turned(knob_turners(client, urls, token), events, background)
        background.start(turned.look_for_ever)
        here = await asyncio.to_thread(_address_towards, str(urlsplit(urls["fleet"]).hostname))
        network = NetworkFaults(urls, client, None, StoreDoor("", None), background, here)
        servers = env.integer("LAB_SERVERS")
        actuators = (
            InsideFaults(urls, token, client, view),
            network,
            DashboardFaults(urls, token, background),
            FleetFaults(client, lambda: turned.servers(servers), None, background),
        )
        recovery = InsideRecovery(client, view, servers * env.number("LAB_RATE"), _PARTS)
        try:
            async with FaultEngine(actuators, recovery, events, now_us) as engine:
                yield Inside(engine, turned)
        finally:
            with anyio.move_on_after(1.0, shield=True):
                await network.close()


def _address_towards(host: str) -> str:
    """This machine's own address as `host` sees it; nothing is sent. The loopback's where it cannot be told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
