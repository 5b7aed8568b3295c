"""CSV and JSON."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec

from load_tests.reports.records import COLUMNS, render_csv, render_json
from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedComparison, SavedRun
from tests.support.saved_runs import EPOCH, make_comparison, make_run


def rows(saved: SavedComparison | SavedRun) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(saved), newline="")))


def test_one_row_per_block_and_figure() -> None:
    saved = make_comparison()
    found = rows(saved)
    assert tuple(found[0]) == COLUMNS
    assert len(found) == (2 + 12) * len(FIGURES)
    assert [row["role"] for row in found[:: len(FIGURES)]][:4] == ["noise", "noise", "baseline", "arm"]
    first = next(row for row in found if row["block"] == saved.blocks["websocket"][0].run.id)
    assert float(first["value"]) == FIGURES[0].of(saved.blocks["websocket"][0].run)


def test_what_was_not_measured_is_empty_and_not_zero() -> None:
    saved = make_run()
    saved.run.clocks.clear()
    found = {row["figure"]: row["value"] for row in rows(saved)}
    assert found["processed_p50"] == ""
    assert found["cpu"] != ""


def test_a_spreadsheet_sees_no_formula() -> None:
    assert rows(make_run("=cmd()"))[0]["arm"] == "'=cmd()"


def test_json_holds_the_comparison_and_the_medians() -> None:
    saved = make_comparison(("http1", "websocket"), missing={"load-00": {EPOCH: [[3, 4]]}})
    found: dict[str, Any] = msgspec.json.decode(render_json(saved))
    assert found["comparison"]["pairs"][0]["figures"][0]["verdict"] == "better"
    median = found["arms"]["websocket"]["medians"]["processed_p50"]
    assert median["median"] == saved.comparison.pairs[0].figures[0].arm
    assert len(median["blocks"]) == 4
    assert found["arms"]["http1"]["ledger"]["lost"] == 2
    assert found["lost"].startswith("2 samples were acknowledged and then lost")
    assert found["arms"]["http1"]["latency_ms"]["processed"]["p99"] > 0


def test_json_of_a_run_has_no_comparison() -> None:
    found: dict[str, Any] = msgspec.json.decode(render_json(make_run()))
    assert found["comparison"] is None
    assert list(found["arms"]) == ["http1"]
