"""Blocks whose figures are planted: a level for each headline figure, and what is added to its logarithm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from load_tests.runs.figures import BY_KEY, HEADLINE
from load_tests.runs.schema import (
    Clock,
    Cost,
    Counts,
    Generator,
    Machine,
    Plan,
    ProcessCost,
    Protocol,
    Quantiles,
    Run,
    Setup,
    Store,
    Wire,
)

LEVELS: Final = {
    "processed_p50": 5.0, "processed_p99": 12.0, "accepted_p50": 3.0, "accepted_p99": 8.0, "visible_p50": 130.0,
    "visible_p99": 260.0, "cpu": 1.0, "wire_bytes": 650_000.0, "memory": 200.0,
}  # fmt: skip
MACHINE: Final = Machine("5f3a90c2", "AMD EPYC", 2, 25_300_000_000, "Linux 6.18", "3.11.7")
SAMPLES: Final = 8000
_KINDS: Final[dict[str, tuple[Protocol, Store]]] = {
    "http1": ("http1", "redis"), "http2": ("http2", "redis"), "websocket": ("websocket", "memory"),
    "http1-memory": ("http1", "memory"), "http2-memory": ("http2", "memory"), "websocket-redis": ("websocket", "redis"),
}  # fmt: skip
_SAID: Final = {"http1": "HTTP/1.1", "http2": "HTTP/2", "websocket": "WebSocket 13"}


def block(
    arm: str = "http1",
    name: str = "01",
    log: Mapping[str, float] | None = None,
    absent: Sequence[str] = (),
    plan: Mapping[str, Any] | None = None,
    setup: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """A run with every headline figure at its level times e^`log`.

    Args:
        arm: One of the six.
        name: Part of its id.
        log: Added to the logarithms of figures.
        absent: Clocks that were not measured; `cost` for the bill.
        plan, setup: Fields to replace.
        fields: Of the run itself, to replace (`status`, `counts`, …).
    """
    protocol, store = _KINDS[arm]
    redis = store == "redis"
    value = {key: level * math.exp((log or {}).get(key, 0.0)) for key, level in LEVELS.items()}
    clocks = {
        clock: Clock(Quantiles(SAMPLES, value[f"{clock}_p50"], 0, value[f"{clock}_p99"], 0, 0))
        for clock in ("accepted", "processed", "visible")
        if clock not in absent
    }
    process = ProcessCost("all", value["cpu"] * SAMPLES / 1000, 0.0, round(value["memory"] * 1e6), 5, 5)
    sent = round(value["wire_bytes"] * SAMPLES / 1000)
    cost = Cost(10.0, [process], Wire(0, 0, sent, 0, 0, 50, "TCP_INFO"))
    if "cost" in absent:
        cost = Cost(10.0, [], Wire(0, 0, 0, 0, 0, 0, "channel"))
    run = Run(
        id=f"{name}-{arm}", started_at_us=1_766_200_000_000_000, status="complete", reasons=[],
        plan=Plan(arm, protocol, store, 1000.0, 1, 50, "steady", "poisson", 8.0, 2.0, 7),
        setup=Setup(
            "on disk" if redis else "in memory", "always" if redis else "none", 2 if redis else 0, 1,
            5 if redis else 1, "none", False, _SAID[protocol], "this folder", "4eca2ef", True, 0.0,
            {"starlette": "1.10.0", "valkey": "9.1.2"} if redis else {"starlette": "1.10.0"},
        ),
        machine=MACHINE, counts=Counts(created=SAMPLES, acked=SAMPLES, processed=SAMPLES), missing={}, clocks=clocks,
        cost=cost, generator=Generator(18.5, 24.0, 0.08, 0.31, 1.0, 80.0, SAMPLES, 0), events=[],
    )  # fmt: skip
    run = msgspec.structs.replace(run, **fields)
    run.plan = msgspec.structs.replace(run.plan, **(plan or {}))
    run.setup = msgspec.structs.replace(run.setup, **(setup or {}))
    return run


def noise_of(
    rng: np.random.Generator, sd: float = 0.04, disturbed: float = 0.0, shared: float = 0.5
) -> dict[str, float]:
    """Noise of one block's logarithms, so that the log ratio of two blocks has the standard deviation `sd`.

    Args:
        disturbed: Probability that something else ran meanwhile: all figures of the block up to three times as high.
        shared: Share of the variance that the block's figures have in common.
    """
    common = rng.standard_normal()
    hit = rng.uniform(0.2, 1.1) if rng.random() < disturbed else 0.0
    scale = sd / math.sqrt(2)
    return {
        key: scale * (math.sqrt(shared) * common + math.sqrt(1 - shared) * rng.standard_normal()) + hit
        for key in HEADLINE
    }


def blocks(
    arm: str,
    n: int,
    rng: np.random.Generator,
    log: Mapping[str, float] | None = None,
    prefix: str = "",
    **kind: Any,
) -> list[Run]:
    """`n` blocks with noise around planted differences; `kind` is of `noise_of`."""
    planted = log or {}
    noises = [noise_of(rng, **kind) for _ in range(n)]
    return [
        block(arm, f"{prefix}{place:02d}", {key: noise[key] + planted.get(key, 0.0) for key in noise})
        for place, noise in enumerate(noises)
    ]


def aa_pairs(arm: str, n: int, rng: np.random.Generator, **kind: Any) -> list[tuple[Run, Run]]:
    """A/A pairs of an arm."""
    firsts, seconds = (blocks(arm, n, rng, prefix=f"aa{side}-", **kind) for side in "ab")
    return list(zip(firsts, seconds, strict=True))


def everywhere(ratio: float) -> dict[str, float]:
    """A planted ratio on every headline figure."""
    return dict.fromkeys(HEADLINE, math.log(ratio))


def figure(run: Run, key: str) -> float | None:
    """A figure's value of a run."""
    return BY_KEY[key].of(run)
