"""A trace: the moments at which one sample passed each hop of its way, each told by whoever saw it pass. Pure.

About twice a second the fleet chooses one sample and says so beside its batch, on both pipelines: pipeline A by the
header `lab-trace: <seq>@<sent µs>`, pipeline B by a message before the frame. From there the trace goes with the sample
(`Batch.trace`) and each part adds its hop::

    A   sent → received → decoded → committed → dequeued → applied → published
    B   sent → received → decoded → applied → published

`received`: the whole batch is in. `published`: a fan-out has taken it up into the next snapshot. All are of one kind of
clock, µs since 1970; between two machines they differ by what their clocks differ.

A trace is an aid and no promise. One that does not fit its batch is dropped without a word, its sample never; one of a
repeat ends where the repeat is found out. Samples without a trace pay nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from metrics_core.limits import MAX_EXACT_INTEGER
from metrics_core.sample import ExactInteger, ProducerName, Sample

HEADER: Final = "lab-trace"
MOST_SHOWN: Final = 8
"""Traces in a snapshot, and most that one commit carries."""

_IN_HEADER: Final = re.compile(rb"(\d{1,16})@(\d{1,16})")


class Trace(Struct):
    """One sample and where it has been.

    Attributes:
        producer: Who took it.
        epoch: The producer's start, µs since 1970.
        seq: Its number.
        sampled_at_us: When it was taken.
        hops: Name and moment (µs since 1970) of each hop, in the order of its way.
    """

    producer: ProducerName
    epoch: ExactInteger
    seq: ExactInteger
    sampled_at_us: ExactInteger
    hops: list[tuple[str, int]]

    def passed(self, hop: str, at_us: int) -> None:
        """Add a hop."""
        self.hops.append((hop, at_us))

    @property
    def identity(self) -> tuple[str, int, int]:
        """Whose way it is."""
        return self.producer, self.epoch, self.seq


class TraceNote(Struct, tag="trace", forbid_unknown_fields=True):
    """A producer's word to pipeline B: of this sample, in the next frame, tell the way."""

    producer: ProducerName
    epoch: ExactInteger
    seq: ExactInteger
    sent_us: ExactInteger


decode_note: Final = msgspec.json.Decoder(TraceNote).decode
encode_traces: Final = msgspec.json.Encoder().encode
decode_traces: Final = msgspec.json.Decoder(list[Trace]).decode


def parse_header(value: bytes) -> tuple[int, int] | None:
    """Sequence number and time of sending (µs since 1970) out of `lab-trace`; None where it says something else."""
    match = _IN_HEADER.fullmatch(value)
    if match is None:
        return None
    seq, sent_us = int(match[1]), int(match[2])
    return (seq, sent_us) if max(seq, sent_us) < MAX_EXACT_INTEGER else None


def begin(
    samples: Sequence[Sample],
    seq: int,
    sent_us: int,
    received_us: int,
    decoded_us: int,
    of: tuple[str, int] | None = None,
) -> Trace | None:
    """The trace of a sample whose batch has been decoded; None where the batch does not hold it.

    Args:
        samples: The batch.
        seq: Number of the sample.
        sent_us: When the producer sent it, by its own word.
        received_us: When the batch was in.
        decoded_us: When it was decoded.
        of: Its producer and epoch; None: of the first sample with that number.
    """
    for sample in samples:
        if sample.seq == seq and (of is None or of == (sample.producer, sample.epoch)):
            hops = [("sent", sent_us), ("received", received_us), ("decoded", decoded_us)]
            return Trace(sample.producer, sample.epoch, seq, sample.sampled_at_us, hops)
    return None


class RecentTraces:
    """The traces that a fan-out shows: each is published once, and repeated until `MOST_SHOWN` newer ones have come."""

    __slots__ = ("_looked_away_us", "_shown")

    def __init__(self, now_us: int) -> None:
        self._shown: deque[Trace] = deque(maxlen=MOST_SHOWN)
        self._looked_away_us = now_us

    def nobody_looks(self, now_us: int) -> None:
        """There is no subscriber: what was applied up to now is published to nobody, and is no trace any more."""
        self._looked_away_us = now_us
        self._shown.clear()

    def publish(self, traces: Iterable[Trace], now_us: int) -> None:
        """Take up what was applied since the last look."""
        for trace in traces:
            if trace.hops[-1][1] >= self._looked_away_us:
                trace.passed("published", now_us)
                self._shown.append(trace)

    @property
    def newest(self) -> list[Trace]:
        """Those to be shown, oldest first."""
        return list(self._shown)
