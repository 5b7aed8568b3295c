"""What can be done to virtual servers: each order with its words. `*` means all servers.

The fleet does all of it, and its types (`fake_servers/orders.py`) say what an order takes and within which bounds; here
it is checked by them before it is passed on, and put into a sentence.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct, structs

from control_plane.controls.refusals import Unknown
from fake_servers.faults import EVERYONE
from fake_servers.orders import ORDERS

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

MEANINGS: Final = {
    "start": "take readings again",
    "stop": "take no readings, and stay connected",
    "restart": "end in order and begin a new epoch",
    "spike": "raise the CPU reading for a while",
    "load": "hold CPU and memory readings high for a while",
    "latency": "let each send wait for a while",
    "invalid": "send batches of one invalid sample each, beside the good ones",
}
"""By the name of the order: what it does."""


class Affected(Struct):
    """How many servers an order acts on."""

    affected: int


def check_name(name: str) -> str:
    """A server's name, or `*`.

    Raises:
        Unknown: No server can be named so.
    """
    if name != EVERYONE and not _NAME.fullmatch(name):
        raise Unknown(f"no server is named {name!r:.80}; {EVERYONE} means all")
    return name


def body_type(action: str) -> type[Struct]:
    """The type of an order's body.

    Raises:
        Unknown: There is no such order.
    """
    if action not in ORDERS:
        raise Unknown(f"servers cannot {action:.40}; they can {', '.join(ORDERS)}")
    return ORDERS[action]


def sentence(name: str, action: str, asked: Struct) -> str:
    """An order in words: `spike on web-01: height 45, for_s 10`."""
    on = "all servers" if name == EVERYONE else name
    given: dict[str, Any] = structs.asdict(asked)
    about = ", ".join(f"{field} {value:.15g}" for field, value in given.items())
    return f"{action} on {on}" + (f": {about}" if about else "")
