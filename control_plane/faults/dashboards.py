"""Faults of subscribers: dashboards that never read, or read too slowly.

Each is a raw socket with a small receive buffer: a WebSocket library would read ahead and hide what it does. A silent
one stays cut once the lab has cut it; a slow one connects again, as a browser does. Only its own end of the connection
is here; what the pipelines do about it is in `lab_runtime/feed.py`.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

import anyio

from control_plane.faults.actuators import Undo
from control_plane.faults.background import Background
from control_plane.tls import trusted_for
from metrics_core.errors import LabError

FEEDS: Final = {"http_redis": "feed_a", "websocket": "feed_b"}
RECEIVE_BUFFER_BYTES: Final = 4_096
_CONNECT_WITHIN_S: Final = 3.0
_AGAIN_S: Final = 1.0
_SIP_S: Final = 0.1


class DashboardFaults:
    """Subscribers that harm themselves, and should harm nobody else.

    Args:
        urls: Where the feeds are (`Settings.urls`).
        token: Bearer token; empty: none.
        background: Where the subscribers live.
    """

    kinds = frozenset({"silent-dashboard", "slow-dashboard"})

    def __init__(self, urls: Mapping[str, str], token: str, background: Background) -> None:
        self._urls = urls
        self._token = token
        self._background = background

    def targets(self, kind: str) -> list[str]:
        """Both feeds."""
        return list(FEEDS)

    def why_not(self, kind: str) -> str:
        """Both are available."""
        return ""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Connect.

        Raises:
            LabError: The feed does not take the connection.
        """
        url, amount = urlsplit(self._urls[FEEDS[target]]), int(grade or 1)
        ended = anyio.Event()
        n = amount if kind == "silent-dashboard" else 1
        opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        try:
            while len(opened) < n:
                opened.append(await self._open(url))
        except BaseException:
            for _, writer in opened:
                writer.transport.abort()
            raise
        if kind == "silent-dashboard":
            for _, writer in opened:
                self._background.start(_hold, writer, ended)
        else:
            self._background.start(self._sip, url, amount, opened[0], ended)

        async def undo() -> None:
            ended.set()

        return undo

    async def _sip(
        self,
        url: SplitResult,
        bytes_per_s: int,
        first: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        ended: anyio.Event,
    ) -> None:
        """Read so many bytes a second, and connect again when it is cut."""
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = first
        try:
            while not ended.is_set():
                try:
                    connection = connection or await self._open(url)
                    await _read_slowly(connection[0], bytes_per_s, ended)
                except (LabError, OSError):
                    pass  # the pipeline is away, or cut it
                if connection:
                    connection[1].transport.abort()
                    connection = None
                with anyio.move_on_after(_AGAIN_S):
                    await ended.wait()
        finally:
            if connection:
                connection[1].transport.abort()

    async def _open(self, url: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which the feed has begun, and of which nothing has been read.

        Raises:
            LabError: The feed does not take it.
        """
        try:
            with anyio.fail_after(_CONNECT_WITHIN_S):
                sock = await _connect(url.hostname or "", url.port or 0)
                reader, writer = await asyncio.open_connection(
                    sock=sock,
                    limit=RECEIVE_BUFFER_BYTES // 2,
                    ssl=trusted_for(url.geturl()),
                    server_hostname=url.hostname if url.scheme == "wss" else None,
                )
                writer.write(self._handshake(url))
                head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise LabError(f"{url.geturl()} does not take a subscriber ({type(error).__name__})") from None
        status = head.decode("latin-1").partition("\r\n")[0]
        if " 101 " not in status:
            writer.transport.abort()
            raise LabError(f"{url.geturl()} does not take a subscriber: {status:.80}")
        return reader, writer

    def _handshake(self, url: SplitResult) -> bytes:
        lines = [
            f"GET {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *([f"Authorization: Bearer {self._token}"] if self._token else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


async def _connect(host: str, port: int) -> socket.socket:
    """A connected socket whose receive buffer is small: what is not read must stay at the sender."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _hold(writer: asyncio.StreamWriter, ended: anyio.Event) -> None:
    try:
        await ended.wait()
    finally:
        writer.transport.abort()


async def _read_slowly(reader: asyncio.StreamReader, bytes_per_s: int, ended: anyio.Event) -> None:
    """Until the connection ends, or `ended`."""
    sip = max(1, int(bytes_per_s * _SIP_S))
    wait_s = sip / bytes_per_s
    while not ended.is_set() and await reader.read(sip):
        with anyio.move_on_after(wait_s):
            await ended.wait()
