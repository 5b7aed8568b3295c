"""What is done to producers on purpose: the kinds of faults, their grades, and what of it acts on one producer. Pure.

    skew-clock       its time stamps are off by so many seconds         undoable
    duplicate        each batch is sent so many times                   undoable
    shuffle          so many samples are held back and leave shuffled   undoable
    crash-producer   it dies in the middle of a send and starts anew    over at once
    reconnect-storm  all connections are cut and opened again           over at once

A producer and its links ask `ProducerFaults` when they take and send; the faults that are over at once are done by
the fleet (see `fleet.py`). Nothing here weakens the account: every identity still has one fate, and the copies of a
batch are counted (`resent`).
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import msgspec

from metrics_core.errors import Malformed, SchemaViolation
from metrics_core.wire import describe

T = TypeVar("T")

EVERYONE: Final = "*"
"""The target that means every producer of the fleet."""


class Grade(NamedTuple):
    """How strong a fault may be, and how strong it is where nobody says."""

    unit: str
    default: float
    low: float
    high: float
    whole: bool = True


class Kind(NamedTuple):
    """A fault of the fleet: its grade (None: it has none), and whether it lasts until it is undone."""

    grade: Grade | None
    undoable: bool


KINDS: Final[dict[str, Kind]] = {
    "crash-producer": Kind(None, undoable=False),
    "skew-clock": Kind(Grade("s", 3600, -86_400, 86_400, whole=False), undoable=True),
    "duplicate": Kind(Grade("copies", 2, 2, 10), undoable=True),
    # Half of what is held back may be gaps at the pipeline, which remembers 1,000 of them.
    "shuffle": Kind(Grade("samples", 20, 2, 1000), undoable=True),
    "reconnect-storm": Kind(None, undoable=False),
}


class FaultRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/faults`, checked."""

    kind: str
    target: str
    grade: float | None = None


class UndoRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /api/faults/undo`, checked."""

    kind: str
    target: str


class ProducerFaults:
    """The faults that act on one producer now.

    Attributes:
        skew_us: Added to every time stamp, in µs.
        copies: How often each batch is sent.
        held_back: Samples that gather before they leave in shuffled order; 0: they leave in order, at once.
    """

    __slots__ = ("copies", "held_back", "skew_us")

    def __init__(self) -> None:
        self.skew_us, self.copies, self.held_back = 0, 1, 0

    def begin(self, kind: str, grade: float) -> None:
        """Let an undoable fault act; one of that kind that acts already gets the new grade."""
        self._set(kind, grade)

    def undo(self, kind: str) -> bool:
        """End an undoable fault.

        Returns:
            Whether it acted.
        """
        acted = kind in self.active()
        self._set(kind, 1 if kind == "duplicate" else 0)
        return acted

    def copy(self, grades: dict[str, float]) -> None:
        """Let exactly these faults act; grades by kind."""
        self.skew_us, self.copies, self.held_back = 0, 1, 0
        for kind, grade in grades.items():
            self._set(kind, grade)

    def _set(self, kind: str, grade: float) -> None:
        match kind:
            case "skew-clock":
                self.skew_us = round(grade * 1e6)
            case "duplicate":
                self.copies = int(grade)
            case "shuffle":
                self.held_back = int(grade)

    def active(self) -> dict[str, float]:
        """The grade of each fault that acts."""
        found: dict[str, float] = {}
        if self.skew_us:
            found["skew-clock"] = self.skew_us / 1e6
        if self.copies > 1:
            found["duplicate"] = self.copies
        if self.held_back:
            found["shuffle"] = self.held_back
        return found


def parse_fault(body: bytes) -> FaultRequest:
    """Read and check a request for a fault; the grade is filled in where it is left out.

    Raises:
        Malformed: Not JSON.
        SchemaViolation: No such kind, or a grade that it cannot have; the detail starts with the path.
    """
    asked = decode(body, FaultRequest)
    grade = _kind(asked.kind).grade
    if grade is None:
        if asked.grade is not None:
            raise SchemaViolation(f"$.grade: {asked.kind} has no grade, leave it out")
        return asked
    value = grade.default if asked.grade is None else asked.grade
    if not grade.low <= value <= grade.high or (grade.whole and value != int(value)):
        number = "a whole number" if grade.whole else "a number"
        raise SchemaViolation(
            f"$.grade: expected {number} from {grade.low:g} to {grade.high:g} ({grade.unit})"
        )
    return FaultRequest(asked.kind, asked.target, value)


def parse_undo(body: bytes) -> UndoRequest:
    """Read and check a request to undo a fault.

    Raises:
        Malformed: Not JSON.
        SchemaViolation: No such kind, or one that is over at once.
    """
    asked = decode(body, UndoRequest)
    if not _kind(asked.kind).undoable:
        raise SchemaViolation(f"$.kind: {asked.kind} is over at once, there is nothing to undo")
    return asked


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise SchemaViolation(f"$.kind: expected one of {', '.join(KINDS)}")
    return KINDS[name]


def decode(body: bytes, form: type[T]) -> T:
    """Read a JSON request.

    Raises:
        Malformed: Not JSON.
        SchemaViolation: Not of this form; the detail starts with the path.
    """
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise SchemaViolation(describe(error)) from None
    except msgspec.DecodeError as error:
        raise Malformed(str(error)) from None
    except (UnicodeDecodeError, RecursionError):
        raise Malformed("not UTF-8, or nested too deeply") from None
