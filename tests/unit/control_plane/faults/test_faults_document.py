"""`docs/faults.md` says of every kind what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from control_plane.faults.catalog import KINDS, LONGEST_S, Kind
from control_plane.faults.engine import KEPT, MOST_ACTIVE, WELL_WITHIN_S
from control_plane.faults.processes import LOOKS_FOR_S
from control_plane.settings import ROOT

DOCUMENT: Path = ROOT / "docs" / "faults.md"
ROW = re.compile(r"^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


def text() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def rows() -> dict[str, list[str]]:
    section = text().partition("## What can be broken")[2].partition("## What to expect")[0]
    return {name: [cell.strip() for cell in cells] for name, *cells in ROW.findall(section)}


def numbers(cell: str) -> set[float]:
    return {float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*(?:\.\d+)?", cell)}


def bold(cell: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\*\*(.+?)\*\*", cell)]


def test_every_kind_has_a_row_in_the_order_of_the_catalogue() -> None:
    assert list(rows()) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_grades_and_times_are_those_of_the_catalogue(kind: Kind) -> None:
    _, grade, seconds, _ = rows()[kind.name]
    if kind.grade is None:
        assert grade == "–"
    else:
        assert numbers(grade) == {kind.grade.low, kind.grade.default, kind.grade.high}
        assert bold(grade) == [kind.grade.default]
        assert grade.endswith(kind.grade.unit)
    assert seconds == (f"**{kind.default_for_s:g}**" if kind.undoable else "at once")


def test_every_kind_is_explained_beyond_its_row() -> None:
    expected = text().partition("## What to expect")[2].partition("## How a recovery")[0]
    assert [name for name in KINDS if f"`{name}`" not in expected] == []


def test_limits_are_those_of_the_code() -> None:
    assert f"At most {MOST_ACTIVE} faults are active, the newest {KEPT} are remembered" in text()
    assert f"It looks for {LOOKS_FOR_S:g} s" in text()
    assert f"After {WELL_WITHIN_S:g} s it gives up" in text()
    assert LONGEST_S == 3_600
