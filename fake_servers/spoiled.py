"""Invalid samples, made on purpose: what is wrong with each, and their identities. Pure.

They have an epoch of their own, so that the stream of good ones keeps its numbers without a gap: a refusal is then a
refusal and never a hole. Each is a valid sample but for one thing; the kinds of faults come in turns, and the bytes are
the same on every pipeline. Their fate is kept in an outbox like that of all others (see `link.py`).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

KEPT: Final = 1000
"""Invalid samples of one producer that can still be sent; of more at once the oldest are dropped, by name."""

_FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"cpu_percent": 140.0},
    {"memory_percent": -5.0},
    {"disk_percent": "full"},
    {"net_rx_bytes_per_s": None},
    {"gpu_percent": 50.0},
)
"""What differs from a valid sample: out of range twice, of a wrong type twice, a field that no sample has."""

_WITH_FAULTS: Final = [
    {
        "cpu_percent": 50.0,
        "memory_percent": 50.0,
        "disk_percent": 50.0,
        "net_rx_bytes_per_s": 0,
        "net_tx_bytes_per_s": 0,
    }
    | fault
    for fault in _FAULTS
]


class SpoiledParcel(list[tuple[int, int]]):
    """A parcel (see `outbox.py`) whose numbers are those of invalid samples."""


class Spoiled:
    """The invalid samples of one life of a producer.

    Args:
        producer: Its name.
        epoch: Of these samples, and of no others.
    """

    __slots__ = ("_newest", "epoch", "next_seq", "producer")

    def __init__(self, producer: str, epoch: int) -> None:
        self.producer, self.epoch = producer, epoch
        self.next_seq = 0
        self._newest: deque[bytes] = deque(maxlen=KEPT)

    def make(self, at_us: int) -> bytes:
        """Make the next one.

        Args:
            at_us: Its time stamp.

        Returns:
            It as a batch.
        """
        seq = self.next_seq
        identity = {"producer": self.producer, "epoch": self.epoch, "seq": seq, "sampled_at_us": at_us}
        body = msgspec.json.encode(identity | _WITH_FAULTS[seq % len(_WITH_FAULTS)])
        self._newest.append(body)
        self.next_seq = seq + 1
        return body

    def batch(self, parcel: SpoiledParcel) -> bytes:
        """The one sample of a parcel, as a batch.

        Raises:
            IndexError: It is not kept (any more).
        """
        ((seq, _),) = parcel
        place = seq - self.next_seq + len(self._newest)
        if not 0 <= place < len(self._newest):
            raise IndexError(f"{self.producer}: invalid sample {seq} is not kept")
        return self._newest[place]
