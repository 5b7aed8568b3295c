"""Which samples are traced, and how their producer says so: about two a second, the same ones on both pipelines.

A sample is chosen when it is taken, so that both links send it as traced, whenever each of them gets to it. The moments
between two choices are drawn at random: servers take their readings in a fixed order, and a fixed step would meet the
same ones again and again. What is said goes beside the batch, whose bytes stay the same (`metrics_core/trace.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from random import Random
from typing import Final

import msgspec

from fake_servers.history import History
from fake_servers.outbox import Parcel
from fake_servers.spoiled import SpoiledParcel
from lab_runtime.process import now_us
from metrics_core.trace import HEADER, TraceNote

EVERY_US: Final = 500_000
"""Mean time between two choices."""

REMEMBERED: Final = 64
"""Newest choices that may still have to be sent; a sample that is sent later goes untraced."""


class TraceChoice:
    """The samples that are traced, at most the newest of each server.

    Args:
        seed: Of the moments.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)
        self._next_us = 0
        self._chosen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def offer(self, history: History, taken_us: int) -> None:
        """A sample was taken; if it is time, trace it.

        Args:
            history: Of its producer, which holds it already.
            taken_us: When, by a clock that is right, µs since 1970.
        """
        if self._next_us - 2 * EVERY_US < taken_us < self._next_us:
            return  # (the first bound: a clock may be set back)
        self._next_us = taken_us + int(EVERY_US * self._random.uniform(0.5, 1.5))
        self._chosen[history.producer] = history.epoch, history.next_seq - 1
        self._chosen.move_to_end(history.producer)
        if len(self._chosen) > REMEMBERED:
            self._chosen.popitem(last=False)

    def among(self, history: History, parcel: Parcel) -> int | None:
        """The number of the traced sample in what is to be sent; None: there is none."""
        if isinstance(parcel, SpoiledParcel):
            return None  # its numbers are others
        epoch, seq = self._chosen.get(history.producer, (-1, -1))
        if epoch == history.epoch and any(low <= seq <= high for low, high in parcel):
            return seq
        return None


choice: Final = TraceChoice()
"""Of this process."""


def trace_header(seq: int | None) -> dict[str, str] | None:
    """What is added to the headers of a request that is sent now."""
    return None if seq is None else {HEADER: f"{seq}@{now_us()}"}


def trace_note(history: History, seq: int) -> bytes:
    """What is said by WebSocket before a frame that is sent now."""
    return msgspec.json.encode(TraceNote(history.producer, history.epoch, seq, now_us()))
