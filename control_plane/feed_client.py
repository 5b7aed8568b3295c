"""Reads a pipeline's feed and speaks to pipeline B's ingest, as any client would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from control_plane.tls import trusted_for
from metrics_core.errors import LabError

OPENS_WITHIN_S: Final = 5.0


class FeedStill(LabError):
    """A feed shows no new samples."""


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[ClientConnection]:
    """A WebSocket connection to a part of the lab; never through a proxy.

    Raises:
        LabError: It cannot be opened, or breaks.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with connect(
            url,
            ssl=trusted_for(url),
            additional_headers=headers,
            proxy=None,
            compression=None,
            open_timeout=OPENS_WITHIN_S,
            max_size=None,
        ) as connection:
            yield connection
    except (OSError, TimeoutError, WebSocketException) as error:
        raise LabError(f"{url}: {type(error).__name__} {error}".rstrip()) from None


async def next_snapshot(connection: ClientConnection) -> dict[str, Any]:
    """The next snapshot of a feed."""
    return msgspec.json.decode(await connection.recv(), type=dict[str, Any])


async def until_moving(url: str, token: str, within_s: float) -> dict[str, Any]:
    """Read a feed until `processed` rises between two snapshots.

    Returns:
        The later snapshot.

    Raises:
        FeedStill: It does not, within `within_s` seconds.
        LabError: The feed cannot be read.
    """
    try:
        with anyio.fail_after(within_s):
            async with connected(url, token) as connection:
                first = await next_snapshot(connection)
                while True:
                    later = await next_snapshot(connection)
                    if later["totals"]["processed"] > first["totals"]["processed"]:
                        return later
    except TimeoutError:
        raise FeedStill(f"{url}: no new samples within {within_s:g} s") from None


async def verdict_of_b(url: str, token: str, frame: bytes) -> dict[str, Any]:
    """Send one frame to pipeline B's ingest and give its first answer (`ack` or `reject`)."""
    with anyio.fail_after(OPENS_WITHIN_S):
        async with connected(url, token) as connection:
            await connection.send(frame.decode(), text=True)
            return msgspec.json.decode(await connection.recv(), type=dict[str, Any])
