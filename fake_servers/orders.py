"""What can be done to single servers on demand, and within which bounds: the bodies of the requests. Pure.

    start, stop    it takes readings, or none; it stays connected either way
    restart        it ends in order and begins anew, in a new epoch
    spike          its CPU rises for a time
    load           its CPU and memory are held high for a time
    latency        each of its sends waits, for a time
    invalid        it sends batches of one invalid sample each, beside the good ones

Not here: doing it (`live.py`).
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from fake_servers.faults import decode
from metrics_core.errors import RemoteFault, SchemaViolation

MOST_INVALID: Final = 10_000
"""Invalid samples of one request, over all servers."""

MOST_TEXT: Final = 200
"""Characters of a broadcast."""

Percent = Annotated[float, Meta(ge=1, le=100)]


class UnknownServer(RemoteFault):
    """There is no server of this name."""

    error, status = "not_found", 404


class NotNow(RemoteFault):
    """The server is there, and this cannot be done to it."""

    error, status = "conflict", 409


class Plain(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `start`, `stop` and `restart`: nothing, or `{}`."""


class Spike(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `spike`: percentage points, and seconds (it rises and falls in 2 s each)."""

    height: Percent = 45.0
    for_s: Annotated[float, Meta(ge=4, le=600)] = 10.0


class Load(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `load`: what CPU and memory do not fall below, and seconds."""

    cpu_percent: Percent = 90.0
    for_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0


class Latency(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `latency`: how long each send waits, and seconds."""

    ms: Annotated[float, Meta(ge=1, le=5000)] = 200.0
    for_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0


class Invalid(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `invalid`: how many invalid samples each server sends."""

    n: Annotated[int, Meta(ge=1, le=100)] = 5


class Broadcast(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/broadcast`."""

    text: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT)]


Order = Plain | Spike | Load | Latency | Invalid

ORDERS: Final[dict[str, type[Order]]] = {
    "start": Plain,
    "stop": Plain,
    "restart": Plain,
    "spike": Spike,
    "load": Load,
    "latency": Latency,
    "invalid": Invalid,
}
"""Every order and its body; what a body leaves out has a default."""


def parse_order(action: str, body: bytes) -> Order:
    """Read and check the body of an order; an empty one leaves everything out.

    Raises:
        UnknownServer: There is no such order (no such path).
        Malformed: Not JSON.
        SchemaViolation: A value out of its range, or one that there is not; the detail starts with the path.
    """
    if action not in ORDERS:
        raise UnknownServer(f"no order is named {action!r:.80}; there are {', '.join(ORDERS)}")
    return decode(body or b"{}", ORDERS[action])


def parse_broadcast(body: bytes) -> str:
    """Read and check a text for all servers.

    Raises:
        Malformed: Not JSON.
        SchemaViolation: No text, too long, or with characters that cannot be printed.
    """
    text = decode(body, Broadcast).text.strip()
    if not text or not text.isprintable():
        raise SchemaViolation("$.text: expected one line of printable text")
    return text
