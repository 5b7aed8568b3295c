"""A circular buffer: the newest samples of one producer, in fixed memory.

::

    capacity 4, after samples 0 … 5:      slots   [ 4 | 5 | 2 | 3 ]
                                          next slot to write ^ (2)

Overwriting the oldest is counted. It is retention, not loss: a sample that is overwritten has been in the aggregates
since it arrived.
"""

from __future__ import annotations

from metrics_core.sample import Sample


class Ring:
    """The newest `capacity` samples in order of arrival."""

    __slots__ = ("_capacity", "_next", "_slots", "overwritten")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slots: list[Sample] = []  # grows up to the capacity, then its places are used again
        self._next = 0
        self.overwritten = 0

    def extend(self, samples: list[Sample]) -> None:
        """Append samples, oldest first; what they push out is counted in `overwritten`."""
        capacity, slots = self._capacity, self._slots
        if len(samples) > capacity:
            self.overwritten += len(samples) - capacity
            samples = samples[-capacity:]
        room = capacity - len(slots)
        if room and room >= len(samples):
            slots.extend(samples)
            self._next = len(slots) % capacity
            return
        if room:
            slots.extend(samples[:room])
            samples = samples[room:]
            self._next = 0
        self.overwritten += len(samples)
        start = self._next
        upto = start + len(samples)
        if upto <= capacity:
            slots[start:upto] = samples
        else:
            fits = capacity - start
            slots[start:] = samples[:fits]
            slots[: upto - capacity] = samples[fits:]
        self._next = upto % capacity

    def resize(self, capacity: int) -> None:
        """Hold so many from now on; where that is fewer, the oldest go, and are counted in `overwritten`."""
        slots = self.newest_first()[:capacity]
        slots.reverse()
        self.overwritten += len(self._slots) - len(slots)
        self._slots, self._capacity, self._next = slots, capacity, len(slots) % capacity

    def newest_first(self) -> list[Sample]:
        """The samples held, newest first."""
        slots = self._slots
        if len(slots) < self._capacity:
            return slots[::-1]
        return slots[: self._next][::-1] + slots[self._next :][::-1]

    def __len__(self) -> int:
        return len(self._slots)
