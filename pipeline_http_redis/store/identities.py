"""Which samples a kept batch holds, by identity alone: for the audit, and for the list of dead letters.

Readings are not decoded. A batch that cannot be read has no identities; whoever asks counts it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec import Struct

from metrics_core.sample import ExactInteger, ProducerName


class Run(NamedTuple):
    """Samples of one producer and epoch with consecutive numbers, both ends included."""

    producer: str
    epoch: int
    low: int
    high: int

    def as_text(self) -> str:
        """The form in which Redis keeps it; no part of it may hold a colon."""
        return f"{self.producer}:{self.epoch}:{self.low}:{self.high}"


class _Identity(Struct, gc=False):
    producer: ProducerName
    epoch: ExactInteger
    seq: ExactInteger


_decode = msgspec.json.Decoder(_Identity | list[_Identity | list[_Identity]]).decode


def runs_of(body: bytes) -> list[Run]:
    """The runs of a group, a batch or a bare sample, in the order sent: a repeated sample is told twice.

    Args:
        body: What `join_batches` or `encode_batch` made; of anything else nothing is told.
    """
    try:
        decoded = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    runs: list[Run] = []
    for part in decoded if isinstance(decoded, list) else [decoded]:
        for found in part if isinstance(part, list) else [part]:
            last = runs[-1] if runs else None
            if last and (last.producer, last.epoch, last.high + 1) == (
                found.producer,
                found.epoch,
                found.seq,
            ):
                runs[-1] = last._replace(high=found.seq)
            else:
                runs.append(Run(found.producer, found.epoch, found.seq, found.seq))
    return runs


def parse_run(text: bytes) -> Run:
    """The run that `as_text` wrote."""
    producer, epoch, low, high = text.decode().split(":")
    return Run(producer, int(epoch), int(low), int(high))
