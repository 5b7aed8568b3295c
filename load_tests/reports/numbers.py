"""Figures as text: three significant digits, a narrow space before the unit, an en dash where there is no figure.

Counts are the exception: a sample more or less matters, so they are shown whole.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from load_tests.runs.schema import Ratio

NONE: Final = "–"
NARROW: Final = "\u202f"
_NO_UNIT: Final = ("", "1")


def three(value: float | None) -> str:
    """A figure with three significant digits and no exponent: `0.0912`, `4.70`, `12,300`."""
    if value is None or not math.isfinite(value):
        return NONE
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def with_unit(value: float | None, unit: str) -> str:
    """A figure and its unit: `4.70 ms`; the unit `1` is not shown."""
    text = three(value)
    return text if text == NONE or unit in _NO_UNIT else f"{text}{NARROW}{unit}"


def count(value: int) -> str:
    """A count, whole: `12,345`."""
    return f"{value:,}"


def samples(number: int) -> str:
    """`1 sample`, `7 samples`."""
    return f"{count(number)} sample{'' if number == 1 else 's'}"


def times(value: float | None) -> str:
    """A ratio: `0.12 ×`."""
    return with_unit(value, "×")


def interval(ratio: Ratio) -> str:
    """The interval of a ratio: `0.11 to 0.13`."""
    return f"{three(ratio.low)} to {three(ratio.high)}"


def sentence(text: str) -> str:
    """A text that ends like a sentence."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def seconds(value: float) -> str:
    """A length of time: `10 s`, `2.5 s`."""
    return f"{value:g}{NARROW}s"


def moment(at_us: int) -> str:
    """A point in time, in UTC: `2026-11-20 14:03 UTC`; an en dash for what no calendar holds."""
    try:
        return datetime.fromtimestamp(at_us / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return NONE


def gigabytes(size_bytes: int) -> str:
    """Memory of a machine: `25.3 GB`."""
    return with_unit(size_bytes / 1e9, "GB")
