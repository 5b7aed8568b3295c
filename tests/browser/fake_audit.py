"""Made-up audits in the form of `GET /api/audit`: every identity of a fleet with one fate, for both pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from tests.browser.fake_snapshots import EPOCH_US, producer_names

Run = tuple[int, int, str]
REASON: Final = "schema: $[0].cpu_percent: expected a number <= 100"

A_RUNS: Final[list[Run]] = [
    (0, 99, "processed"),
    (100, 101, "lost_outbox"),
    (102, 199, "processed"),
    (200, 200, "rejected"),
    (201, 260, "processed"),
    (261, 264, "dead_lettered"),
    (265, 300, "processed"),
    (301, 303, "lost_store"),
    (304, 584, "processed"),
    (585, 588, "waiting_worker"),
    (589, 595, "waiting_queue"),
    (596, 599, "waiting_outbox"),
]
B_RUNS: Final[list[Run]] = [
    (0, 87, "overwritten"),
    (88, 199, "processed"),
    (200, 200, "rejected"),
    (201, 420, "processed"),
    (421, 450, "lost_memory"),
    (451, 599, "processed"),
]
"""All fates, on one server with 600 samples; a server before it has crashed and lost some."""


def _pipeline(producers: dict[str, dict[str, list[Run]]]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for epochs in producers.values():
        for runs in epochs.values():
            for low, high, fate in runs:
                counts[fate] += high - low + 1
    created = counts.total()
    lost = sum(counts[fate] for fate in ("lost_store", "lost_memory"))
    return {
        "ok": lost == 0,
        "counts": dict(counts),
        "equations": [
            {"text": "created = sum of all fates", "left": created, "right": created, "holds": True},
            {"text": "acked = processed + …", "left": created, "right": created - lost, "holds": lost == 0},
        ],
        "producers": producers,
        "reasons": {
            name: {
                epoch: [(low, high, REASON) for low, high, fate in runs if fate == "rejected"]
                for epoch, runs in epochs.items()
            }
            for name, epochs in producers.items()
        },
        "truncated": False,
        "cut": False,
        "unnamed": {"dead_lettered": 0},
    }


def audit(a: dict[str, dict[str, list[Run]]], b: dict[str, dict[str, list[Run]]]) -> dict[str, Any]:
    """An audit of what is given per producer and epoch."""
    return {"at_us": EPOCH_US, "pipelines": {"http_redis": _pipeline(a), "websocket": _pipeline(b)}}


def healthy(servers: int, samples: int = 600) -> dict[str, Any]:
    """All processed."""
    sides = [
        {name: {str(EPOCH_US): [(0, samples - 1, "processed")]} for name in producer_names(servers)}
        for _ in range(2)
    ]
    return audit(*sides)


def battered(servers: int = 50) -> dict[str, Any]:
    """Every fate on every server, at places that differ; the first server has crashed once."""
    later = str(EPOCH_US + 600_000_000)
    sides: list[dict[str, dict[str, list[Run]]]] = [{}, {}]
    for number, name in enumerate(producer_names(servers)):
        for side, runs in zip(sides, (A_RUNS, B_RUNS), strict=True):
            side[name] = {str(EPOCH_US): list(_stretched(runs, number * 3 % 60))}
    for side in sides:
        crashed = next(iter(side.values()))
        crashed[str(EPOCH_US)][-1] = (596, 599, "lost_producer")
        crashed[later] = [(0, 39, "processed")]
    return audit(*sides)


def _stretched(runs: list[Run], by: int) -> Iterable[Run]:
    """The same runs, the first one longer and all others later."""
    for low, high, fate in runs:
        yield (low + by if low else 0), high + by, fate
