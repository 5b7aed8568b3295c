"""What pipeline B says to a producer, and the frames of a connection that it has not answered yet. Pure.

Frames are numbered from 0 on each connection; the `resume` question is none. An ack is cumulative and counts
rejected frames too, so a reject comes before the ack that covers its frame. Whatever else comes is a fault of
the other side.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Final

import msgspec

from fake_servers.outbox import Parcel, parcel_size
from fake_servers.retry import LinkFault

TEMPORARY: Final = frozenset({"backlog_full", "limit_reached", "rate_limited", "unavailable"})
"""Rejects that mean *not now*; the batch is sent again. All others are final."""

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Ack(msgspec.Struct, tag_field="type", tag="ack"):
    """Frames 0 … `frames` - 1 of this connection are held, or were rejected by name."""

    frames: _Count


class Reject(msgspec.Struct, tag_field="type", tag="reject"):
    """One frame was refused."""

    frame: _Count
    error: str
    detail: str = ""


class Resume(msgspec.Struct, tag_field="type", tag="resume"):
    """What the pipeline holds of this producer and epoch."""

    next_seq: _Count
    held: list[tuple[_Count, _Count]] | None = None


_decode = msgspec.json.Decoder(Ack | Reject | Resume).decode


def decode(message: bytes) -> Ack | Reject | Resume:
    """Read one message of pipeline B.

    Raises:
        LinkFault: It is none that this side knows.
    """
    try:
        answer: Ack | Reject | Resume = _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkFault(f"message not understood: {error}") from None
    return answer


class FrameWindow:
    """The frames of one connection that have no ack yet, by their number."""

    def __init__(self) -> None:
        self._frames: deque[tuple[Parcel | None, float, bool]] = deque()
        self._acked = 0
        self.copies_acked = 0
        """Samples of copies that were acked."""

    def __len__(self) -> int:
        return len(self._frames)

    def sent(self, parcel: Parcel, now_s: float, copy: bool = False) -> None:
        """The next frame holds `parcel`; as a `copy`, it was sent before and is only counted."""
        self._frames.append((parcel, now_s, copy))

    def ack(self, frames: int) -> list[Parcel]:
        """All frames before number `frames` are done.

        Returns:
            Their parcels, without those that were rejected and those that were copies.

        Raises:
            LinkFault: That many frames were never sent.
        """
        if frames > self._acked + len(self._frames):
            raise LinkFault(f"ack for {frames} frames where {self._acked + len(self._frames)} were sent")
        done = [self._frames.popleft() for _ in range(frames - self._acked)]
        self._acked = max(self._acked, frames)
        self.copies_acked += sum(parcel_size(parcel) for parcel, _, copy in done if parcel and copy)
        return [parcel for parcel, _, copy in done if parcel is not None and not copy]

    def reject(self, frame: int) -> Parcel | None:
        """Frame number `frame` was refused; an ack will count it all the same.

        Returns:
            Its parcel; None for a copy.

        Raises:
            LinkFault: It is not in flight, or was refused before.
        """
        place = frame - self._acked
        parcel, sent_s, copy = self._frames[place] if 0 <= place < len(self._frames) else (None, 0.0, False)
        if parcel is None:
            raise LinkFault(f"reject for frame {frame}, which is not in flight")
        self._frames[place] = (None, sent_s, copy)
        return None if copy else parcel

    def oldest_s(self) -> float | None:
        """When the oldest frame was sent; None where no frame is in flight."""
        return self._frames[0][1] if self._frames else None
