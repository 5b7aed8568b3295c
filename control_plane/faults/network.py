"""Faults on links: a proxy (`proxy.py`) is put into the link, told what to do, and taken out again.

`fleet-a`, `fleet-b`: the fleet is told to send that pipeline's samples to the proxy (`POST /api/route`). `store`: the
store's socket file is moved aside and the proxy listens under its name; the connections that exist are cut once, so
that all come in through it. Several faults on one link share its proxy. One that is over ends at once, by telling the
proxy; taking the proxy out may have to wait until the fleet can be told.
Invariant: whatever starts meanwhile finds the proxy, too (a fleet or a store that the supervisor started again).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio

from control_plane.child import Child
from control_plane.client import PIPELINES, LabClient, LabUnreachable
from control_plane.faults.actuators import Undo
from control_plane.faults.background import Background
from control_plane.faults.door import StoreDoor
from control_plane.faults.proxy import Proxy
from control_plane.plan import STORE
from control_plane.supervisor import Supervisor
from metrics_core.errors import LabError

FLEET_LINKS: Final = {"fleet-a": "http_redis", "fleet-b": "websocket"}
STORE_LINK: Final = "store"
LOOPBACK: Final = "127.0.0.1"
_ASIDE: Final = "redis.real"
_ROUTE_WITHIN_S: Final = 4.0
_ASK_AGAIN_S: Final = 0.5


def conditions(faults: dict[str, float]) -> dict[str, Any]:
    """What the proxy is told while these faults last, given as kind to grade."""
    told: dict[str, Any] = {}
    if "delay" in faults:
        told["delay_ms"] = faults["delay"]
    if "throttle" in faults:
        told["throttle_bytes_per_s"] = faults["throttle"]
    if "cut" in faults:
        told["cut"] = True
    if "swallow-replies" in faults:
        told["swallow_replies"] = faults["swallow-replies"]
    return told


class _Link:
    """A link with a proxy in it, or without.

    Args:
        put_in: Opens the proxy, and sends all through it.
        take_out: Sends all past it, and closes it; gives False where it had to stay.
    """

    def __init__(
        self, put_in: Callable[[], Awaitable[Proxy]], take_out: Callable[[Proxy], Awaitable[bool]]
    ) -> None:
        self.faults: dict[str, float] = {}
        self.proxy: Proxy | None = None
        self.lock = anyio.Lock()
        self._put_in, self._take_out = put_in, take_out

    async def add(self, kind: str, grade: float) -> None:
        """Let one more fault act."""
        self.faults[kind] = grade
        try:
            async with self.lock:
                self.proxy = self.proxy or await self._put_in()
                self.proxy.set(**conditions(self.faults))
        except BaseException:
            self.faults.pop(kind, None)
            raise

    def end(self, kind: str) -> None:
        """Let a fault act no more, from now on."""
        self.faults.pop(kind, None)
        if self.proxy:
            self.proxy.set(**conditions(self.faults))

    async def clear(self) -> None:
        """Take the proxy out if no fault needs it."""
        async with self.lock:
            if self.proxy and not self.faults and await self._take_out(self.proxy):
                self.proxy = None


class NetworkFaults:
    """Delay, throttle, cut and swallowed replies on the lab's links.

    Args:
        urls: Where the parts are (`Settings.urls`).
        client: Tells the fleet.
        supervisor: Whose processes use the links; None: nobody here starts them again.
        door: The way to the store.
        background: For what has to wait for a part.
        host: This process's address as the fleet reaches it.
    """

    kinds = frozenset({"delay", "throttle", "cut", "swallow-replies"})

    def __init__(
        self,
        urls: dict[str, str],
        client: LabClient,
        supervisor: Supervisor | None,
        door: StoreDoor,
        background: Background,
        host: str = LOOPBACK,
    ) -> None:
        self._urls = urls
        self._client = client
        self._door = door
        self._background = background
        self._host = host
        self._links = {name: self._fleet_link(name, pipeline) for name, pipeline in FLEET_LINKS.items()}
        if door.socket is not None:
            self._links[STORE_LINK] = _Link(self._before_store, self._after_store)
        if supervisor is not None:
            supervisor.watchers.append(self._put_again)

    def targets(self, kind: str) -> list[str]:
        """The links; that to the store only where the lab started it."""
        return list(self._links)

    def why_not(self, kind: str) -> str:
        """All are available."""
        return ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Put a fault on a link.

        Raises:
            LabError: The link cannot be led through a proxy now.
        """
        link = self._links[target]
        await link.add(kind, 0.0 if grade is None else grade)

        async def undo() -> None:
            link.end(kind)
            self._background.start(link.clear)

        return undo

    async def close(self) -> None:
        """Close every proxy, whether the fleet could be told or not: the lab stops."""
        for link in self._links.values():
            if link.proxy is not None:
                await link.proxy.close()
        self._move_back()

    def _put_again(self, child: Child) -> None:
        if child.record.state != "ready":
            return
        if child.name == "fleet":
            for name in FLEET_LINKS:
                self._background.start(self._route_again, name)
        elif child.name == STORE and STORE_LINK in self._links and self._links[STORE_LINK].faults:
            self._background.start(self._stand_before_new_store)

    # -- the fleet's links ----------------------------------------------------------------------------------------

    def _fleet_link(self, name: str, pipeline: str) -> _Link:
        async def put_in() -> Proxy:
            url = urlsplit(self._urls[PIPELINES[pipeline]])
            upstream = (url.hostname or "", url.port or 0)
            proxy = Proxy((self._host, 0), upstream, anywhere=self._host != LOOPBACK)
            await proxy.start()
            try:
                await self._route(name, proxy)
            except BaseException:
                await proxy.close()
                raise
            return proxy

        async def take_out(proxy: Proxy) -> bool:
            while not self._links[name].faults:  # else it is needed again meanwhile
                try:
                    await self._route(name, None)
                except LabError:  # paused or away: the proxy serves until the fleet hears
                    await anyio.sleep(_ASK_AGAIN_S)
                else:
                    await proxy.close()
                    return True
            return False

        return _Link(put_in, take_out)

    async def _route(self, name: str, proxy: Proxy | None) -> None:
        """Tell the fleet where that pipeline is."""
        pipeline = FLEET_LINKS[name]
        url = None
        if proxy is not None:
            assert not isinstance(proxy.address, Path)
            scheme = urlsplit(self._urls[PIPELINES[pipeline]]).scheme
            url = f"{scheme}://{self._host}:{proxy.address[1]}"
        try:
            with anyio.fail_after(_ROUTE_WITHIN_S):
                await self._client.call("POST", "fleet", "/api/route", {"pipeline": pipeline, "url": url})
        except TimeoutError:
            raise LabUnreachable(f"the fleet does not answer within {_ROUTE_WITHIN_S:g} s") from None

    async def _route_again(self, name: str) -> None:
        link = self._links[name]
        if link.proxy and link.faults:
            await self._route(name, link.proxy)

    # -- the link to the store ------------------------------------------------------------------------------------

    async def _before_store(self) -> Proxy:
        socket = self._door.socket
        assert socket is not None
        aside = socket.with_name(_ASIDE)
        try:
            socket.rename(aside)
        except OSError as error:
            raise LabError(f"the store's socket is not there ({error.strerror})") from None
        self._door.aside = aside
        proxy = Proxy(socket, aside)
        try:
            await proxy.start()
            await self._cut_old_connections()
        except BaseException:
            await proxy.close()
            self._move_back()
            raise
        return proxy

    async def _after_store(self, proxy: Proxy) -> bool:
        await proxy.close()
        self._move_back()
        return True

    def _move_back(self) -> None:
        """The store's own socket under its own name again, unless it was started anew and made one."""
        aside, self._door.aside = self._door.aside, None
        if aside is not None and self._door.socket is not None:
            if self._door.socket.exists():
                aside.unlink(missing_ok=True)
            elif aside.exists():
                aside.rename(self._door.socket)

    async def _cut_old_connections(self) -> None:
        try:
            async with self._door.connect() as client:
                await client.client_kill_filter(_type="normal", skipme=True)
        except LabError:
            return  # it is away: when it is back, all connect anew

    async def _stand_before_new_store(self) -> None:
        """A store that was started again made its socket anew, in the proxy's place."""
        link = self._links[STORE_LINK]
        async with link.lock:
            if link.proxy is not None:
                await link.proxy.close()
            link.proxy, self._door.aside = None, None
            if link.faults:
                link.proxy = await self._before_store()
                link.proxy.set(**conditions(link.faults))
