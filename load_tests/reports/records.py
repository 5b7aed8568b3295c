"""The report for programs: CSV with one row per arm, block and figure; JSON with the comparison and medians."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import msgspec

from load_tests.reports.bill import Bill, bill_of
from load_tests.reports.fates import totals
from load_tests.reports.findings import findings_of, loss_line
from load_tests.reports.points import clocks_in, merged
from load_tests.reports.tables import QUANTILES
from load_tests.reports.view import Arm, Report, report_of
from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedComparison, SavedRun

COLUMNS: Final = (
    "id", "arm", "role", "block", "order", "started_at_us", "status", "figure", "unit", "value",
)  # fmt: skip
"""Of the CSV. `role`: `baseline`, `arm` or `noise` (A/A); `order`: from 1, as they ran; `value` empty: not measured."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def render_csv(saved: SavedComparison | SavedRun) -> str:
    """Every figure of every block, tidy: one value per row (RFC 4180, with a head)."""
    report = report_of(saved)
    noise = {block.run.id for block in report.noise}
    baseline = report.arms[0].name if report.comparison and report.arms else ""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for order, block in enumerate(report.runs, 1):
        run = block.run
        role = "noise" if run.id in noise else "baseline" if run.plan.arm == baseline else "arm"
        where = [
            _text(report.id),
            _text(run.plan.arm),
            role,
            _text(run.id),
            order,
            run.started_at_us,
            run.status,
        ]
        for figure in FIGURES:
            value = figure.of(run)
            writer.writerow([*where, figure.key, figure.unit, "" if value is None else repr(value)])
    return file.getvalue()


def render_json(saved: SavedComparison | SavedRun) -> bytes:
    """The comparison (or the run) as it is on disk, and what the report adds: findings, medians, bills, ledgers."""
    report = report_of(saved)
    document: dict[str, Any] = {
        "kind": "report",
        "schema": 1,
        "id": report.id,
        "lost": loss_line(report),
        "findings": findings_of(report),
        "arms": {arm.name: _arm(report, arm) for arm in report.arms},
        "comparison": report.comparison,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _arm(report: Report, arm: Arm) -> dict[str, Any]:
    first = arm.first
    return {
        "blocks": [block.run.id for block in arm.blocks],
        "plan": first.plan if first else None,
        "setup": first.setup if first else None,
        "machine": first.machine if first else None,
        "medians": {
            figure.key: {
                "median": report.median_of(arm, figure),
                "unit": figure.unit,
                "blocks": [figure.of(run) for run in arm.runs],
            }
            for figure in FIGURES
        },
        "latency_ms": {
            name: dict(zip((name for name, _ in QUANTILES), _quantiles_ms(arm, name), strict=True))
            for clock in clocks_in(report)
            for name in (clock, f"{clock}_uncorrected")
            if merged(arm, name).n
        },
        "bill_per_1000_delivered": _bill(bill_of(arm)),
        "ledger": totals(arm.runs),
    }


def _quantiles_ms(arm: Arm, name: str) -> list[float]:
    values = merged(arm, name).quantiles_us(fraction for _, fraction in QUANTILES)
    return [value_us / 1000 for value_us in values]


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "delivered": bill.delivered,
        "processes": bill.processes,
        "all": bill.total,
        "wire": bill.wire,
        "redis": bill.redis,
        "notes": bill.notes,
    }


def _text(text: str) -> str:
    """Text that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text
