"""What a process does to itself when the fault engine asks: end, restart, stand still.

Under `up` the supervisor signals its children. In a container nobody stands outside: no Docker socket is mounted, so
each process takes orders (`PATH`, only with `LAB_FAULTS=inside`, behind the same guards as everything else) and signals
itself. HTTP ports take them by POST; WebSocket ports, whose library parses GET only, by a WebSocket with one message
each way. What ends is started again by the container's restart policy.

A process that stands still cannot be asked to go on. So a small helper process stops it, waits for the time to be up or
for whoever shows the key that the order's answer told, and lets it go on (`pause_helper.py`).

    order    {"kind": "pause", "target": "self", "for_s": 10}
    answer   {"undo": {"port": 40123, "key": "…"}}       or {"undo": null}: over at once
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from lab_runtime.logs import get_logger
from metrics_core.errors import RemoteFault, TooLarge

PATH: Final = "/v1/fault"
SELF: Final = "self"
LONGEST_PAUSE_S: Final = 600.0
MOST_BYTES: Final = 1_024
_ASKS_WITHIN_S: Final = 5.0
_SIGNAL_AFTER_S: Final = 0.1
"""So that the answer leaves first."""
_SIGNALS: Final = {"kill": signal.SIGKILL, "restart": signal.SIGTERM}
_HELPER: Final = Path(__file__).with_name("pause_helper.py")
_log = get_logger("faults")


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be broken, or (`undo` given) put right.

    Attributes:
        kind: As in the fault engine's catalog.
        target: `self`, or what this process can reach and the engine cannot.
        grade: How much, in the kind's unit.
        for_s: How long, at most `LONGEST_PAUSE_S`; None: until it is undone.
        undo: What the answer to the order told: end that effect.
    """

    kind: str
    target: str = SELF
    grade: float | None = None
    for_s: float | None = None
    undo: dict[str, Any] | None = None


class CannotObey(RemoteFault):
    """This process does not do that, or not to that target."""

    error, status = "schema", 422


class NotDone(RemoteFault):
    """It was tried, and did not take place."""

    error, status = "fault_failed", 502


Obey = Callable[[Order], Awaitable[dict[str, Any] | None]]
"""Carries out an order; gives what its undo needs, None where it is over at once. Raises RemoteFault."""


class SelfFaults:
    """Orders of a process to itself.

    Args:
        host: Where the helper of a pause listens; the process's own address.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._pause: asyncio.subprocess.Process | None = None

    async def obey(self, order: Order) -> dict[str, Any] | None:
        """Carry out an order.

        Raises:
            CannotObey: It is none for this process.
            NotDone: It did not take place.
        """
        if order.target != SELF or order.undo is not None:
            raise CannotObey(f"this process acts on itself only, not on {order.target:.40}")
        number = _SIGNALS.get(order.kind)
        if number is not None:
            _log.warning("fault", kind=order.kind)
            asyncio.get_running_loop().call_later(_SIGNAL_AFTER_S, os.kill, os.getpid(), number)
            return None
        if order.kind != "pause":
            raise CannotObey(f"a process can kill, restart or pause itself, not {order.kind:.40}")
        return await self._stand_still(pause_length_s(order.for_s))

    async def _stand_still(self, for_s: float) -> dict[str, Any]:
        if self._pause is not None and self._pause.returncode is None:
            raise NotDone("it is about to stand still already")
        key = secrets.token_urlsafe(16)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.create_server((self._host, 0), family=family) as listener:
            port = listener.getsockname()[1]
            try:
                self._pause = await _start_helper(for_s, key, listener)
            except OSError as error:
                raise NotDone(f"no process to let it go on again ({error.strerror})") from None
        _log.warning("fault", kind="pause", for_s=for_s)
        return {"port": port, "key": key}


def pause_length_s(for_s: float | None) -> float:
    """How long a pause lasts that nobody ends.

    Raises:
        CannotObey: Not a length of time, or too long.
    """
    if for_s is None:
        return LONGEST_PAUSE_S
    if not 0 < for_s <= LONGEST_PAUSE_S:
        raise CannotObey(f"for_s: expected seconds up to {LONGEST_PAUSE_S:g} for a pause, not {for_s:.15g}")
    return for_s


async def _start_helper(for_s: float, key: str, listener: socket.socket) -> asyncio.subprocess.Process:
    """Start the helper; the key goes by a pipe, where no process list shows it."""
    numbers = [str(number) for number in (os.getpid(), _SIGNAL_AFTER_S, for_s, listener.fileno())]
    helper = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # nothing but the standard library is imported, so it is small and there at once
        "-S",
        str(_HELPER),
        *numbers,
        stdin=asyncio.subprocess.PIPE,
        pass_fds=[listener.fileno()],
    )
    assert helper.stdin is not None
    helper.stdin.write(key.encode())
    helper.stdin.close()
    return helper


async def answer(obey: Obey, body: bytes) -> tuple[int, bytes]:
    """Carry out an order as it came over HTTP.

    Returns:
        HTTP status and JSON body.
    """
    try:
        if len(body) > MOST_BYTES:
            raise TooLarge(f"an order has at most {MOST_BYTES} bytes")
        try:
            order = msgspec.json.decode(body, type=Order)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CannotObey(str(error)) from None
        return 200, msgspec.json.encode({"undo": await obey(order)})
    except RemoteFault as fault:
        return fault.status, msgspec.json.encode(fault.as_dict())


async def serve_order(obey: Obey, connection: ServerConnection) -> None:
    """Carry out one order that comes over a WebSocket, answer, and end the connection."""
    try:
        async with asyncio.timeout(_ASKS_WITHIN_S):
            message = await connection.recv()
            body = message if isinstance(message, bytes) else message.encode()
            _, said = await answer(obey, body)
            await connection.send(said, text=True)
    except (ConnectionClosed, TimeoutError):
        return
