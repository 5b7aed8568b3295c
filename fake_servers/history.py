"""The newest samples of one producer, packed, in a ring: what an outbox can still send. Pure.

Both outboxes of a producer send from one history, so a sample says the same on both pipelines, byte for byte,
and is kept once. A sample takes 30 bytes here against 400 as an object; the memory is taken as it fills.

    sampled_at_us  cpu     memory  disk    rx     tx        percentages in hundredths of a percent
    int64          uint16  uint16  uint16  int64  int64     slot `seq % capacity` holds the sample `seq`

Not here: which samples are settled (see `outbox.py`).
"""

from __future__ import annotations

from struct import Struct

from fake_servers.signals import Reading
from metrics_core.sample import Sample

_SLOT = Struct("<q3H2q")


class History:
    """A ring of samples.

    Args:
        producer: Name of the producer.
        epoch: Its start, µs since 1970.
        capacity: How many samples are kept; older ones are overwritten.
    """

    __slots__ = ("_capacity", "_slots", "epoch", "next_seq", "producer")

    def __init__(self, producer: str, epoch: int, capacity: int) -> None:
        self.producer, self.epoch = producer, epoch
        self.next_seq = 0
        self._capacity = capacity
        self._slots = bytearray()

    def append(self, sampled_at_us: int, reading: Reading) -> int:
        """Keep a reading, to 1/100 %, as the next sample.

        Returns:
            Its sequence number.
        """
        seq = self.next_seq
        cpu, memory, disk, received, sent = reading
        packed = _SLOT.pack(
            sampled_at_us, round(cpu * 100), round(memory * 100), round(disk * 100), received, sent
        )
        if seq < self._capacity:
            self._slots += packed
        else:
            start = seq % self._capacity * _SLOT.size
            self._slots[start : start + _SLOT.size] = packed
        self.next_seq = seq + 1
        return seq

    def sample(self, seq: int) -> Sample:
        """The sample `seq`.

        Raises:
            IndexError: It is not kept (any more).
        """
        if not max(0, self.next_seq - self._capacity) <= seq < self.next_seq:
            raise IndexError(f"{self.producer}: sample {seq} is not kept")
        slot = _SLOT.unpack_from(self._slots, seq % self._capacity * _SLOT.size)
        sampled_at_us, cpu, memory, disk, received, sent = slot
        return Sample(
            self.producer, self.epoch, seq, sampled_at_us, cpu / 100, memory / 100, disk / 100, received, sent
        )

    def newest(self, most: int) -> list[Sample]:
        """The newest samples, at most so many, the oldest first."""
        kept = min(most, self.next_seq, self._capacity)
        return [self.sample(seq) for seq in range(self.next_seq - kept, self.next_seq)]

    def last(self) -> Sample | None:
        """The newest sample."""
        return self.sample(self.next_seq - 1) if self.next_seq else None
