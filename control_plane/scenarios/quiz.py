"""Predictions and diagnoses: which answer was the right one, what was said, and why it is so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from control_plane.scenarios.measures import Measures
from control_plane.scenarios.script import Question
from metrics_core.errors import LabError


class Result(Struct, frozen=True):
    """One question after the run.

    Attributes:
        ask: The question.
        said: The answer that was chosen; empty: none was.
        right: The answer that the run gave; empty where none of them covers it.
        measured: The figure that decided it.
        why: The explanation, with the run's own figures.
    """

    ask: str
    said: str
    right: str
    measured: float | str
    why: str

    @property
    def ok(self) -> bool:
        """Whether what was said is what happened."""
        return bool(self.said) and self.said == self.right


class WrongAnswer(LabError):
    """What was given with `--answers` is no choice."""


def results(questions: list[Question], said: Mapping[str, int], measures: Measures) -> list[Result]:
    """Hold what was said against what was measured.

    Args:
        questions: All of the script.
        said: By question, the number of the answer from 1; a question that is not in it was not answered.
        measures: The run's figures.
    """
    return [_result(question, said.get(question.ask, 0), measures) for question in questions]


def _result(question: Question, said: int, measures: Measures) -> Result:
    value = measures[question.measure]
    right = next((answer.text for answer in question.answers if _covers(answer, value)), "")
    chosen = question.answers[said - 1].text if said else ""
    return Result(question.ask, chosen, right, value, fill(question.why, measures))


def _covers(answer: Any, value: float | str) -> bool:
    if isinstance(value, str):
        return bool(answer.text_is == value)
    return not answer.text_is and answer.low <= value <= answer.high


def fill(text: str, measures: Measures) -> str:
    """A text with the names of measures in braces replaced by their figures."""
    for name, value in measures.items():
        text = text.replace(f"{{{name}}}", value if isinstance(value, str) else f"{value:,.10g}")
    return text


def given_answers(text: str, questions: list[Question]) -> dict[str, int]:
    """`--answers 1,3,2` as answers to the questions in their order; an empty place or `-` leaves one out.

    Raises:
        WrongAnswer: Too many, or not the number of an answer.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > len(questions):
        raise WrongAnswer(f"--answers: {len(parts)} answers to {len(questions)} questions")
    said = {}
    for part, question in zip(parts, questions, strict=False):
        if part in ("", "-"):
            continue
        if not (part.isdecimal() and 1 <= int(part) <= len(question.answers)):
            raise WrongAnswer(
                f"--answers: {part[:20]}: expected 1 to {len(question.answers)} for: {question.ask}"
            )
        said[question.ask] = int(part)
    return said
