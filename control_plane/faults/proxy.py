"""A proxy on loopback that can delay, throttle, cut, and swallow replies, while connections go on.

`Proxy` listens on one address (TCP on loopback, or a Unix socket) and connects each client to one upstream address. It
knows no protocol but what `replies.py` needs. Four conditions, any time, together, also for what is already on its way:

* delay: each part arrives so much later, in order; throughput stays (up to `DELAYED_LINE_BYTES` per delay);
* throttle: all connections share so many bytes per second in each direction, in turns;
* cut: a pulled cable. Nothing passes, nothing is closed, new connections get no answer, so that timeouts are what ends
  them. Put back in, every connection from before is reset: what was on its way then is lost, never late;
* swallowed replies: a request passes, its reply does not, and the connection is closed. So a client of any protocol
  sees a lost reply, never a stream with a hole.

Bounded: `LINE_BYTES` per direction, `POOL_BYTES` more in all for delays, `MOST_CONNECTIONS`; who comes then is reset
and counted (`refused`). Not here: when and why (`network.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import resource
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from control_plane.faults.proxy_line import Connection
from control_plane.faults.proxy_socket import Socket
from control_plane.faults.proxy_wire import Conditions, Counts, Wire
from lab_runtime.valkey import SOCKET_PATH_LIMIT
from metrics_core.errors import LabError

Address = tuple[str, int] | Path
"""Host and port, or a Unix socket."""

MOST_CONNECTIONS: Final = 2_000
CONNECT_WITHIN_S: Final = 5.0
_FILES_FOR_OTHERS: Final = 256


class Proxy:
    """One listening address before one upstream address. Use it with `async with`, or `start` and `close`.

    Args:
        listen: Where clients come; port 0: any free one. A Unix socket must not exist yet.
        upstream: Where they want to go.
        anywhere: Whether it may listen beyond loopback, as in a container's own network.

    Attributes:
        address: Where it really listens, once started.
    """

    def __init__(self, listen: Address, upstream: Address, *, anywhere: bool = False) -> None:
        self.address = listen
        self._upstream, self._anywhere = upstream, anywhere
        self._wire = Wire()
        self._connections: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._most = MOST_CONNECTIONS
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            LabError: It cannot listen there.
        """
        listener = _listener(self.address, self._anywhere)
        if isinstance(self.address, Path):
            self._inode = self.address.stat().st_ino
        else:
            self.address = (self.address[0], listener.getsockname()[1])
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:  # two per connection
            self._most = min(MOST_CONNECTIONS, max(16, (soft - _FILES_FOR_OTHERS) // 2))
        loop = asyncio.get_running_loop()
        if isinstance(self.address, Path):
            self._server = await loop.create_unix_server(self._accept, sock=listener, backlog=1024)
        else:
            self._server = await loop.create_server(self._accept, sock=listener, backlog=1024)

    async def close(self) -> None:
        """Stop listening and reset every connection. A socket file that someone else put there stays."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in list(self._connections):
            connection.reset()
        await server.wait_closed()
        while self._connections:  # the resets take effect in the loop's next rounds
            await asyncio.sleep(0)
        if isinstance(self.address, Path):
            with suppress(FileNotFoundError):
                if self.address.stat().st_ino == self._inode:
                    self.address.unlink()

    async def __aenter__(self) -> Proxy:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    def set(
        self,
        *,
        delay_ms: float = 0.0,
        throttle_bytes_per_s: float | None = None,
        cut: bool = False,
        swallow_replies: float = 0.0,
        seed: int = 1,
    ) -> None:
        """Replace all conditions at once; without arguments everything passes. See `Conditions`.

        Raises:
            LabError: A value is out of its range; nothing changes.
        """
        conditions = Conditions(delay_ms, throttle_bytes_per_s, cut, swallow_replies, seed)
        mended = self.conditions.cut and not cut
        self._wire.set(conditions)
        self.counts.cut_off += len(self._connections) if mended else 0
        for connection in list(self._connections):
            if mended:
                connection.reset()
            else:
                connection.conditions_changed()

    @property
    def conditions(self) -> Conditions:
        """What is set."""
        return self._wire.conditions

    @property
    def counts(self) -> Counts:
        """What it has done."""
        return self._wire.counts

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections)

    @property
    def held_bytes(self) -> int:
        """How many bytes are on their way now."""
        return self._wire.held_bytes

    # -- accepting -----------------------------------------------------------------------------------------------

    def _accept(self) -> Socket:
        connection = Connection(self._wire, self._connections.discard)
        client = connection.client

        def opened() -> None:
            if len(self._connections) >= self._most:
                self.counts.refused += 1
                client.reset()
                return
            self._connections.add(connection)
            self.counts.connections += 1
            connection.conditions_changed()  # in a cut, do not even read
            if not self.conditions.cut:
                task = asyncio.get_running_loop().create_task(self._connect(connection))
                self._connecting.add(task)
                task.add_done_callback(self._connecting.discard)

        client.on_open = opened
        return client

    async def _connect(self, connection: Connection) -> None:
        loop, upstream = asyncio.get_running_loop(), self._upstream
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                if isinstance(upstream, Path):
                    await loop.create_unix_connection(lambda: connection.upstream, str(upstream))
                else:
                    await loop.create_connection(lambda: connection.upstream, *upstream)
        except (OSError, TimeoutError):
            self.counts.unreachable += 1
            connection.reset()
            return
        if not connection.client.is_open:  # it left meanwhile
            connection.reset()


def _listener(address: Address, anywhere: bool) -> socket.socket:
    """A bound socket.

    Raises:
        LabError: It cannot be had.
    """
    if isinstance(address, Path):
        if len(os.fsencode(address)) > SOCKET_PATH_LIMIT:
            raise LabError(
                f"{address}: longer than the {SOCKET_PATH_LIMIT} bytes that a socket's path may have"
            )
        family, where = socket.AF_UNIX, str(address)
    else:
        host = address[0]
        if not anywhere and not ipaddress.ip_address(host).is_loopback:
            raise LabError(f"the proxy for faults listens on loopback only, not on {host}")
        family, where = socket.AF_INET6 if ":" in host else socket.AF_INET, address  # type: ignore[assignment]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        before = os.umask(0o177)  # a Unix socket is for its owner alone
        try:
            sock.bind(where)
        finally:
            os.umask(before)
    except OSError as error:
        sock.close()
        raise LabError(f"the proxy for faults cannot listen on {where}: {error.strerror or error}") from None
    sock.setblocking(False)
    return sock
