"""When a server's readings are an alert: thresholds with hysteresis, computed from what both pipelines keep. Pure.

Hysteresis as in operations: an alert begins at its threshold and ends `CLEARED_BELOW` points under it, so that a
reading that trembles around the threshold does not ring with every sample. The usual way is to remember the state;
here it is read from the windows instead::

    alert at 80, ends below 75          75 ≤ newest < 80: an alert while one of the kept windows
    newest ≥ 80: alert                  reached 80, none otherwise

A remembered state would depend on which samples a fan-out happened to see; newest sample and windows are the same in
both pipelines, whatever came in which pieces, and so are the verdicts. The price: an alert between the two levels ends
by itself when the windows have moved on, after 20 to 30 s.

Not here: when silence begins, which is a matter of the clock (`snapshot.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from metrics_core.sample import METRICS, PERCENTS, Sample
from metrics_core.summary import Summary

CLEARED_BELOW: Final = 5.0
"""Percentage points below a threshold at which its alert ends."""

_WATCHED: Final = [(metric, METRICS.index(metric), metric.removesuffix("_percent")) for metric in PERCENTS]
WARNING: Final = "warning"
CRITICAL: Final = "critical"


class Threshold(Struct, frozen=True):
    """From which percentage on a reading is a warning, and from which it is critical."""

    warning: float
    critical: float

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read `80/95`.

        Raises:
            ValueError: It is not two percentages, the first not above the second.
        """
        warning, slash, critical = text.partition("/")
        found = cls(float(warning), float(critical)) if slash else None
        if found is None or not 0 <= found.warning <= found.critical <= 100:
            raise ValueError(f"{text}: expected warning/critical in percent, such as 80/95")
        return found

    def level(self, value: float, peak: float) -> str:
        """The verdict on a newest reading, where the kept windows reached `peak`; empty: none."""
        for name, threshold in ((CRITICAL, self.critical), (WARNING, self.warning)):
            if value >= threshold or (value >= threshold - CLEARED_BELOW and peak >= threshold):
                return name
        return ""


Thresholds = Mapping[str, Threshold]
"""By metric, of `PERCENTS`."""

DEFAULTS: Final[Thresholds] = {
    "cpu_percent": Threshold(80, 95),
    "memory_percent": Threshold(85, 95),
    "disk_percent": Threshold(85, 95),
}


class AlertRules(Struct, frozen=True):
    """When a server is in trouble.

    Attributes:
        thresholds: Of its readings.
        silent_after_us: Age of its newest sample, in µs, from which on it is silent.
    """

    thresholds: Thresholds = msgspec.field(default_factory=lambda: DEFAULTS)
    silent_after_us: int = 3_000_000


def alerts(last: Sample | None, windows: Sequence[Summary], thresholds: Thresholds) -> list[str]:
    """The alerts of one server, as texts such as `cpu warning`; in the order of `PERCENTS`.

    Args:
        last: Its newest sample; None: it sent only late or future ones.
        windows: The windows that are kept of it.
        thresholds: When.
    """
    if last is None:
        return []
    found = []
    for metric, position, name in _WATCHED:
        value, threshold = getattr(last, metric), thresholds[metric]
        if value < threshold.warning - CLEARED_BELOW:
            continue  # nearly all of them, so here the windows are not even looked at
        peak = max((window.highs[position] for window in windows), default=value)
        level = threshold.level(value, max(peak, value))
        if level:
            found.append(f"{name} {level}")
    return found
