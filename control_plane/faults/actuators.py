"""What the engine asks of those who act: one protocol for breaking a part, one for seeing it recover.

There are two sets of them: under `up` the supervisor's process acts on its own children (`local.py`), in a container
the parts act on themselves (`inside.py`). The engine knows neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from metrics_core.errors import RemoteFault

Undo = Callable[[], Awaitable[None]]
"""Ends the effect of a fault; called once. It returns soon (within a second or two) and may go on in the background."""


class FaultRefused(RemoteFault):
    """A request that cannot be a fault here: an unknown kind, target or grade, or a kind that is not available."""

    error, status = "schema", 422


class FaultActive(RemoteFault):
    """The same fault is active on the same target, or too many are."""

    error, status = "conflict", 409


class UnknownFault(RemoteFault):
    """No fault has this id."""

    error, status = "not_found", 404


class FaultFailed(RemoteFault):
    """The fault was tried and did not take place; the text says why."""

    error, status = "fault_failed", 502


class Actuator(Protocol):
    """Does some kinds of faults."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that it does."""

    def targets(self, kind: str) -> list[str]:
        """On what it can do them; for kinds on servers only examples."""

    def why_not(self, kind: str) -> str:
        """Why a kind is not available here; empty: it is."""

    async def begin(self, kind: str, target: str, grade: float | None, for_s: float | None) -> Undo | None:
        """Break something. Returns when the effect has begun.

        Args:
            kind: One of `kinds`.
            target: On what.
            grade: How much, in the unit that the catalog names; None for kinds without grades.
            for_s: For how many seconds; None: until it is undone. The engine calls the undo in any case; this is for
                those whose means end by themselves (Redis' CLIENT PAUSE).

        Returns:
            What ends the effect; None where the effect is over at once.

        Raises:
            LabError: It did not take place; nothing is left of the attempt.
        """


class Recovery(Protocol):
    """Sees when a part is well again."""

    async def before(self, kind: str, target: str) -> object:
        """Look at the part before it is broken, within 1 s, for `until_well`. Never raises."""

    async def until_well(self, kind: str, target: str, before: object) -> None:
        """Return when the part works again as it did. No deadline: the engine has one."""
