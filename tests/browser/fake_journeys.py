"""Made-up ways of single samples and what waits on them, in the form in which snapshots and `/api/buffers` tell it."""

from __future__ import annotations

from typing import Any, Final

from metrics_core.snapshot import BufferView
from metrics_core.trace import MOST_SHOWN, Trace
from tests.browser.fake_snapshots import EPOCH_US

EVERY_US: Final = 500_000
HOPS_US: Final = {
    "http_redis": {"sent": 1_200, "received": 2_100, "decoded": 2_350, "committed": 7_900, "dequeued": 8_800}
    | {"applied": 12_400},
    "websocket": {"sent": 1_200, "received": 1_750, "decoded": 1_810, "applied": 1_960},
}
"""From the reading to each hop; the last one is as late as the sample's number says."""


def trace(pipeline: str, seq: int, taken_us: int, *, published_after_us: int = 40_000) -> Trace:
    """The way of one sample of `web-01`."""
    hops = [(name, taken_us + after_us) for name, after_us in HOPS_US[pipeline].items()]
    hops.append(("published", hops[-1][1] + published_after_us))
    return Trace(producer="web-01", epoch=EPOCH_US, seq=seq, sampled_at_us=taken_us, hops=hops)


def traces_at(pipeline: str, now_us: int) -> list[Trace]:
    """The newest ways that are known at `now_us`, newest first: two new ones a second."""
    newest = now_us // EVERY_US
    found = [
        trace(pipeline, n, n * EVERY_US, published_after_us=20_000 + n * 37_000 % 160_000)
        for n in range(newest, newest - MOST_SHOWN, -1)
    ]
    return [each for each in found if each.hops[-1][1] <= now_us]


def buffers(pipeline: str, *, full: bool = False) -> list[BufferView]:
    """What waits in a pipeline, little of it or as much as may."""
    if pipeline == "websocket":
        return [
            BufferView("fold", 12, 2_048, "samples"),
            BufferView("ring", 15_000, 15_000, "samples"),
            BufferView("feed", 0, 1, "snapshots"),
        ]
    return [
        BufferView("group commit", 256 if full else 2, 256, "batches"),
        BufferView("Redis queue", 1_000 if full else 1, 1_000, "jobs"),
        BufferView("workers", 2 if full else 1, 2, "workers"),
        BufferView("stream", 3, 10_000, "entries"),
        BufferView("feed", 0, 1, "snapshots"),
    ]


def upstream(at_us: int, *, waiting: int = 4, socket_bytes: int = 812) -> dict[str, Any]:
    """`GET /api/buffers`: the socket of pipeline B cannot be seen."""
    return {
        "fleet": {
            "http_redis": {"waiting": waiting, "capacity": 30_000},
            "websocket": {"waiting": 2, "capacity": 30_000},
        },
        "sockets": {"http_redis": {"bytes": socket_bytes}, "websocket": {"bytes": None}},
        "at_us": at_us,
    }
