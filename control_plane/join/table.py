"""Who has joined: a bounded table of phones and of what they told of their samples. Pure: the time comes in.

A place is taken by joining, kept by reporting, and free again when the phone leaves, or tells nothing for
`FREE_AFTER_S`. A phone proves that it is the same one by its key: so it comes back to its name after a reload, a lost
connection or a restart of the control API, and nobody takes its name meanwhile. Accounts outlive places, the newest
`MOST_ACCOUNTS` of them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from control_plane.join.account import Report
from metrics_core.errors import RemoteFault, SchemaViolation
from metrics_core.phones import PREFIX

FREE_AFTER_S: Final = 30.0
MOST_ACCOUNTS: Final = 2_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}", re.ASCII)
_US: Final = 1_000_000


class JoinOff(RemoteFault):
    """Joining is switched off."""

    error, status = "join_off", 403


class JoinFull(RemoteFault):
    """All places are taken."""

    error, status = "join_full", 409


class NameInUse(RemoteFault):
    """Another phone has the name."""

    error, status = "name_in_use", 409


class NotJoined(RemoteFault):
    """This phone has no place."""

    error, status = "not_joined", 404


@dataclass(slots=True)
class Place:
    """One phone that has joined.

    Attributes:
        producer: Its name on the wire and on the board.
        epoch: Of its samples, µs since 1970.
        key: Known to the phone alone.
        heard_us: When it joined or reported last.
    """

    producer: str
    epoch: int
    key: str
    heard_us: int


class JoinTable:
    """The phones of one lab.

    Args:
        most: Places.
        on: Whether phones may join.

    Attributes:
        on: Whether phones may join, and those that have joined may stay.
        forgotten: Accounts of phones that were let go of, as there were too many.
    """

    def __init__(self, most: int, on: bool) -> None:
        self.most, self.on = most, on
        self._places: dict[str, Place] = {}
        self._accounts: dict[tuple[str, int], tuple[str, Report]] = {}
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def reports(self) -> Iterable[Report]:
        """What every phone told last, also those that left."""
        return [report for _, report in self._accounts.values()]

    def join(self, name: str, key: str, now_us: int, epoch: int | None = None) -> tuple[Place, bool]:
        """Take a place.

        Args:
            name: Without the prefix.
            key: The phone's own; a new one where it joins for the first time.
            now_us: The present.
            epoch: Of the samples that it has made already; None: it begins.

        Returns:
            The place, and whether the phone had none before.

        Raises:
            JoinOff, JoinFull, NameInUse: It cannot have one.
            SchemaViolation: The name cannot be used.
        """
        if not self.on:
            raise JoinOff("joining is switched off; ask who runs the lab")
        if not _NAME.fullmatch(name):
            raise SchemaViolation(
                "$.name: expected 1-24 of A-Z a-z 0-9 . _ -, the first of them a letter or a digit"
            )
        self.sweep(now_us)
        owner = self._places.get(name.lower())
        if owner and not _same(owner.key, key):
            raise NameInUse(f"the name {name} is in use; choose another one")
        if owner is None and len(self._places) >= self.most:
            raise JoinFull(f"{self.most} phones have joined, and no more may; try again when one has left")
        begun = max(now_us, owner.epoch + 1 if owner else 0) if epoch is None else epoch
        place = Place(owner.producer if owner else PREFIX + name, begun, key, now_us)
        self._places[name.lower()] = place
        self._keep(key, Report(place.producer, begun, 0), again=False)
        return place, owner is None

    def report(self, key: str, report: Report, now_us: int) -> None:
        """Take what a phone tells; its account counts also where its place is gone.

        Raises:
            SchemaViolation: The report cannot be true.
            JoinOff: Joining is switched off: the phone must stop.
            NotJoined: It has no place, or no longer.
        """
        report.check()
        self._keep(key, report, again=True)
        if not self.on:
            raise JoinOff("joining was switched off")
        place = self._places.get(_short(report.producer))
        if place is None or place.epoch != report.epoch or not _same(place.key, key):
            raise NotJoined("this phone has no place any more: join again")
        place.heard_us = now_us

    def leave(self, key: str, report: Report, now_us: int) -> None:
        """Give the place back, with a last account; raises as `report` does."""
        self.report(key, report, now_us)
        del self._places[_short(report.producer)]

    def switch(self, on: bool) -> None:
        """Let phones join, or send all away."""
        self.on = on
        if not on:
            self._places.clear()

    def sweep(self, now_us: int) -> list[str]:
        """Free the places of phones that tell nothing; gives their names."""
        gone = [
            short for short, place in self._places.items() if now_us - place.heard_us > FREE_AFTER_S * _US
        ]
        return [self._places.pop(short).producer for short in gone]

    def _keep(self, key: str, report: Report, *, again: bool) -> None:
        of = (report.producer, report.epoch)
        known = self._accounts.get(of)
        if known is None:
            if again:
                return  # nobody joined under this name: whoever tells this knows of no key, either
        elif not _same(known[0], key) or report.made < known[1].made:
            return
        self._accounts.pop(of, None)  # put at the end: the longest unheard is the first to be forgotten
        self._accounts[of] = (key, report)
        if len(self._accounts) > MOST_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
            self.forgotten += 1


def _short(producer: str) -> str:
    return producer.removeprefix(PREFIX).lower()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
