"""The knobs: what can be changed while the lab runs, within which bounds, and who changes it. Pure.

The types below are the one place of names and bounds: requests are checked by them, `GET /api/knobs` and the OpenAPI
document tell them. Not here: changing anything (`board.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

FLEET: Final = "fleet"
PIPELINE_B: Final = "pipeline_b"
KEEPER: Final = "keeper"

OnOff = Literal["on", "off"]
RateFactor = Annotated[
    Literal[1, 10, 100],
    Meta(description="samples per second and server, times what the lab was started with"),
]
Batch = Annotated[int, Meta(ge=1, le=10_000, description="samples that a server puts into one send")]
Transport = Annotated[
    Literal["twin", "http1", "http2", "websocket"],
    Meta(description="what the fleet speaks; twin: every sample down both pipelines"),
]
Replay = Annotated[
    OnOff, Meta(description="whether servers resend from their outboxes what pipeline B acked and lost")
]
Servers = Annotated[int, Meta(ge=0, le=10_000, description="virtual servers in the fleet")]
Workers = Annotated[int, Meta(ge=0, le=8, description="RQ workers of pipeline A")]
RingCapacity = Annotated[
    int, Meta(ge=1, le=1_000_000, description="samples per producer that pipeline B's ring keeps")
]
Compression = Annotated[
    OnOff, Meta(description="messages to pipeline B made smaller; a change makes all servers connect anew")
]
Fsync = Annotated[
    Literal["always", "everysec", "no"],
    Meta(description="when the store forces its append-only file to disk (appendfsync)"),
]


class KnobChange(Struct, forbid_unknown_fields=True):
    """Any of the knobs, each with its new value."""

    rate_factor: RateFactor | UnsetType = UNSET
    batch: Batch | UnsetType = UNSET
    transport: Transport | UnsetType = UNSET
    replay: Replay | UnsetType = UNSET
    servers: Servers | UnsetType = UNSET
    workers: Workers | UnsetType = UNSET
    ring_capacity: RingCapacity | UnsetType = UNSET
    compression: Compression | UnsetType = UNSET
    fsync: Fsync | UnsetType = UNSET

    def wished(self) -> dict[str, Any]:
        """The knobs that are to change, by name."""
        return {name: value for name in PLACES if (value := getattr(self, name)) is not UNSET}


PLACES: Final = {
    "rate_factor": FLEET,
    "batch": FLEET,
    "transport": FLEET,
    "replay": FLEET,
    "servers": FLEET,
    "workers": KEEPER,
    "ring_capacity": PIPELINE_B,
    "compression": PIPELINE_B,
    "fsync": KEEPER,
}
"""Every knob, in the order of the page, and who changes it."""


class KnobView(Struct):
    """One knob as `GET /api/knobs` lists it.

    Attributes:
        value: At the moment; None: it cannot be seen.
        words: All that it may be; None: a whole number from `low` to `high`.
        available: Whether it can be changed here and now; else `why_not` says why.
    """

    name: str
    meaning: str
    value: int | str | None
    words: list[int | str] | None
    low: int | None
    high: int | None
    available: bool
    why_not: str


class Knobs(Struct):
    """The answer of `GET /api/knobs` and of a change."""

    knobs: list[KnobView]


def _bounds() -> dict[str, dict[str, Any]]:
    _, components = msgspec.json.schema_components([KnobChange])
    found: dict[str, dict[str, Any]] = components["KnobChange"]["properties"]
    return found


BOUNDS: Final = _bounds()


def listed(
    seen: dict[str, Any], why_not: dict[str, str], ranges: dict[str, dict[str, Any]] | None = None
) -> Knobs:
    """All knobs.

    Args:
        seen: Present values by name.
        why_not: By name, why a knob cannot be changed; a name that is missing, or an empty text: it can.
        ranges: By name, bounds that this lab sets more narrowly (`low`, `high`).
    """
    views = []
    for name in PLACES:
        bounds, reason = BOUNDS[name], why_not.get(name, "")
        narrow = (ranges or {}).get(name, {})
        views.append(
            KnobView(
                name=name,
                meaning=bounds["description"],
                value=seen.get(name),
                words=bounds.get("enum"),
                low=narrow.get("low", bounds.get("minimum")),
                high=narrow.get("high", bounds.get("maximum")),
                available=not reason,
                why_not=reason,
            )
        )
    return Knobs(views)
