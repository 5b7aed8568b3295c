"""What can be broken, how much, and for how long: pure tables and the check of a request.

Invariant: everything that the engine begins went through `check`. Not here: whether a kind is available in this lab
(the actuators say so), and what it does (they do it).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from control_plane.faults.actuators import FaultRefused

LONGEST_S: Final = 3_600.0
EVERY_SERVER: Final = "*"
ANY_WORKER: Final = "worker"
_SERVER_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Grade(msgspec.Struct, frozen=True):
    """How much: a number with a unit, within a range.

    Attributes:
        unit: What the number counts.
        default: Where a request names none.
        low: Least.
        high: Most.
        whole: Whether it must be a whole number.
        one: The unit of exactly one; empty: the same.
    """

    unit: str
    default: float
    low: float
    high: float
    whole: bool = True
    one: str = ""

    def words(self, value: float) -> str:
        """An amount in words."""
        return f"{value:.15g} {self.one if self.one and value == 1 else self.unit}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: On the command line, in the API, in scenarios.
        on: What its targets are: `process`, `worker`, `store`, `link`, `feed`, `pipeline_a`, `server`, `fleet`.
        meaning: One sentence for people.
        grade: How much; None: there is no more or less.
        default_for_s: How long where a request says nothing; None: its effect is over at once and cannot be undone.
    """

    name: str
    on: str
    meaning: str
    grade: Grade | None = None
    default_for_s: float | None = None

    @property
    def undoable(self) -> bool:
        """Whether its effect lasts until it is undone."""
        return self.default_for_s is not None


def _kinds(*kinds: Kind) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS: Final = _kinds(
    Kind("kill", "process", "end the process at once (SIGKILL), as a crash does; it is started again"),
    Kind(
        "kill-mid-batch",
        "worker",
        "end a worker while it holds a batch that is not applied; it is started again",
    ),
    Kind(
        "pause",
        "process",
        "stop the process without ending it: it keeps its connections and is silent",
        None,
        10,
    ),
    Kind("restart", "process", "ask the process to end in order (SIGTERM); it is started again"),
    Kind(
        "out-of-memory",
        "store",
        "let the store take no more than it holds (maxmemory): it refuses writes and still answers",
        Grade("bytes still free", 0, 0, 1e12),
        10,
    ),
    Kind(
        "disk-full",
        "store",
        "let the store's append-only file grow no further: it cannot keep what it is sent",
        Grade("bytes still free", 0, 0, 1e12),
        10,
    ),
    Kind("delay", "link", "hold every byte back, each way", Grade("ms each way", 200, 1, 60_000), 20),
    Kind("throttle", "link", "let only so many bytes through, each way", Grade("bytes/s", 2_000, 1, 1e9), 20),
    Kind(
        "cut",
        "link",
        "let no byte through, as with a pulled cable: connections stay open and are silent",
        None,
        10,
    ),
    Kind(
        "swallow-replies",
        "link",
        "let requests through and lose replies: whoever asked does not know whether it was done",
        Grade("share of replies", 1, 0, 1, whole=False),
        10,
    ),
    Kind(
        "silent-dashboard",
        "feed",
        "a dashboard that connects and never reads",
        Grade("dashboards", 1, 1, 100, one="dashboard"),
        20,
    ),
    Kind("slow-dashboard", "feed", "a dashboard that reads too slowly", Grade("bytes/s", 1_000, 1, 1e9), 20),
    Kind(
        "poison-batch",
        "pipeline_a",
        "queue batches that no worker can decode",
        Grade("batches", 1, 1, 100, one="batch"),
    ),
    Kind(
        "crash-producer",
        "server",
        "a server dies in the middle of a send, with its outbox; it starts again with a new epoch",
    ),
    Kind(
        "skew-clock",
        "server",
        "a server's clock is wrong",
        Grade("seconds", 3_600, -86_400, 86_400, whole=False),
        20,
    ),
    Kind("duplicate", "server", "a server sends every batch several times", Grade("copies", 2, 2, 10), 20),
    Kind(
        "shuffle",
        "server",
        "a server holds samples back and sends them in a shuffled order",
        Grade("samples held back", 20, 2, 1_000),
        20,
    ),
    Kind("reconnect-storm", "fleet", "all servers close their connections at once and open them again"),
)
"""Every kind by name, in the order of the documents and of the page."""


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """A fault as it is asked for (`POST /api/faults`, the command line, a scenario).

    Attributes:
        for_s: Seconds; absent: the kind's default; None or 0: until it is undone.
        hidden: Whether lists and events keep it secret until it is revealed.
    """

    kind: str
    target: str
    grade: float | None = None
    for_s: float | msgspec.UnsetType | None = msgspec.UNSET
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request. `for_s` is None where it lasts until it is undone, or is over at once."""

    kind: Kind
    target: str
    grade: float | None
    for_s: float | None
    hidden: bool


def decode(body: bytes) -> Request:
    """A request from JSON.

    Raises:
        FaultRefused: It is none.
    """
    try:
        return msgspec.json.decode(body, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FaultRefused(str(error)) from None


def kind_named(name: str) -> Kind:
    """A kind by name.

    Raises:
        FaultRefused: There is none of that name.
    """
    if name not in KINDS:
        raise FaultRefused(f"no such fault: {name:.40}{_nearest(name, list(KINDS))}")
    return KINDS[name]


def check(request: Request, targets: Sequence[str]) -> Order:
    """Check a request against the tables.

    Args:
        request: What is asked for.
        targets: What the kind can be done on here.

    Raises:
        FaultRefused: One of its parts cannot be; the text says which, and what may stand there.
    """
    kind = kind_named(request.kind)
    if kind.on == "server":
        if request.target != EVERY_SERVER and not _SERVER_NAME.fullmatch(request.target):
            raise FaultRefused(f"target: expected a server's name or {EVERY_SERVER}")
    elif request.target not in targets:
        wanted = ", ".join(targets) or "nothing here"
        raise FaultRefused(
            f"target: {kind.name} acts on {wanted}, not on {request.target:.40}"
            + _nearest(request.target, targets)
        )
    return Order(
        kind, request.target, _grade(kind, request.grade), _for_s(kind, request.for_s), request.hidden
    )


def _grade(kind: Kind, wished: float | None) -> float | None:
    if kind.grade is None:
        if wished is not None:
            raise FaultRefused(f"grade: {kind.name} has none")
        return None
    value = kind.grade.default if wished is None else wished
    if not kind.grade.low <= value <= kind.grade.high or (kind.grade.whole and value != int(value)):
        what = "a whole number" if kind.grade.whole else "a number"
        low, high = f"{kind.grade.low:.15g}", f"{kind.grade.high:.15g}"
        raise FaultRefused(
            f"grade: expected {what} from {low} to {high} ({kind.grade.unit}), not {value:.15g}"
        )
    return value


def _for_s(kind: Kind, wished: float | msgspec.UnsetType | None) -> float | None:
    if not kind.undoable:
        if wished is not msgspec.UNSET and wished:
            raise FaultRefused(f"for_s: {kind.name} is over at once")
        return None
    if wished is msgspec.UNSET:
        return kind.default_for_s
    if wished is not None and not 0 <= wished <= LONGEST_S:
        raise FaultRefused(
            f"for_s: expected seconds up to {LONGEST_S:g}, or 0: until it is undone; not {wished:.15g}"
        )
    return wished or None


def entry(kind: Kind, targets: Sequence[str], why_not: str) -> dict[str, Any]:
    """A kind as `GET /api/faults` lists it."""
    grade = kind.grade
    return {
        "kind": kind.name,
        "targets": list(targets),
        "grade": grade
        and {"unit": grade.unit, "default": grade.default, "low": grade.low, "high": grade.high},
        "undoable": kind.undoable,
        "default_for_s": kind.default_for_s,
        "meaning": kind.meaning,
        "available": not why_not,
        "why_not": why_not,
    }


def sentence(kind: str, target: str, grade: float | None, for_s: float | None) -> str:
    """A fault in words: `delay on fleet-a: 200 ms each way, for 20 s`."""
    about = KINDS[kind]
    text = f"{kind} on {target}"
    if about.grade and grade is not None:
        text += f": {about.grade.words(grade)}"
    if about.undoable:
        text += f", for {for_s:g} s" if for_s else ", until it is undone"
    return text


def _nearest(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""
