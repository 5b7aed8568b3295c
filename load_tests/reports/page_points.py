"""Everything that the scripts of the page draw, as one JSON document. The shapes are typed in `page/js/points.js`."""

from __future__ import annotations

from typing import Any

from load_tests.reports.bill import Bill, ProcessLine, bill_of
from load_tests.reports.points import HIGHEST_LOGIT, latency_curves, series_of, spread_of
from load_tests.reports.view import Report


def page_points(report: Report) -> dict[str, Any]:
    """Arms with their places in the key, and the points of every chart."""
    return {
        "arms": [{"name": arm.name, "place": arm.place} for arm in report.arms],
        "latency": latency_curves(report),
        "highest_logit": HIGHEST_LOGIT,
        "series": series_of(report),
        "bill": bill_points([bill_of(arm) for arm in report.arms]),
        "spread": spread_of(report),
    }


def bill_points(bills: list[Bill]) -> dict[str, list[dict[str, Any]]]:
    """Per chart, its parts in the order of stacking: a name and one value per arm (0 where it has no such part)."""
    processes = [{line.name: line for line in bill.processes} for bill in bills]
    names = list(dict.fromkeys(name for lines in processes for name in lines))
    wires = [bill.wire for bill in bills]
    wire = [
        _part("payload sent", [wire.sent_payload if wire else 0 for wire in wires]),
        _part("payload received", [wire.received_payload if wire else 0 for wire in wires]),
        _part("TCP and IP headers", [(wire.headers or 0) if wire else 0 for wire in wires]),
        _part("handshakes", [wire.handshake_bytes if wire else 0 for wire in wires]),
    ]
    return {
        "cpu": [
            _part(name, [_cpu_s(lines[name]) if name in lines else 0 for lines in processes])
            for name in names
        ],
        "memory": [
            _part(name, [lines[name].rss_mb if name in lines else 0 for lines in processes]) for name in names
        ],
        "wire": [part for part in wire if any(part["values"])],
    }


def _cpu_s(line: ProcessLine) -> float:
    return line.user_s + line.system_s


def _part(name: str, values: list[float]) -> dict[str, Any]:
    return {"name": name, "values": [float(f"{value:.4g}") for value in values]}
