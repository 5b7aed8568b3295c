"""The report's charts as PNG files, from the same points as the page: for documents, slides and print.

Arms keep their colours and shapes, processes their hatches. Matplotlib is loaded only here and only when asked for; it
draws into memory (Agg) and needs no screen.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from load_tests.reports.bill import bill_of
from load_tests.reports.page_points import bill_points
from load_tests.reports.points import HIGHEST_LOGIT, clocks_in, latency_curves, series_of
from load_tests.reports.view import Report
from metrics_core.errors import LabError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072b2", "#d55e00", "#7a4fa3", "#00775a", "#8a6d00", "#4f5963")
SHAPES: Final = ("o", "^", "s", "D", "v", "P")
_FILLS: Final = ("#8fb1d6", "#d5e2f0", "#b6c9df", "#ecdabb", "#d3b27f", "#e2e6ea", "#b9c0c7")
_HATCHES: Final = ("", "///", "--", "xxx", "||", "\\\\\\", "..")
_DPI: Final = 150
_PERCENTILES: Final = (("50", 0.0), ("90", math.log10(9)), ("99", math.log10(99)), ("99.9", math.log10(999)))
_SETTINGS: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.parse_math": False,  # an arm may be called `$x`
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e0d9",
    "hatch.linewidth": 0.7,
}


def latency_picture(report: Report) -> bytes:
    """Latency by percentile, one panel per clock: corrected solid, uncorrected dashed."""
    clocks, curves = clocks_in(report), latency_curves(report)
    with _figure(max(1, len(clocks)), 1, 5.0, 4.2) as (figure, panels, save):
        for axes, clock in zip(panels, clocks, strict=False):
            axes.set_title(clock, loc="left", fontweight="bold")
            for index, arm in enumerate(report.arms):
                for kind, style in (("corrected", "-"), ("uncorrected", "--")):
                    points = curves[clock][index][kind]
                    marks: dict[str, Any] = (
                        {"marker": SHAPES[arm.place], "markevery": (3 * index, 16)}
                        if kind == "corrected"
                        else {}
                    )
                    xs, ys = [x for x, _ in points], [y for _, y in points]
                    axes.plot(xs, ys, style, color=COLOURS[arm.place], linewidth=2 if marks else 1.2, **marks)
            _logarithmic(axes)
            axes.set_xticks([*(at for _, at in _PERCENTILES), HIGHEST_LOGIT])
            axes.set_xticklabels([*(name for name, _ in _PERCENTILES), "max"])
            axes.set_xlabel("percentile")
            axes.set_ylabel("ms")
        _key(figure, report, "uncorrected")
        return save()


def over_time_picture(report: Report) -> bytes:
    """Rate, p99, backlog and processor time of one block of each arm: one with markers, else the first."""
    series = series_of(report)
    with _figure(2, 2, 5.6, 3.2) as (figure, panels, save):
        titles = (
            "processed, samples/s",
            "processed p99, ms",
            "backlog",
            "CPU of the pipeline, % of one core",
        )
        for axes, title in zip(panels, titles, strict=True):
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_xlabel("s")
        for arm in report.arms:
            own = [block for block in series if block["arm"] == arm.name]
            if own:
                _draw_block(panels, next((block for block in own if block["events"]), own[0]), arm.place)
        _logarithmic(panels[1])
        for axes in (panels[0], panels[2], panels[3]):
            axes.set_ylim(bottom=0)
        _key(figure, report, "offered")
        return save()


def bill_picture(report: Report) -> bytes:
    """What 1,000 delivered samples cost: stacked bars, one per arm."""
    parts = bill_points([bill_of(arm) for arm in report.arms])
    charts = (("cpu", "processor time, s"), ("wire", "bytes on the wire"), ("memory", "memory, MB"))
    names = [arm.name for arm in report.arms]
    with _figure(3, 1, 4.4, 1.9 + 0.45 * len(names)) as (figure, panels, save):
        figure.suptitle(
            "Per 1,000 delivered samples (memory: highest seen)", x=0.01, ha="left", fontweight="bold"
        )
        for axes, (chart, title) in zip(panels, charts, strict=True):
            left = [0.0] * len(names)
            for index, part in enumerate(parts[chart]):
                fill, hatch = _FILLS[index % len(_FILLS)], _HATCHES[index % len(_HATCHES)]
                axes.barh(
                    range(len(names)), part["values"], left=left, height=0.6, color=fill, hatch=hatch,
                    edgecolor="#33475c", linewidth=0.7, label=_label(part["name"]),
                )  # fmt: skip
                left = [below + value for below, value in zip(left, part["values"], strict=True)]
            axes.set_yticks(range(len(names)), [_label(name) for name in names])
            axes.invert_yaxis()
            axes.set_title(title, loc="left", fontweight="bold")
            axes.grid(visible=False, axis="y")
            axes.margins(x=0.06)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
            if parts[chart]:
                axes.legend(
                    loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=8.5
                )
            else:
                axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        return save()


PICTURES: Final[dict[str, Callable[[Report], bytes]]] = {
    "latency.png": latency_picture,
    "over-time.png": over_time_picture,
    "bill.png": bill_picture,
}
"""File name and what draws it."""


def _draw_block(panels: list[Axes], block: dict[str, Any], place: int) -> None:
    rate, p99, backlog, cpu = panels
    colour, t_s = COLOURS[place], block["t_s"]
    every = max(1, len(t_s) // 12)
    look: dict[str, Any] = {"color": colour, "marker": SHAPES[place], "markevery": every, "markersize": 5}
    rate.plot(t_s, _gaps(block["created"]), "--", color=colour, linewidth=1)
    rate.plot(t_s, _gaps(block["processed"]), **look)
    p99.plot(t_s, _gaps(block["p99"]["processed"]), **look)
    backlog.plot(t_s, _gaps(block["backlog"]), **look)
    columns = [values for name, values in block["cpu"].items() if name != "generator"]
    if columns:
        sums = [[value for value in row if value is not None] for row in zip(*columns, strict=True)]
        cpu.plot(t_s, [sum(row) if row else math.nan for row in sums], **look)
    for axes in panels:
        for at_s, text in block["events"]:
            axes.axvline(at_s, color=colour, linewidth=1, linestyle=":")
            if axes is rate:
                axes.annotate(
                    _label(text), (at_s, 0), rotation=90, fontsize=7, color=colour, ha="right", va="bottom"
                )


def _gaps(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _logarithmic(axes: Axes) -> None:
    """Plain numbers on a logarithmic axis; left linear where there is nothing to draw."""
    if not math.isfinite(axes.dataLim.minposy):
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _key(figure: Figure, report: Report, dashed: str) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], color=COLOURS[arm.place], marker=SHAPES[arm.place]) for arm in report.arms]
    names = [_label(arm.name) for arm in report.arms]
    if dashed:
        marks.append(Line2D([], [], color="#565f69", linestyle="--", linewidth=1.2))
        names.append(dashed)
    figure.legend(marks, names, loc="outside upper left", ncols=min(5, len(names)), frameon=False)


def _label(text: str) -> str:
    """Foreign text as a label: one line, not endless, and not hidden for starting with `_`."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = line if len(line) <= 40 else f"{line[:39]}…"
    return f" {line}" if line.startswith("_") else line


@contextmanager
def _figure(
    columns: int, rows: int, width_in: float, height_in: float
) -> Iterator[tuple[Figure, list[Axes], Callable[[], bytes]]]:
    """A figure of panels, and the function that makes a PNG of it; sizes in inches per panel.

    Raises:
        LabError: Matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        text = (
            "pictures need matplotlib, which is not installed; install requirements/report.txt and try again"
        )
        raise LabError(text) from None
    with rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a foreign name may use any script
        figure = Figure(figsize=(columns * width_in, rows * height_in), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)

        def save() -> bytes:
            file = io.BytesIO()
            canvas.print_figure(file, format="png", dpi=_DPI, metadata={"Software": None})
            return file.getvalue()

        yield figure, panels, save
