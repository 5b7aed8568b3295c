"""What may be asked for as a fault of the fleet, and what acts on a producer then."""

from __future__ import annotations

import msgspec
import pytest

from fake_servers.faults import KINDS, ProducerFaults, parse_fault, parse_undo
from metrics_core.errors import Malformed, SchemaViolation


def asked(**fields: object) -> bytes:
    return msgspec.json.encode({"kind": "skew-clock", "target": "web-01"} | fields)


@pytest.mark.parametrize(
    "kind, default", [("skew-clock", 3600), ("duplicate", 2), ("shuffle", 20), ("crash-producer", None)]
)
def test_a_grade_that_is_left_out_is_filled_in(kind: str, default: float | None) -> None:
    assert parse_fault(asked(kind=kind)).grade == default


@pytest.mark.parametrize("kind, grade", [("skew-clock", -3600), ("duplicate", 10), ("shuffle", 1000)])
def test_a_grade_within_the_range_is_kept(kind: str, grade: float) -> None:
    assert parse_fault(asked(kind=kind, grade=grade)).grade == grade


@pytest.mark.parametrize(
    "fields, detail",
    [
        ({"kind": "explode"}, "$.kind: expected one of crash-producer, skew-clock, duplicate"),
        ({"grade": 86_401}, "$.grade: expected a number from -86400 to 86400 (s)"),
        ({"kind": "duplicate", "grade": 1}, "$.grade: expected a whole number from 2 to 10 (copies)"),
        ({"kind": "duplicate", "grade": 2.5}, "$.grade: expected a whole number from 2 to 10 (copies)"),
        ({"kind": "shuffle", "grade": 1001}, "$.grade: expected a whole number from 2 to 1000 (samples)"),
        ({"kind": "crash-producer", "grade": 1}, "$.grade: crash-producer has no grade, leave it out"),
        ({"grade": "much"}, "$.grade: expected `float | null`, got `text`"),
        ({"target": 1}, "$.target: expected `text`, got `number`"),
        ({"for_s": 3}, "$: object contains unknown field `for_s`"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(fields: dict[str, object], detail: str) -> None:
    with pytest.raises(SchemaViolation) as refused:
        parse_fault(asked(**fields))
    assert refused.value.detail.startswith(detail)


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind": "\xff"}', b"[" * 5000, b'{"kind": NaN}'])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises((Malformed, SchemaViolation)):
        parse_fault(body)


def test_only_what_lasts_can_be_undone() -> None:
    assert parse_undo(asked()).kind == "skew-clock"
    with pytest.raises(SchemaViolation, match="crash-producer is over at once"):
        parse_undo(asked(kind="crash-producer"))
    with pytest.raises(SchemaViolation, match="unknown field `grade`"):
        parse_undo(asked(grade=1))


def test_faults_act_until_they_are_undone() -> None:
    faults = ProducerFaults()
    assert (faults.skew_us, faults.copies, faults.held_back, faults.active()) == (0, 1, 0, {})
    for kind, grade in (("skew-clock", -0.5), ("duplicate", 3.0), ("shuffle", 7.0)):
        faults.begin(kind, grade)
    assert (faults.skew_us, faults.copies, faults.held_back) == (-500_000, 3, 7)
    assert faults.active() == {"skew-clock": -0.5, "duplicate": 3, "shuffle": 7}
    faults.begin("duplicate", 4)
    assert faults.copies == 4
    assert [faults.undo(kind) for kind in ("skew-clock", "duplicate", "shuffle", "shuffle")] == [True] * 3 + [
        False
    ]
    assert (faults.skew_us, faults.copies, faults.held_back, faults.active()) == (0, 1, 0, {})


def test_every_undoable_kind_has_a_grade_and_acts() -> None:
    for kind, (grade, undoable) in KINDS.items():
        assert (grade is not None) == undoable
        if grade:
            faults = ProducerFaults()
            faults.begin(kind, grade.default)
            assert faults.active() == {kind: grade.default}
