"""A scenario's script: a TOML file that says which faults come when, and what to predict. Pure.

Wherever the file gives a range or a list, the seed draws from it; so two runs of one script with one seed inject the
same faults at the same times, and another seed gives the class another run of the same lesson.

Not here: which kinds of faults there are (`control_plane/faults/catalog.py`; a test holds the library against it).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from metrics_core.errors import LabError

LIBRARY: Final = Path(__file__).parent / "library"
LONGEST_S: Final = 600.0

Range = float | tuple[float, float]
"""A figure, or the two ends that the seed draws between."""


class UnknownScenario(LabError):
    """There is no such script, or it cannot be read; the text says which there are, or where it is wrong."""


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """A fault of the script as the file gives it.

    Attributes:
        kind: Kind of fault.
        target: What is hit, or several of which the seed draws one.
        at_s: When, seconds after the beginning.
        grade: How hard, in the unit of the kind; None: the kind's default.
        for_s: How long; None: the kind's default.
    """

    kind: str
    target: str | list[str]
    at_s: Range
    grade: Range | None = None
    for_s: Range | None = None


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer to choose, and when it is the right one: within `low` … `high`, or equal to `text_is`."""

    text: str
    low: float = float("-inf")
    high: float = float("inf")
    text_is: str = ""


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What to predict.

    Attributes:
        ask: The question.
        measure: The figure that decides it, by name (see `measures.py`).
        answers: To choose from.
        why: The explanation; names of measures in braces are filled in.
        when: Asked before the run (a prediction), or after it (a diagnosis).
    """

    ask: str
    measure: str
    answers: list[Answer]
    why: str
    when: Literal["before", "after"] = "before"


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole script.

    Attributes:
        title: One line.
        lesson: What the class is to see, in one or two sentences.
        lasts_s: Length of the run in seconds.
        fault: The faults.
        question: The questions.
        lab: Settings that it needs, by `LAB_…` name.
        mystery: Whether only one of the faults is injected, and hidden until it is revealed.
    """

    title: str
    lesson: str
    lasts_s: float
    fault: list[Step]
    question: list[Question]
    lab: dict[str, str] = field(default_factory=dict)
    mystery: bool = False


class Planned(Struct, frozen=True):
    """One fault of a schedule: what `POST /api/faults` takes, and when."""

    at_s: float
    kind: str
    target: str
    grade: float | None
    for_s: float | None
    hidden: bool

    def as_request(self) -> dict[str, Any]:
        """The body of `POST /api/faults`."""
        request: dict[str, Any] = {"kind": self.kind, "target": self.target, "hidden": self.hidden}
        given = {"grade": self.grade, "for_s": self.for_s}
        return request | {name: value for name, value in given.items() if value is not None}


def names() -> list[str]:
    """The scripts of the library, in alphabetical order."""
    return sorted(path.stem for path in LIBRARY.glob("*.toml"))


def read_script(name: str) -> Script:
    """A script of the library by name, or a file that ends in `.toml`.

    Raises:
        UnknownScenario: There is none, or it is not as it should be.
    """
    path = Path(name) if name.endswith(".toml") else LIBRARY / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise UnknownScenario(f"no scenario is named {name[:80]}; there are {', '.join(names())}")
    try:
        script = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Script)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnknownScenario(f"{path}: {error}") from None
    wrong = _what_is_wrong(script)
    if wrong:
        raise UnknownScenario(f"{path}: {wrong}")
    return script


def _what_is_wrong(script: Script) -> str:
    if not 0 < script.lasts_s <= LONGEST_S:
        return f"lasts_s: expected more than 0 and at most {LONGEST_S:g}"
    if not script.fault:
        return "a script needs at least one [[fault]]"
    for number, step in enumerate(script.fault, 1):
        if not step.target:
            return f"fault {number}: a target is needed"
        if not 0 <= _ends(step.at_s)[0] <= _ends(step.at_s)[1] <= script.lasts_s:
            return f"fault {number}: at_s must lie within the {script.lasts_s:g} s of the run"
        for name in ("grade", "for_s"):
            low, high = _ends(getattr(step, name) or 0.0)
            if low > high:
                return f"fault {number}: {name}: the first end must not be above the second"
    for question in script.question:
        if len(question.answers) < 2:
            return f"{question.ask} needs at least two answers"
    return ""


def draw(script: Script, name: str, seed: int) -> list[Planned]:
    """The schedule of one run, in the order of time.

    Args:
        script: What to draw from.
        name: The script's name; with the seed it decides everything.
        seed: Of this run.
    """
    random = Random(f"{name}/{seed}")
    steps = [random.choice(script.fault)] if script.mystery else script.fault
    schedule = [
        Planned(
            at_s=_draw(random, step.at_s),
            kind=step.kind,
            target=step.target if isinstance(step.target, str) else random.choice(step.target),
            grade=None if step.grade is None else _draw(random, step.grade),
            for_s=None if step.for_s is None else _draw(random, step.for_s),
            hidden=script.mystery,
        )
        for step in steps
    ]
    return sorted(schedule, key=lambda planned: planned.at_s)


def _ends(value: Range) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _draw(random: Random, value: Range) -> float:
    if not isinstance(value, tuple):
        return value
    low, high = value
    whole = low.is_integer() and high.is_integer() and high - low >= 5
    drawn = random.uniform(low, high)
    return float(round(drawn)) if whole else round(drawn, 2)
