"""Phones that joined as servers: how their names are told apart, and how much one may send.

A phone's name begins with `PREFIX`, which no server of the fleet has. So pipelines can hold phones to a stricter rate,
and audits can tell their samples from the fleet's, without asking who joined.

Not here: who may join (`control_plane/join/table.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from metrics_core.errors import InvalidSample
from metrics_core.sample import Sample

PREFIX: Final = "phone-"
MOST_MADE_PER_S: Final = 10
"""Samples per second that the phone's page makes at most."""

MOST_TAKEN_PER_S: Final = 20.0
"""Samples per second that a pipeline takes from one phone in the long run: twice as many, so that one that was cut off
catches up."""


class NoPhone(InvalidSample):
    """Whoever came in by a link for phones sends in another name."""

    error, status = "forbidden", 403


def is_phone(producer: str) -> bool:
    """Whether a producer is a phone."""
    return producer.startswith(PREFIX)


def only_phones(samples: Iterable[Sample]) -> None:
    """Check a batch that came with a token for joining.

    Raises:
        NoPhone: One of its samples is of another producer.
    """
    for sample in samples:
        if not is_phone(sample.producer):
            raise NoPhone(f"this token is for phones: a name must begin with {PREFIX}")
