"""The report as one HTML file that opens anywhere, offline: style, scripts, Chart.js and the points are all in it.

Its content security policy lets it run the scripts whose hashes it names and load nothing at all. Everything that came
out of a file (arm names, markers, reasons) is foreign text: Jinja escapes it, and the points travel as JSON in a block
that is not a script, with `<` escaped, to be set as `textContent`.

Not here: what is on the page (`page/*.j2`), what the figures are (`view.py` and the modules it names).
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from pathlib import Path
from typing import Any, Final

import msgspec

from load_tests.reports import tables, texts
from load_tests.reports.bill import bill_of
from load_tests.reports.factorial import FACTORS, STORES, squares
from load_tests.reports.fates import FATES, lost_of, totals
from load_tests.reports.findings import findings_of, loss_line
from load_tests.reports.headline import MARKS, MEANINGS, headline, notes
from load_tests.reports.numbers import NARROW, count, samples, three
from load_tests.reports.page_points import page_points
from load_tests.reports.points import clocks_in
from load_tests.reports.script import joined
from load_tests.reports.view import Report, report_of, title_of
from load_tests.runs.figures import FIGURES
from load_tests.runs.folder import SavedComparison, SavedRun
from metrics_core.errors import LabError

PAGE: Final = Path(__file__).parent / "page"

_SERIES_CHARTS: Final = (
    ("rate", "Rate", "samples/s", "Wide and pale: offered. Dashed: acked. Solid: processed."),
    ("p99", "Latency, p99 of each second", "ms", "Of what was answered (processed, seen) in that second."),
    (
        "backlog",
        "Backlog",
        "jobs or samples",
        "What waits inside the pipeline. Growing means: too fast for it.",
    ),
)
_BILL_CHARTS: Final = (
    ("bill-cpu", "Processor time", "s per 1,000 delivered"),
    ("bill-wire", "Bytes on the wire", "bytes per 1,000 delivered"),
    ("bill-memory", "Memory", "MB, the highest seen"),
)


def render_html(saved: SavedComparison | SavedRun) -> str:
    """The report of a run or a comparison.

    Raises:
        LabError: A part of the page (Jinja, Chart.js) is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise LabError(_missing("jinja2")) from None
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (PAGE / "report.css").read_text(encoding="utf-8")
    scripts = {
        "theme_script": (PAGE / "js" / "theme_first.js").read_text(encoding="utf-8"),
        "chart_script": in_script(_chart_js()),
        "page_script": in_script(joined(PAGE / "js" / "main.js")),
    }
    report = report_of(saved)
    marked = {}  # our own files, named by hash in the policy, and `in_json`, where every `<` is escaped
    for part, text in ({"style": style, "points": in_json(page_points(report))} | scripts).items():
        marked[part] = Markup(text)  # noqa: S704  # nosec B704
    return environment.get_template("template.html.j2").render(
        _context(report),
        policy=policy(style, list(scripts.values())),
        **marked,
    )


def policy(style: str, scripts: list[str]) -> str:
    """A content security policy that allows exactly these inline texts and no request (CSP level 3, § 2.3.1)."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def in_script(code: str) -> str:
    """Code that cannot end its script element early; the same program (HTML standard, restrictions of script)."""
    return code.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def in_json(value: Any) -> str:
    """JSON in which no markup can begin."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _context(report: Report) -> dict[str, Any]:
    clocks = [(clock, texts.CLOCK_MEANINGS[clock]) for clock in clocks_in(report)]
    found, crossed = findings_of(report), squares(report)
    points = page_points(report)
    contents = [("findings", "Know this first")] if found else []
    contents += [("headline", "Headline"), ("fairness", "What differs" if report.pairs else "Setup")]
    contents += [("factorial", "2 × 2")] if crossed else []
    contents += [
        ("latency", "Latency"), ("series", "Over time"), ("bill", "Bill"), ("ledger", "Ledger"),
        ("spread", "Blocks"), ("method", "Method"),
    ]  # fmt: skip
    return {
        "report": report,
        "title": title_of(report),
        "subtitle": f"{report.id}. Measured by the metrics-ingestion lab; no figure on this page was typed.",
        "loss": loss_line(report),
        "findings": found,
        "facts": tables.facts(report),
        "contents": contents,
        "headline": headline(report),
        "verdicts": [(*MARKS[verdict], meaning) for verdict, meaning in MEANINGS.items()],
        "floor_meaning": texts.FLOOR,
        "notes": notes(report),
        "setups": tables.setups(report),
        "squares": crossed,
        "stores": STORES,
        "factors": FACTORS,
        "clocks": clocks,
        "quantiles": tables.quantiles(report),
        "quantile_names": [name for name, _ in tables.QUANTILES],
        "series_charts": _SERIES_CHARTS,
        "seconds": tables.over_time(report),
        "over_time_names": tables.OVER_TIME,
        "shown_first": _shown_first(report),
        "longest_step": max((block["step"] for block in points["series"]), default=1),
        "bill_charts": [chart for chart in _BILL_CHARTS if points["bill"][chart[0].removeprefix("bill-")]],
        "bills": [bill_of(arm) for arm in report.arms],
        "fates": FATES,
        "fate_totals": [totals(arm.runs) for arm in report.arms],
        "lost_by_arm": [(arm, lost_of(arm)) for arm in report.arms],
        "all_figures": FIGURES,
        "blocks": tables.blocks(report),
        "method": texts.method(report),
        "generator_names": tables.GENERATORS,
        "generators": tables.generators(report),
        "command": texts.command(report),
        "narrow": NARROW,
        "three": three,
        "count": count,
        "samples": samples,
        "percent": texts.percent,
    }


def _shown_first(report: Report) -> set[str]:
    """Names of the blocks whose course is shown until the reader picks others: those with markers, else the first."""
    blocks = [[*(block for block in arm.blocks if block.run.events), *arm.blocks] for arm in report.arms]
    return {some[0].run.id for some in blocks if some}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _chart_js() -> str:
    """Chart.js from the installed chartkick wheel: no copy of it lies in this repository."""
    found = importlib.util.find_spec("chartkick")
    if found is None or found.origin is None:
        raise LabError(_missing("chartkick"))
    path = Path(found.origin).parent / "django" / "static" / "chartkick" / "Chart.bundle.js"
    if not path.is_file():
        raise LabError(_missing("Chart.js (in the chartkick package)"))
    return path.read_text(encoding="utf-8")


def _missing(what: str) -> str:
    return (
        f"the HTML report needs {what}, which is not installed; install requirements/report.txt and try again"
    )
