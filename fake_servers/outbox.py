"""What one producer has still to send down one pipeline, and what became of everything else. Pure.

Every identity has one fate, and it is known by name, never by count alone:

    created ─→ pending ─→ in flight ─→ acked      the pipeline holds it
                  ↑            │  └──→ rejected   refused for good, by name; never sent again
                  └────────────┘                  failed, timed out, or refused for now
               dropped                            the outbox was full and its oldest sample not settled yet

A number that was given while the producer did not send to this pipeline is `skipped`: it was never created for it.

The outbox keeps the newest `capacity` samples, settled ones too: a pipeline that lost its memory is given
back what it had acked (`resume`). An ack that comes after the drop still counts; the sample is then acked,
not dropped.

Not here: the samples' bytes (see `history.py`, which keeps exactly these `capacity` samples), waiting,
sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from metrics_core.intervals import IntervalSet

Parcel = list[tuple[int, int]]
"""Intervals of sequence numbers that are sent as one batch; ascending unless samples are shuffled."""


def parcel_size(parcel: Parcel) -> int:
    """How many samples a parcel holds."""
    return sum(high - low + 1 for low, high in parcel)


class Outbox:
    """The outbox of one producer and epoch for one pipeline.

    Args:
        capacity: How many samples are kept.

    Attributes:
        next_seq: The number of the next sample, and how many were made.
        acked: Held by the pipeline, by its own word.
        rejected: Refused for good.
        dropped: Given up unsettled, because the outbox was full.
        skipped: Not meant for this pipeline.
        gone: Acked, lost by the pipeline, and not kept here any more (or not to be replayed): lost.
        pending_n: Samples to be sent: those without a fate that are not in flight, and those to be replayed.
        waiting: Samples without a fate, pending or in flight.
        replayed: How often an acked sample was put up to be sent again.
    """

    __slots__ = (
        "_capacity", "_pending", "acked", "dropped", "gone", "next_seq", "pending_n", "rejected", "replayed",
        "skipped", "waiting",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pending = IntervalSet()
        self.next_seq = 0
        self.acked, self.rejected = IntervalSet(), IntervalSet()
        self.dropped, self.gone, self.skipped = IntervalSet(), IntervalSet(), IntervalSet()
        self.pending_n = self.waiting = self.replayed = 0

    @property
    def created(self) -> IntervalSet:
        """All identities made for this pipeline so far."""
        return IntervalSet([(0, self.next_seq - 1)] if self.next_seq else []).minus(self.skipped)

    @property
    def crashed(self) -> IntervalSet:
        """What has no fate yet: of a producer that died, these died with it."""
        return self.created.minus(self.acked).minus(self.rejected).minus(self.dropped)

    @property
    def oldest(self) -> int:
        """The oldest sequence number that is kept (`next_seq` where none is)."""
        return max(0, self.next_seq - self._capacity)

    def add(self, meant: bool = True) -> int:
        """Make the next identity; where the outbox is full, its oldest sample is given up.

        Args:
            meant: Whether the sample is for this pipeline; if not, only its number is passed over.

        Returns:
            The new sequence number.
        """
        seq = self.next_seq
        self.next_seq = seq + 1
        if meant:
            self._pending.add(seq, seq)
            self.pending_n += 1
            self.waiting += 1
        else:
            self.skipped.add(seq, seq)
        evicted = seq - self._capacity
        if evicted >= 0:
            self._evict(evicted)
        return seq

    def _evict(self, seq: int) -> None:
        was_pending = seq in self._pending
        if was_pending:
            self._pending = self._pending.minus(IntervalSet([(seq, seq)]))
            self.pending_n -= 1
        if seq in self.acked:
            if was_pending:
                self.gone.add(seq, seq)
        elif seq not in self.rejected and seq not in self.skipped:
            self.dropped.add(seq, seq)
            self.waiting -= 1

    def take(self, limit: int) -> Parcel:
        """The oldest pending samples, at most `limit`; in flight until one of the next three is called."""
        parcel: Parcel = []
        left = limit
        for low, high in self._pending:
            high = min(high, low + left - 1)
            parcel.append((low, high))
            left -= high - low + 1
            if not left:
                break
        self._pending = self._pending.minus(IntervalSet(parcel))
        self.pending_n -= limit - left
        return parcel

    def oldest_pending(self, limit: int) -> list[int]:
        """The oldest pending samples, at most `limit`; they stay pending."""
        return list(islice((seq for low, high in self._pending for seq in range(low, high + 1)), limit))

    def take_these(self, seqs: Iterable[int]) -> Parcel:
        """Those of `seqs` that are pending, in that order; in flight like those of `take`."""
        parcel = [(seq, seq) for seq in seqs if seq in self._pending]
        self._pending = self._pending.minus(IntervalSet(parcel))
        self.pending_n -= len(parcel)
        return parcel

    def ack(self, parcel: Iterable[tuple[int, int]]) -> None:
        """The pipeline holds these samples."""
        self._settle(parcel, self.acked, self.rejected)

    def reject(self, parcel: Iterable[tuple[int, int]]) -> None:
        """The pipeline refused these samples for good. What it acked before stays acked: a promise stands."""
        self._settle(parcel, self.rejected, self.acked)

    def give_back(self, parcel: Parcel) -> None:
        """The attempt failed: what is still kept of these samples is pending again."""
        for low, high in parcel:
            low = max(low, self.oldest)
            if low <= high:
                self.pending_n += self._pending.add(low, high)

    def resume(self, next_seq: int, held: Iterable[Iterable[int]] | None, replay: bool) -> None:
        """Begin anew on a fresh connection, where nothing is in flight, with what the pipeline says that it
        holds.

        Args:
            next_seq: Where the pipeline would have the producer go on. It is used where `held` is None.
            held: The intervals that the pipeline holds. What of them was not settled here is acked now: its
                ack got lost on the way.
            replay: Whether acked samples that the pipeline no longer holds are sent again.
        """
        everything = self.created
        if held is None:
            has = _common(self.acked, IntervalSet([(0, next_seq - 1)] if next_seq else []))
        else:
            has = _common(everything, IntervalSet(held))
            self.ack(has)
        kept = IntervalSet(everything.overlap(self.oldest, self.next_seq))
        forgotten = self.acked.minus(has)
        if replay:
            self._pending = kept.minus(self.rejected).minus(has)
            self.replayed += _common(forgotten, kept).size
            forgotten = forgotten.minus(kept)
        else:
            self._pending = kept.minus(self.rejected).minus(self.acked)
        self.pending_n = self._pending.size
        self.gone = IntervalSet([*self.gone.minus(has), *forgotten])

    def _settle(self, parcel: Iterable[tuple[int, int]], fate: IntervalSet, other: IntervalSet) -> None:
        for low, high in parcel:
            if other.overlap(low, high):
                self._settle(IntervalSet([(low, high)]).minus(other), fate, other)
                continue
            fresh = fate.add(low, high)
            late = self.dropped.overlap(low, high)
            if late:
                self.dropped = self.dropped.minus(IntervalSet(late))
            self.waiting -= fresh - parcel_size(late)


def _common(one: IntervalSet, other: IntervalSet) -> IntervalSet:
    return IntervalSet(part for low, high in one for part in other.overlap(low, high))
