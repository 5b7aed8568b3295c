"""The producers' log as it grows: every identity once, nothing claimed that is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane import audit_log
from control_plane.audit_log import SampleLogTail
from metrics_core.ledger import format_ledger
from metrics_core.wire import encode_batch
from tests.support.samples import a_sample


def lines(producer: str, seqs: range, epoch: int = 1) -> bytes:
    return b"".join(encode_batch([a_sample(producer, epoch, seq)]) + b"\n" for seq in seqs)


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def seen(tail: SampleLogTail) -> dict[str, dict[str, list[list[int]]]] | None:
    found = tail.look()
    return None if found is None else format_ledger(found)


def test_it_reads_on_where_it_stopped(tmp_path: Path) -> None:
    tail = SampleLogTail(tmp_path)
    assert seen(tail) is None, "nothing was logged"
    first, second = tmp_path / "1-000001.jsonl", tmp_path / "1-000002.jsonl"
    append(first, lines("a", range(3)))
    assert seen(tail) == {"a": {"1": [[0, 2]]}}
    append(first, lines("a", range(3, 5)) + lines("b", range(1)))
    append(second, lines("a", range(5, 7)) + lines("a", range(2), epoch=9))
    assert seen(tail) == {"a": {"1": [[0, 6]], "9": [[0, 1]]}, "b": {"1": [[0, 0]]}}
    assert seen(tail) == {"a": {"1": [[0, 6]], "9": [[0, 1]]}, "b": {"1": [[0, 0]]}}


def test_a_line_without_its_end_is_left_for_the_next_look(tmp_path: Path) -> None:
    tail, path, text = SampleLogTail(tmp_path), tmp_path / "1-000001.jsonl", lines("a", range(2))
    append(path, text[:-10])
    assert seen(tail) == {"a": {"1": [[0, 0]]}}
    append(path, text[-10:])
    assert seen(tail) == {"a": {"1": [[0, 1]]}}


@pytest.mark.parametrize(
    "text", [lines("a", range(1, 3)), lines("a", range(2)) + lines("a", range(3, 4)), b"no\n"]
)
def test_a_log_with_gaps_or_scratches_is_not_held_against_anything(tmp_path: Path, text: bytes) -> None:
    append(tmp_path / "1-000001.jsonl", lines("b", range(2)) + text)
    assert SampleLogTail(tmp_path).look() is None


def test_a_log_longer_than_one_look_is_used_when_it_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = lines("a", range(10))
    append(tmp_path / "1-000001.jsonl", text)
    monkeypatch.setattr(audit_log, "MOST_BYTES", len(text) // 2)
    tail = SampleLogTail(tmp_path)
    looks = [seen(tail) for _ in range(4)]
    assert looks[0] is None
    assert looks[-1] == {"a": {"1": [[0, 9]]}}
