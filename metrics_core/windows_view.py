"""Windows as `GET /v1/windows` tells them: every figure exact, as it is kept, so that they can be checked to the bit.

Not here: the feed's form with means (`summary.py`, `snapshot.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from metrics_core.sample import PERCENTS, Sample
from metrics_core.summary import Summary

_PARTS: Final = 2**20
"""Sums of percentages are multiples of 2^-20 % (`summary.py`): so many make one percentage point."""


def windows_view(
    pipeline: str, kept: Mapping[str, tuple[Sample | None, Sequence[Summary]]]
) -> dict[str, Any]:
    """The body of the answer.

    Args:
        pipeline: `http_redis` or `websocket`.
        kept: Per producer its newest sample and its windows.

    Returns:
        Per producer `last` and `windows`; minima, maxima and sums are in the order of the sample's fields, sums as
        whole numbers: of 2^-20 % for percentages, of bytes per second for rates.
    """
    producers = {
        name: {"last": _fields(last), "windows": [_window(summary) for summary in windows]}
        for name, (last, windows) in kept.items()
    }
    return {"pipeline": pipeline, "producers": producers}


def _fields(sample: Sample | None) -> dict[str, Any] | None:
    return None if sample is None else {field: getattr(sample, field) for field in Sample.__struct_fields__}


def _window(summary: Summary) -> dict[str, Any]:
    percents = len(PERCENTS)
    sums = [int(total * _PARTS) for total in summary.sums[:percents]] + [
        int(n) for n in summary.sums[percents:]
    ]
    return {"index": summary.index, "n": summary.n, "min": summary.lows, "max": summary.highs, "sum": sums}
