"""From what was seen to figures: losses from two audits, standstills and peaks from the snapshots between. Pure.

A figure's name has its pipeline in front (`A.lost`, `B.standstill_s`); `unbalanced` are equations of the audit that do
not hold. All that is counted, is counted from the
beginning of the run, so that what an earlier demo lost in the same lab does not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LETTERS: Final = {"http_redis": "A", "websocket": "B"}
LOST: Final = ("lost_outbox", "lost_producer", "lost_store", "lost_memory")
FATES: Final = (*LOST, "rejected", "dead_lettered", "overwritten")
COUNTERS: Final = ("processed", "duplicates", "rejected", "refused", "late", "future", "redelivered")
_ACKED_LOST: Final = ("lost_store", "lost_memory")

Measures = dict[str, float | str]


class Watch:
    """What one pipeline's feed showed: the longest standstill, the highest backlog and p99."""

    def __init__(self) -> None:
        self._processed = -1
        self._moved_s = 0.0
        self.standstill_s = 0.0
        self.peak_backlog = 0.0
        self.peak_p99_ms = 0.0

    def see(self, snapshot: Mapping[str, Any], at_s: float) -> None:
        """Take a snapshot that came `at_s` seconds after the beginning."""
        processed = snapshot["totals"]["processed"]
        if processed != self._processed:
            if self._processed >= 0:
                self.standstill_s = max(self.standstill_s, at_s - self._moved_s)
            self._processed, self._moved_s = processed, at_s
        self.peak_backlog = max(self.peak_backlog, snapshot["backlog"]["waiting"])
        self.peak_p99_ms = max(self.peak_p99_ms, snapshot["latency_ms"]["processed"]["p99"])

    def end(self, at_s: float) -> None:
        """The run is over: a standstill that lasts still counts."""
        if self._processed >= 0:
            self.standstill_s = max(self.standstill_s, at_s - self._moved_s)


def measure(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    totals: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]],
    watches: Mapping[str, Watch],
    faults: list[Mapping[str, Any]],
) -> Measures:
    """All figures of a run.

    Args:
        before: `GET /api/audit` at the beginning.
        after: The same at the end, when all is settled.
        totals: Each pipeline's counters before and after.
        watches: What each pipeline's feed showed.
        faults: The injected faults as `GET /api/faults` tells them, revealed.
    """
    found: Measures = {}
    for pipeline, letter in LETTERS.items():
        counts = [audit["pipelines"][pipeline]["counts"] for audit in (before, after)]
        fates = {fate: counts[1].get(fate, 0) - counts[0].get(fate, 0) for fate in FATES}
        first, last = totals[pipeline]
        counted = {name: _grown(first, last, name) for name in COUNTERS}
        watch = watches[pipeline]
        figures: dict[str, float] = fates | counted
        figures["lost"] = sum(fates[fate] for fate in LOST)
        figures["lost_acked"] = sum(fates[fate] for fate in _ACKED_LOST)
        figures["standstill_s"] = round(watch.standstill_s, 1)
        figures["peak_backlog"] = watch.peak_backlog
        figures["peak_p99_ms"] = round(watch.peak_p99_ms, 1)
        figures["unbalanced"] = sum(
            not equation["holds"] for equation in after["pipelines"][pipeline]["equations"]
        )
        found |= {f"{letter}.{name}": value for name, value in figures.items()}
    found["AB.future_difference"] = abs(float(found["A.future"]) - float(found["B.future"]))
    recovered = [fault["recovered_s"] for fault in faults if fault.get("recovered_s") is not None]
    found["fault.recovered_s"] = round(max(recovered, default=0.0), 1)
    found["fault.kind"] = faults[0]["kind"] if faults else ""
    found["fault.target"] = faults[0]["target"] if faults else ""
    return found


def _grown(first: Mapping[str, int], last: Mapping[str, int], name: str) -> int:
    """How far a counter grew; where its holder lost it and began anew, what it counted since."""
    grown = last.get(name, 0) - first.get(name, 0)
    return grown if grown >= 0 else last.get(name, 0)
