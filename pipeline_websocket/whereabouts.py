"""Which processed samples the rings still hold, and which were overwritten, by identity.

A producer is looked at in one step, so for each of them it is exact: what is processed and not in its ring was
overwritten. Between two producers others may run; samples that come meanwhile make the answer younger, never wrong.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, count, format_ledger
from metrics_core.runs import split_runs
from pipeline_websocket.aggregator import Aggregator

SAMPLES_AT_ONCE: Final = 10_000
"""Samples looked at in one go, about 2 ms."""


async def look(aggregator: Aggregator) -> dict[str, Any]:
    """The body of `GET /v1/whereabouts`, without what is the process's to tell.

    Returns:
        The places `ring` and `overwritten`, and counts of samples: `ring` and `overwritten` as the rings count them,
        `overwritten_named` as the identities do.
    """
    in_ring: Ledger = {}
    overwritten: Ledger = {}
    held = counted = looked_at = 0
    for name in list(aggregator.ledger()):
        samples = aggregator.newest_samples(name)
        processed = aggregator.ledger_of(name)
        held += len(samples)
        counted += aggregator.overwritten_of(name)
        in_ring[name] = {}
        if samples:
            for group in split_runs(samples[::-1])[0]:
                in_ring[name][group.epoch] = IntervalSet(group.runs)
        for epoch, seen in processed.items():
            gone = seen.minus(in_ring[name].get(epoch, IntervalSet()))
            if len(gone):
                overwritten.setdefault(name, {})[epoch] = gone
        looked_at += len(samples)
        if looked_at >= SAMPLES_AT_ONCE:
            looked_at = 0
            await asyncio.sleep(0)
    return {
        "places": {"ring": format_ledger(in_ring), "overwritten": format_ledger(overwritten)},
        "truncated": False,
        "counts": {"ring": held, "overwritten": counted, "overwritten_named": count(overwritten)},
    }
