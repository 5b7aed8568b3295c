"""The report as Markdown, and the document of measured results that is made of several comparisons.

Texts out of files are escaped, so that an arm called `<b>` or `a|b` stays what it is. The sections are those of the
HTML page, in its order; charts are pictures, where pictures were made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from load_tests.reports import tables, texts
from load_tests.reports.bill import Bill, bill_of
from load_tests.reports.factorial import FACTORS, STORES, squares
from load_tests.reports.fates import FATES, lost_of, totals
from load_tests.reports.findings import findings_of, loss_line
from load_tests.reports.headline import MARKS, MEANINGS, Cell, headline, notes
from load_tests.reports.numbers import NONE, count, samples, three
from load_tests.reports.points import clocks_in
from load_tests.reports.view import Report, report_of, title_of
from load_tests.runs.figures import BY_KEY, FIGURES, HEADLINE
from load_tests.runs.folder import SavedComparison, SavedRun

_SPECIAL: Final = re.compile(r"([\\`*_\[\]|#~$])")


def render_markdown(
    saved: SavedComparison | SavedRun,
    heading_level: int = 1,
    *,
    pictures: str | None = None,
    method: bool = True,
) -> str:
    """The report of a run or a comparison.

    Args:
        saved: What was measured.
        heading_level: Of its title; 1 for a document of its own, whose very first line then is the loss, if any.
        pictures: What stands before `latency.png`, `over-time.png` and `bill.png` in links (a folder with its slash,
            or empty); None: no pictures.
        method: Whether to say how it was measured; the words are the same for every report.
    """
    report = report_of(saved)
    loss = f"**{escaped(loss_line(report))}**" if loss_line(report) else ""
    title = f"{'#' * heading_level} {escaped(title_of(report))}"
    level = heading_level + 1
    parts = [loss, title] if heading_level == 1 else [title, loss]
    parts.append("\n".join(f"- {name}: {escaped(text)}" for name, text in tables.facts(report)))
    found = findings_of(report)
    parts += (
        _section(level, "Know this first", "\n".join(f"- {escaped(line)}" for line in found)) if found else []
    )
    parts += _section(level, "Headline figures", _headline(report, method))
    parts += _section(
        level, "What differs between the arms" if report.pairs else "What was measured", _fairness(report)
    )
    if squares(report):
        parts += _section(level, "Transport or store? The 2 × 2", _factorial(report))
    parts += _section(level, "Latency by percentile", _latency(report, pictures))
    parts += _section(level, "Second by second", _over_time(report, pictures))
    parts += _section(level, "The bill: what 1,000 delivered samples cost", _bill(report, pictures))
    parts += _section(level, "The ledger: what became of every sample", _ledger(report))
    parts += _section(level, "Every block, in the order in which they ran", _blocks(report))
    parts += _section(level, "How it was measured, and how to repeat it", _method(report, method))
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Foreign text that Markdown and HTML take for text, on one line."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split(" "))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose cells are escaped already; the first `left` columns are aligned left, figures right."""
    marks = ["---" if position < left else "---:" for position in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def _section(level: int, title: str, text: str) -> list[str]:
    return [f"{'#' * level} {title}", text]


def _names(report: Report) -> list[str]:
    return [escaped(arm.name) for arm in report.arms]


def _headline(report: Report, explain: bool) -> str:
    rows = headline(report)
    arms = _names(report)
    if report.pairs:
        arms[0] += " (baseline)"
    head = ["Figure", *arms, *(["Noise floor"] if report.pairs else [])]
    body = [
        [row.figure.title, *map(_cell, row.cells), *([row.floor or "not measured"] if report.pairs else [])]
        for row in rows
    ]
    parts = [table(head, body)]
    if explain:
        parts.append(_reading(bool(report.pairs)))
    if said := notes(report):
        parts.append("\n".join(f"- {escaped(arm)}, {figure}: {escaped(note)}" for arm, figure, note in said))
    return "\n\n".join(parts)


def _reading(verdicts: bool) -> str:
    lines = [f"- *{BY_KEY[key].title}*: {BY_KEY[key].meaning}" for key in HEADLINE]
    if verdicts:
        lines += [f"- {' '.join(MARKS[verdict])}: {meaning}" for verdict, meaning in MEANINGS.items()]
        lines.append(f"- noise floor: {texts.FLOOR}")
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    ratio = f"{cell.ratio} ({cell.interval})" if cell.ratio else ""
    verdict = f"{cell.mark} {cell.words}" if cell.words else ""
    return escaped("; ".join(part for part in (cell.value, verdict, ratio) if part))


def _fairness(report: Report) -> str:
    parts = []
    for pair in report.pairs:
        cause = "One cause:" if pair.attributable else "No single cause:"
        parts.append(
            f"**{escaped(pair.arm)} against {escaped(pair.baseline)}.** **{cause}** {escaped(pair.attribution)}"
        )
        differing = [line for line in pair.fairness if line.differs]
        if differing:
            rows = [
                [escaped(text) for text in (line.factor, line.baseline, line.arm, line.effect)]
                for line in differing
            ]
            head = ["Differs", escaped(pair.baseline), escaped(pair.arm), "What that may do"]
            parts.append(table(head, rows, left=4))
        if same := [f"{line.factor} ({line.baseline})" for line in pair.fairness if not line.differs]:
            parts.append(f"The same: {escaped(', '.join(same))}.")
    if not report.pairs:
        rows = [[name, *map(escaped, values)] for name, values in tables.setups(report)]
        parts.append(table(["", *_names(report)], rows, left=1 + len(report.arms)))
    return "\n\n".join(parts)


def _factorial(report: Report) -> str:
    parts = ["\n".join(f"- {title}: {meaning}" for _, title, meaning in FACTORS)]
    for square in squares(report):
        rows = [
            [transport, *(escaped(f"{value} ({arm})" if arm else NONE) for arm, value in cells)]
            for transport, cells in square.cells
        ]
        parts.append(f"**{square.figure.title}**")
        parts.append(table(["", *(name for name, _ in STORES)], rows))
        effects = [
            [effect.title, effect.ratio, effect.interval, effect.verdict, escaped(effect.note)]
            for effect in square.effects
        ]
        parts.append(table(["Effect", "Ratio", "Interval", "Verdict", "In words"], effects))
    return "\n\n".join(parts)


def _latency(report: Report, pictures: str | None) -> str:
    rows = [
        [line.clock, escaped(line.arm.name), line.origin, *line.values, line.n]
        for line in tables.quantiles(report)
    ]
    head = ["Clock", "Arm", "Counted from", *(name for name, _ in tables.QUANTILES), "samples"]
    clocks = "\n".join(f"- {clock}: {texts.CLOCK_MEANINGS[clock]}" for clock in clocks_in(report))
    return "\n\n".join(
        [*_picture(pictures, "latency", "Latency by percentile"), f"In ms, all blocks of an arm together.\n\n{clocks}",
         table(head, rows, left=3)]
    )  # fmt: skip


def _over_time(report: Report, pictures: str | None) -> str:
    rows = [
        [escaped(line.block), *map(escaped, line.values), escaped(line.events) or NONE]
        for line in tables.over_time(report)
    ]
    head = ["Block", *tables.OVER_TIME, "Markers"]
    return "\n\n".join(
        [*_picture(pictures, "over-time", "Rates, latency, backlog and CPU over time"), table(head, rows)]
    )


def _bill(report: Report, pictures: str | None) -> str:
    parts = _picture(pictures, "bill", "Processor time, bytes and memory by arm")
    for bill in (bill_of(arm) for arm in report.arms):
        parts.append(
            f"**{escaped(bill.arm.name)}**, {samples(bill.delivered)} delivered. {escaped(' '.join(bill.notes))}"
        )
        parts += _bill_tables(bill)
    return "\n\n".join(part.strip() for part in parts)


def _bill_tables(bill: Bill) -> list[str]:
    lines = [*bill.processes, *([bill.total] if bill.total else [])]
    parts = []
    if lines:
        rows = [
            [escaped(line.name), *map(three, (line.user_s, line.system_s, line.rss_mb, line.switches))]
            for line in lines
        ]
        parts.append(table(["Process", "user, s", "system, s", "memory, MB", "context switches"], rows))
    if bill.wire:
        wire = bill.wire
        head = ["Bytes on the wire", "sent", "received", "TCP and IP headers", "handshakes", "counted by"]
        figures = (wire.sent_payload, wire.received_payload, wire.headers, wire.handshake_bytes)
        parts.append(table(head, [["", *map(three, figures), escaped(wire.source)]]))
    if bill.redis:
        redis = bill.redis
        head = [
            "Redis",
            "commands",
            "transactions",
            "bytes in",
            "bytes out",
            "append-only file, bytes",
            "disk flushes",
        ]
        done = (
            redis.commands, redis.transactions, redis.input_bytes, redis.output_bytes, redis.aof_bytes, redis.flushes,
        )  # fmt: skip
        parts.append(table(head, [["", *map(three, done)]]))
    return parts


def _ledger(report: Report) -> str:
    counted = [totals(arm.runs) for arm in report.arms]
    rows = [
        [name, *(count(getattr(total, field)) for total in counted), meaning]
        for field, name, meaning in FATES
    ]
    parts = [table(["Fate", *_names(report), "Meaning"], rows)]
    for arm in report.arms:
        lost = lost_of(arm)
        if lost.number:
            more = [f"{samples(lost.unlisted)} more, not listed here"] if lost.unlisted else []
            listed = "\n".join(f"- {escaped(line)}" for line in [*lost.lines, *more])
            parts.append(f"**{escaped(arm.name)} lost {samples(lost.number)}:**\n\n{listed}")
    return "\n\n".join(parts)


def _blocks(report: Report) -> str:
    head = [
        "Block",
        "State",
        *(f"{each.title}{f', {each.unit}' if each.unit != '1' else ''}" for each in FIGURES),
    ]
    return table(
        head, [[escaped(line.name), line.state, *line.values] for line in tables.blocks(report)], left=2
    )


def _method(report: Report, explain: bool) -> str:
    parts = ["\n".join(f"- **{name}.** {text}" for name, text in texts.method(report))] if explain else []
    rows = [[escaped(arm.name), *values] for arm, values in tables.generators(report)]
    parts += ["The measuring side, the worst block of each arm:", table(["Arm", *tables.GENERATORS], rows)]
    return "\n\n".join([*parts, f"```sh\n{texts.command(report).replace('`', '')}\n```"])


def _picture(pictures: str | None, name: str, about: str) -> list[str]:
    return [] if pictures is None else [f"![{about}]({pictures}{name}.png)"]
