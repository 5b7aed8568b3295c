"""The fleet's account: what became of every identity of every life, of servers that left, too. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fake_servers.link import Link
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger

FATES: Final = ("created", "acked", "rejected", "dropped", "crashed")
"""What the ledger tells, by the names that an `Outbox` has for it; `crashed` only of lives that are over."""

Reasons = dict[str, dict[str, list[list[int | str]]]]


def ledger_of(links: Iterable[Link]) -> dict[str, Ledger]:
    """What became of every identity, by fate.

    Epochs without any are left out, with one exception: where a producer made samples and none of them for this
    pipeline, `created` has that epoch, empty. Else an audit would hold them for those of a producer that died unheard.
    """
    links = list(links)
    return {fate: _identities(links, fate) for fate in FATES}


def _identities(links: list[Link], fate: str) -> Ledger:
    found: Ledger = {}
    for link in links:
        for life in link.past if fate == "crashed" else link.lives():
            intervals: IntervalSet = getattr(life.outbox, fate)
            if len(intervals) or (fate == "created" and life.outbox.next_seq):
                found.setdefault(link.history.producer, {})[life.epoch] = intervals
    return found


def reasons_of(links: Iterable[Link]) -> Reasons:
    """Why samples were rejected, by producer and epoch: `[[low, high, reason], …]`."""
    found: Reasons = {}
    for link in links:
        for epoch, outbox, reasons in link.lives():
            if len(outbox.rejected):
                told = reasons.as_lists(outbox.rejected)
                found.setdefault(link.history.producer, {})[str(epoch)] = told
    return found
