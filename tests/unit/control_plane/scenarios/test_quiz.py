from __future__ import annotations

import pytest

from control_plane.scenarios.quiz import WrongAnswer, fill, given_answers, results
from control_plane.scenarios.script import Answer, Question

LOST = Question(
    "How many?",
    "A.lost",
    [Answer("none", 0, 0), Answer("some", 1, 10), Answer("many", 11)],
    "{A.lost} of all",
)
KIND = Question(
    "What?", "fault.kind", [Answer("a kill", text_is="kill"), Answer("a pause", text_is="pause")], ""
)


@pytest.mark.parametrize(
    "lost, said, right, ok",
    [
        (0, 1, "none", True),
        (0, 2, "none", False),
        (10, 2, "some", True),
        (11, 3, "many", True),
        (3, 0, "some", False),
    ],
)
def test_a_prediction_is_held_against_the_figure(lost: int, said: int, right: str, ok: bool) -> None:
    (found,) = results([LOST], {"How many?": said} if said else {}, {"A.lost": lost})
    assert (found.right, found.ok, found.measured) == (right, ok, lost)


def test_a_diagnosis_is_held_against_the_fault() -> None:
    (found,) = results([KIND], {"What?": 2}, {"fault.kind": "pause"})
    assert (found.said, found.right, found.ok) == ("a pause", "a pause", True)


def test_a_figure_that_no_answer_covers_makes_none_right() -> None:
    (found,) = results([LOST], {"How many?": 1}, {"A.lost": 0.5})
    assert (found.right, found.ok) == ("", False)


def test_an_explanation_holds_the_figures_of_the_run() -> None:
    assert fill(
        "{A.lost} of {B.x} in {fault.kind}", {"A.lost": 12345, "B.x": 0.25, "fault.kind": "kill"}
    ) == ("12,345 of 0.25 in kill")


def test_answers_are_given_in_the_order_of_the_questions() -> None:
    assert given_answers("2,1", [LOST, KIND]) == {"How many?": 2, "What?": 1}
    assert given_answers("-, 2", [LOST, KIND]) == {"What?": 2}
    assert given_answers("3", [LOST, KIND]) == {"How many?": 3}


@pytest.mark.parametrize(
    "text, says",
    [("4", "expected 1 to 3"), ("0", "expected 1 to 3"), ("x", "expected"), ("1,1,1", "3 answers to 2")],
)
def test_an_answer_that_is_none_is_refused(text: str, says: str) -> None:
    with pytest.raises(WrongAnswer, match=says):
        given_answers(text, [LOST, KIND])
