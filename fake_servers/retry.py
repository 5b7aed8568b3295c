"""How long to wait before the next attempt. Pure: randomness and time come in as arguments.

Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
2015): a thousand producers that lost the same server do not come back at the same moment.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from os import strerror
from random import Random
from typing import Final

from metrics_core.errors import LabError

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 5.0
LONGEST_RETRY_AFTER_S: Final = 60.0
"""A server may ask for patience, not for silence."""


class LinkFault(LabError):
    """The other side is not reached, or does not keep to the protocol; the link tries again."""


class Backoff:
    """Delays between attempts: 0 to a bound that doubles from `FIRST_DELAY_S` to `LONGEST_DELAY_S`."""

    __slots__ = ("_failures", "_random")

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def reset(self) -> None:
        """An attempt succeeded."""
        self._failures = 0

    def next_delay_s(self, retry_after_s: float | None = None) -> float:
        """An attempt failed: how many seconds to wait before the next one.

        Args:
            retry_after_s: What the server asked for; it is kept to the end, with the jitter on top.
        """
        bound_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._failures, 16))
        self._failures += 1
        return (retry_after_s or 0.0) + self._random.uniform(0, bound_s)


def parse_retry_after(value: str | None, now_s: float) -> float | None:
    """The seconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3: seconds, or a date).

    Args:
        value: The header, if there is one.
        now_s: Seconds since 1970.

    Returns:
        0 to `LONGEST_RETRY_AFTER_S`; None where there is no header, or none that can be read.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        wait_s = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now_s
    return min(LONGEST_RETRY_AFTER_S, max(0.0, wait_s))


def reason_of(error: BaseException) -> str:
    """What went wrong, in a few words: the system's own where it said something, below all that wraps it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return (
                strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
            )  # below 0: a name not resolved
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
