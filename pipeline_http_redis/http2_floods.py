"""What an HTTP/2 connection may cost beyond its requests, frame by frame.

Each of these frames is legal and costs the sender next to nothing; in masses they are attacks with names of their own:

======================================  ====  ==========================
frame                                   cost  in masses
======================================  ====  ==========================
RST_STREAM of a request                    3  rapid reset, CVE-2023-44487
a request beyond the limit of streams      3  (is refused, RFC 9113, 5.1.2)
SETTINGS                                   3  CVE-2019-9515
PING                                       1  CVE-2019-9512
PRIORITY                                   1  CVE-2019-9513
DATA of a few bytes that is not the last   1  CVE-2019-9511, CVE-2019-9518
an unknown frame                           1
WINDOW_UPDATE                            1/4
a request                                 -1
======================================  ====  ==========================

A request gives back a little. A connection that has spent its allowance is ended with ENHANCE_YOUR_CALM. Not here:
CONTINUATION floods and HPACK bombs; h2 bounds the frames of a header block (64) and what it may unpack to (64 KiB).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from h2 import events

from lab_runtime.allowance import Allowance

ALLOWANCE: Final = 300
PER_S: Final = 100
REFUSED_STREAM_COSTS: Final = 3
FEW_BYTES: Final = 16

_COSTS: Final[dict[type[events.Event], float]] = {
    events.StreamReset: 3,
    events.RemoteSettingsChanged: 3,
    events.PingReceived: 1,
    events.PriorityUpdated: 1,
    events.WindowUpdated: 0.25,
    events.UnknownFrameReceived: 1,
    events.RequestReceived: -1,
}


def new_allowance(now_s: float) -> Allowance:
    """What a new connection may spend."""
    return Allowance(ALLOWANCE, PER_S, now_s)


def cost_of(received: Iterable[events.Event]) -> float:
    """What the frames of one read cost together."""
    cost = 0.0
    for event in received:
        if type(event) is events.DataReceived:
            # the last one may be empty: that is how a body ends
            cost += event.flow_controlled_length < FEW_BYTES and not event.stream_ended
        else:
            cost += _COSTS.get(type(event), 0)
    return cost


def without_cancelled(received: list[events.Event]) -> list[events.Event]:
    """The same without requests that were cancelled in the same read: nothing is begun for them."""
    cancelled = {event.stream_id for event in received if type(event) is events.StreamReset}
    if not cancelled:
        return received
    cancelled &= {event.stream_id for event in received if type(event) is events.RequestReceived}
    return [event for event in received if getattr(event, "stream_id", None) not in cancelled]
