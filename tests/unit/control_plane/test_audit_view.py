"""Fates as the wire, the table and the sentences tell them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from control_plane import audit_view
from control_plane.audit_view import equation_lines, fates_table, lost_lines, sentences, wire_form
from metrics_core.fates import FATES, Equation, PipelineFates
from metrics_core.ledger import Ledger, parse_ledger

LABELS = {"http_redis": "A", "websocket": "B"}


def found(equations: list[Equation] | None = None, **fates: dict[str, Any]) -> PipelineFates:
    ledgers: dict[str, Ledger] = {fate: parse_ledger(fates.get(fate, {})) for fate in FATES}
    return PipelineFates(ledgers, equations or [])


def test_the_wire_form_tells_runs_in_the_order_of_their_numbers() -> None:
    told = wire_form(
        found(
            [Equation("a = b", 3, 4)],
            processed={"a": {"10": [[0, 1], [4, 4]], "9": [[0, 0]]}},
            waiting_queue={"a": {"10": [[5, 6]]}},
            lost_store={"a": {"10": [[2, 3]]}, "b": {"1": [[0, 0]]}},
        )
    )
    assert list(told["producers"]["a"]) == ["9", "10"], "epochs by their age, not by their digits"
    assert told["producers"]["a"]["10"] == [
        [0, 1, "processed"],
        [2, 3, "lost_store"],
        [4, 4, "processed"],
        [5, 6, "waiting_queue"],
    ]
    assert told["counts"] == dict.fromkeys(FATES, 0) | {"processed": 4, "waiting_queue": 2, "lost_store": 3}
    assert told["equations"] == [{"text": "a = b", "left": 3, "right": 4, "holds": False}]
    assert told["ok"] is False
    assert told["cut"] is False


def test_the_wire_form_is_bounded_and_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_view, "RUNS_PER_PRODUCER", 2)
    told = wire_form(found(processed={"a": {"1": [[0, 0], [2, 2]], "2": [[0, 0]]}}))
    assert told["producers"] == {"a": {"1": [[2, 2, "processed"]], "2": [[0, 0, "processed"]]}}
    assert told["cut"] is True
    assert told["counts"]["processed"] == 3, "counts are over all"


def test_the_table_has_a_row_for_each_fate_and_a_column_for_each_pipeline() -> None:
    table = fates_table(
        {"http_redis": found(processed={"a": {"1": [[0, 1233]]}}), "websocket": found()}, LABELS
    )
    console = Console(width=100)
    with console.capture() as text:
        console.print(table)
    rows = {line.strip("│ \n").split("│")[0].strip(): line for line in text.get().splitlines() if "│" in line}
    assert {fate.replace("_", " ") for fate in FATES} <= rows.keys()
    assert rows["processed"].split() == ["│", "processed", "│", "1,234", "│", "0", "│"]
    assert "1,234" in rows["created"]


def test_lost_samples_are_named_with_the_hop() -> None:
    lines = lost_lines(
        {
            "http_redis": found(dead_lettered={"a": {"1": [[4, 6], [9, 9]]}}),
            "websocket": found(lost_memory={"b": {"2": [[0, 0]]}}),
        },
        LABELS,
    )
    assert lines == [
        "A: a epoch 1 seq 4-6, 9 was last among the dead letters",
        "B: b epoch 2 seq 0 was last in the memory of pipeline B, after the ack",
    ]


def test_lost_samples_are_named_up_to_a_bound() -> None:
    many = found(lost_outbox={f"s-{n:03d}": {"1": [[0, 0]]} for n in range(50)})
    lines = lost_lines({"http_redis": many}, LABELS)
    assert len(lines) == audit_view.MOST_LINES + 1
    assert lines[-1] == "… and 30 more"


def test_each_fate_that_occurs_has_a_sentence_and_rejects_their_reason() -> None:
    told = found(processed={"a": {"1": [[0, 0]]}}, rejected={"a": {"1": [[1, 2]]}})
    told.reasons = {"a": {"1": [[1, 2, "schema: $.seq: expected a number >= 0"]]}}
    told.unnamed_dead, told.truncated = 3, True
    lines = sentences({"http_redis": told}, LABELS)
    assert lines[0] == "A: processed, 1 sample: in the aggregates, once."
    assert lines[1].startswith("A: rejected, 2 samples: refused for what its batch held")
    assert lines[2] == "A: a epoch 1 seq 1-2 was rejected: schema: $.seq: expected a number >= 0"
    assert "none of it is told as lost" in lines[3]
    assert "3 dead letters have no name" in lines[4]


def test_equations_are_lines() -> None:
    told = {"websocket": found([Equation("a = b + c", 1000, 1000), Equation("d = e", 1, 2)])}
    assert equation_lines(told, LABELS) == ["B: a = b + c: 1,000 = 1,000", "B: d = e: 1 ≠ 2"]
