from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.faults.catalog import KINDS
from control_plane.scenarios.measures import Watch, measure
from control_plane.scenarios.script import LIBRARY, Script, UnknownScenario, draw, names, read_script
from lab_runtime.env import VARIABLES

FAULT = '[[fault]]\nkind = "kill"\ntarget = "redis"\nat_s = 1\n'
HEAD = 'title = "t"\nlesson = "l"\nlasts_s = 5\nquestion = []\n'


def written(folder: Path, text: str) -> str:
    path = folder / "script.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture(params=names())
def script(request: pytest.FixtureRequest) -> Script:
    return read_script(request.param)


def test_there_is_a_script_for_each_part_of_the_lab_and_for_each_lesson() -> None:
    assert set(names()) >= {
        "worker", "redis", "ingest", "fanout", "websocket", "naive", "backpressure", "duplicates", "clock-liar",
        "reconnect-storm", "mystery",
    }  # fmt: skip
    assert all(path.suffix == ".toml" for path in LIBRARY.iterdir())


@pytest.mark.parametrize("seed", range(5))
def test_every_fault_of_the_library_is_one_that_the_engine_knows(script: Script, seed: int) -> None:
    for planned in draw(script, "any", seed):
        kind = KINDS[planned.kind]
        assert planned.grade is None or kind.grade is not None
        if planned.grade is not None and kind.grade is not None:
            assert kind.grade.low <= planned.grade <= kind.grade.high
            assert not kind.grade.whole or planned.grade.is_integer()
        assert planned.for_s is None or kind.undoable


def test_settings_and_measures_of_the_library_exist(script: Script) -> None:
    assert set(script.lab) <= set(VARIABLES)
    part: dict[str, Any] = {"counts": {}, "equations": []}
    audit = {"pipelines": {"http_redis": part, "websocket": part}}
    totals: dict[str, tuple[dict[str, int], dict[str, int]]] = {"http_redis": ({}, {}), "websocket": ({}, {})}
    known = measure(audit, audit, totals, {"http_redis": Watch(), "websocket": Watch()}, [])
    for question in script.question:
        assert question.measure in known
        for text in question.why.split("{")[1:]:
            assert text.partition("}")[0] in known, text


def test_answers_to_a_figure_cover_everything_from_zero_up(script: Script) -> None:
    for question in script.question:
        if any(answer.text_is for answer in question.answers):
            continue
        ranges = sorted((answer.low, answer.high) for answer in question.answers)
        assert ranges[0][0] <= 0
        assert ranges[-1][1] == float("inf")
        for (_, high), (low, _) in pairwise(ranges):
            assert low - high in (0, 1), question.ask


def test_answers_of_the_mystery_name_whatever_may_be_drawn() -> None:
    script = read_script("mystery")
    for seed in range(200):
        (planned,) = draw(script, "mystery", seed)
        assert planned.hidden
        for question, value in zip(script.question, (planned.kind, planned.target), strict=True):
            assert value in {answer.text_is for answer in question.answers}


@given(st.integers(0, 2**31))
def test_one_seed_gives_one_schedule_within_the_ranges(seed: int) -> None:
    for name in names():
        script = read_script(name)
        schedule = draw(script, name, seed)
        assert schedule == draw(script, name, seed)
        assert [planned.at_s for planned in schedule] == sorted(planned.at_s for planned in schedule)
        assert len(schedule) == (1 if script.mystery else len(script.fault))
        assert all(0 <= planned.at_s <= script.lasts_s for planned in schedule)


def test_another_seed_gives_another_run() -> None:
    script = read_script("worker")
    assert len({draw(script, "worker", seed)[0].at_s for seed in range(20)}) > 10
    assert {draw(script, "worker", seed)[0].target for seed in range(20)} == {"worker-1", "worker-2"}


def test_a_request_holds_what_was_drawn_and_nothing_empty(tmp_path: Path) -> None:
    name = written(tmp_path, HEAD + FAULT + "for_s = [2, 2]\n")
    (planned,) = draw(read_script(name), name, 1)
    assert planned.as_request() == {"kind": "kill", "target": "redis", "hidden": False, "for_s": 2.0}


@pytest.mark.parametrize(
    "text, says",
    [
        ("title = 1", "title"),
        ("not toml", "Expected"),
        (HEAD, "missing required field `fault`"),
        (HEAD + "fault = []", "at least one"),
        (HEAD + FAULT.replace("at_s = 1", "at_s = 6"), "within the 5 s"),
        (HEAD + FAULT.replace("at_s = 1", "at_s = [3, 2]"), "within the 5 s"),
        (HEAD + FAULT + "for_s = [3, 2]", "for_s"),
        (HEAD + FAULT.replace('"redis"', "[]"), "target"),
        (HEAD + FAULT + "wat = 1", "wat"),
        (HEAD.replace("= 5", "= 0") + FAULT, "lasts_s"),
        (HEAD.replace("= 5", "= 601") + FAULT, "600"),
    ],
)
def test_a_script_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UnknownScenario, match=r"script\.toml") as refused:
        read_script(written(tmp_path, text))
    assert says in str(refused.value)


def test_a_name_that_is_none_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownScenario, match=r"no scenario is named \.\./x; there are backpressure"):
        read_script("../x")
    with pytest.raises(UnknownScenario, match="No such file"):
        read_script("nowhere.toml")
