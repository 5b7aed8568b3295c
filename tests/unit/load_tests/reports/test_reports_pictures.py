"""Pictures: they are drawn, for foreign and for poor input too; that pyplot's global state is not touched."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable

import pytest

from load_tests.reports.pictures import PICTURES, SHAPES
from load_tests.reports.view import PLACES, Report, report_of
from tests.support.saved_runs import make_comparison, make_run

DRAW = pytest.mark.parametrize("draw", PICTURES.values(), ids=list(PICTURES))


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@DRAW
def test_a_picture_is_wide_enough_to_read(draw: Callable[[Report], bytes]) -> None:
    width, height = size(
        draw(report_of(make_comparison(("http1", "websocket"), rounds=1, events=[(2.0, "stopped")])))
    )
    assert width >= 1500
    assert height >= 300


@DRAW
def test_foreign_names_do_not_break_it(draw: Callable[[Report], bytes]) -> None:
    saved = make_comparison(("$x^{", "_hidden", "名\n" + "x" * 200), rounds=1, events=[(1.0, "$\\frac")])
    size(draw(report_of(saved)))


@DRAW
def test_nothing_measured_makes_an_empty_picture(draw: Callable[[Report], bytes]) -> None:
    saved = make_run()
    saved.run.clocks.clear()
    saved.run.cost.processes.clear()
    saved.histograms.clear()
    saved.run.counts.processed = 0
    for column in (saved.series.processed_p99_ms, saved.series.backlog):
        column[:] = [None] * len(column)
    saved.series.cpu_percent.clear()
    size(draw(report_of(saved)))


def test_every_place_has_a_shape() -> None:
    assert len(set(SHAPES)) == PLACES


def test_matplotlib_is_loaded_only_to_draw() -> None:
    program = "import sys, load_tests.reports.write; sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
