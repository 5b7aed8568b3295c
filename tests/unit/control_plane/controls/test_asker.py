"""Who asks, by what a request's headers tell."""

from __future__ import annotations

import pytest

from control_plane.controls.asker import asked_by
from metrics_core.errors import SchemaViolation

ORIGIN = (b"origin", b"http://127.0.0.1:8765")


def test_a_page_is_known_by_its_origin_and_a_script_by_its_word() -> None:
    assert asked_by([]) == "script"
    assert asked_by([(b"host", b"x"), ORIGIN]) == "page"
    assert asked_by([(b"lab-by", b"lesson-3"), ORIGIN]) == "lesson-3"
    assert asked_by([ORIGIN, (b"lab-by", b"scenario")]) == "scenario"


@pytest.mark.parametrize(
    "word", [b"", b"Lesson", b"3rd", b"a b", b"<b>", b"a\n", b"x" * 21, b"\xc3\xa9", b"-a"]
)
def test_anything_else_is_no_word(word: bytes) -> None:
    with pytest.raises(SchemaViolation, match="lab-by"):
        asked_by([(b"lab-by", word)])
