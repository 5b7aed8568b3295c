"""The fleet's knobs: what of it can be changed while it runs, within which bounds. Pure.

    rate_factor   1, 10, 100                             times the rate it was started with
    batch         1 to the outbox's capacity             samples of one send
    transport     twin, http1, http2, websocket          what it speaks, hence which pipelines it feeds
    replay        on, off                                whether pipeline B is given back what it acked and lost
    servers       0 to 10,000                            how many virtual servers

Not here: doing it (`live.py`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fake_servers.config import FleetConfig
from fake_servers.faults import decode
from metrics_core.errors import SchemaViolation

RATE_FACTORS: Final = (1, 10, 100)
TRANSPORTS: Final = ("twin", "http1", "http2", "websocket")
REPLAY: Final = ("on", "off")
MOST_SERVERS: Final = 10_000

MOST_PER_SERVER: Final = 1000.0
"""Samples per second of one server."""

MOST_IN_ALL: Final = 20_000.0
"""Samples per second of all servers that a change may ask for; about what one process can make."""


class Knobs(msgspec.Struct, frozen=True):
    """How the knobs stand."""

    rate_factor: int
    batch: int
    transport: str
    replay: str
    servers: int

    @classmethod
    def from_config(cls, config: FleetConfig) -> Knobs:
        """How they stand when the fleet starts."""
        replay = "on" if config.replay else "off"
        return cls(1, config.batch, config.transport, replay, config.servers)

    @property
    def feeds(self) -> tuple[bool, bool]:
        """Whether pipeline A gets samples, and whether pipeline B does."""
        return self.transport != "websocket", self.transport in ("twin", "websocket")

    def http_version(self, place: int) -> str:
        """What the server number `place` speaks to pipeline A: half of all servers each, and half of each role, too."""
        if self.transport in ("http1", "http2"):
            return self.transport
        return ("http1", "http2")[(place + place // 10) % 2]  # the roles come in rounds of ten


class KnobsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/fleet`; what is left out stays."""

    rate_factor: Literal[1, 10, 100] | UnsetType = UNSET
    batch: int | UnsetType = UNSET
    transport: Literal["twin", "http1", "http2", "websocket"] | UnsetType = UNSET
    replay: Literal["on", "off"] | UnsetType = UNSET
    servers: int | UnsetType = UNSET


def parse_knobs(body: bytes, present: Knobs, config: FleetConfig) -> Knobs:
    """Read and check a change.

    Args:
        body: Of the request.
        present: How the knobs stand.
        config: What the fleet was started with.

    Returns:
        How they are to stand.

    Raises:
        Malformed: Not JSON.
        SchemaViolation: A knob that there is not, or that cannot stand so; the detail starts with the path.
    """
    asked = decode(body, KnobsRequest)
    changes = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    wanted: Knobs = msgspec.structs.replace(present, **changes)
    for name in changes:
        if (bounds := ranges(config)[name])["low"] is not None:
            _check_range(name, changes[name], bounds["low"], bounds["high"])
    _check_rates(wanted, present, config.rate)
    return wanted


def ranges(config: FleetConfig) -> dict[str, dict[str, Any]]:
    """What each knob may be: a whole number from `low` to `high`, or one of `values`."""
    return {
        "rate_factor": _one_of(RATE_FACTORS),
        "batch": {"low": 1, "high": config.outbox_capacity, "values": None},
        "transport": _one_of(TRANSPORTS),
        "replay": _one_of(REPLAY),
        "servers": {"low": 0, "high": MOST_SERVERS, "values": None},
    }


def _one_of(values: tuple[int | str, ...]) -> dict[str, Any]:
    return {"low": None, "high": None, "values": values}


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        why = ", the capacity of an outbox, in which a batch gathers" if name == "batch" else ""
        raise SchemaViolation(f"$.{name}: expected a whole number from {low} to {high}{why}")


def _check_rates(wanted: Knobs, present: Knobs, rate: float) -> None:
    each, before = rate * wanted.rate_factor, rate * present.rate_factor
    if each > max(MOST_PER_SERVER, before):
        raise SchemaViolation(
            f"$.rate_factor: {wanted.rate_factor} times {rate:g} samples/s are {each:g}/s of each server, "
            f"expected at most {MOST_PER_SERVER:g}/s"
        )
    if each * wanted.servers > max(MOST_IN_ALL, before * present.servers):
        raise SchemaViolation(
            f"$: {wanted.servers} servers at {each:g} samples/s are {each * wanted.servers:g}/s, expected at most "
            f"{MOST_IN_ALL:g}/s in all: fewer servers, or a smaller rate_factor"
        )
