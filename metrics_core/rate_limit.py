"""How much one producer may send: a token bucket each, kept as one number (GCRA, ITU-T I.371, annex A).

The number is the time at which the producer will have earned what it sent. While that lies at most `BURST_S` ahead, a
batch is taken and moves it on; so a batch of any size goes through, and a large one is paid for by waiting after it.
A bucket that counts tokens instead would never take a batch larger than itself.

Pure: the time comes in. Bounded: `most` producers; beyond them those that owe nothing are forgotten, and where all
owe something a new one is refused.

Phones that joined (`phones.py`) are held to a rate of their own where that is the lower one.

Per process: behind several ingest processes a producer may have the rate of each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from metrics_core.errors import RateLimited
from metrics_core.limits import MAX_PRODUCERS
from metrics_core.phones import MOST_TAKEN_PER_S, is_phone
from metrics_core.sample import Sample

BURST_S: Final = 2.0
FORGET_EVERY_S: Final = 1.0
_US: Final = 1_000_000


class RateLimit:
    """Takes batches while their producers keep to their rate.

    Args:
        samples_per_s: What each producer may send in the long run, above 0.
        most: Producers remembered.
    """

    __slots__ = ("_burst_us", "_cost_us", "_earned_us", "_forgot_us", "_most", "_of_phones", "_rate")

    def __init__(self, samples_per_s: float, most: int = 2 * MAX_PRODUCERS) -> None:
        self._rate, self._of_phones = samples_per_s, min(samples_per_s, MOST_TAKEN_PER_S)
        self._cost_us = _US / samples_per_s
        self._burst_us = BURST_S * _US
        self._most = most
        self._earned_us: dict[str, float] = {}
        self._forgot_us = -math.inf

    def __len__(self) -> int:
        return len(self._earned_us)

    def take(self, samples: Sequence[Sample], now_us: int) -> None:
        """Count a batch, whole or not at all.

        Args:
            samples: At least one.
            now_us: A clock that never steps back, µs since any moment.

        Raises:
            RateLimited: A producer of it is ahead of its rate, or there are too many; nothing of it is counted.
        """
        counted = {samples[0].producer: 1} if len(samples) == 1 else _counted(samples)
        earned_us = self._earned_us
        for producer in counted:
            ahead_us = earned_us.get(producer, 0.0) - now_us - self._burst_us
            if ahead_us > 0:
                rate = self._of_phones if is_phone(producer) else self._rate
                raise _limited(f"{producer} may send {rate:g} samples/s", ahead_us)
        if len(earned_us) + len(counted) > self._most:
            self._make_room(now_us, sum(producer not in earned_us for producer in counted))
        for producer, n in counted.items():
            cost_us = _US / self._of_phones if is_phone(producer) else self._cost_us
            self._earned_us[producer] = max(self._earned_us.get(producer, 0.0), now_us) + n * cost_us

    def _make_room(self, now_us: int, needed: int) -> None:
        if now_us - self._forgot_us >= FORGET_EVERY_S * _US:  # it walks over all of them: not for every batch
            self._forgot_us = now_us
            self._earned_us = {name: at_us for name, at_us in self._earned_us.items() if at_us > now_us}
        if len(self._earned_us) + needed > self._most:
            raise _limited(f"{len(self._earned_us)} producers send, {self._most} may", FORGET_EVERY_S * _US)


def _counted(samples: Sequence[Sample]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for sample in samples:
        counted[sample.producer] = counted.get(sample.producer, 0) + 1
    return counted


def _limited(detail: str, wait_us: float) -> RateLimited:
    fault = RateLimited(detail)
    fault.retry_after_s = max(1, math.ceil(wait_us / _US))
    return fault
