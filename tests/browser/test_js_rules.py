"""Rules that the page's sources keep, read from the sources: what each module may touch, and how long it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.fake_lab import DASHBOARD

MODULES = sorted((DASHBOARD / "js").glob("*.js"))
KNOW_THE_DOM = {
    "answer_line", "buffers", "chart_card", "chart_panel", "chart_tools", "charts", "controls",
    "crosshair", "dom", "download", "effect_list", "event_list", "fault_form", "fault_list", "faults",
    "frame", "header", "join", "join_panel",
    "join_shake", "join_view", "journey", "key_sheet", "knob_form", "knob_row", "ledger", "ledger_canvas",
    "ledger_legend", "ledger_pane", "load_form", "loss_watch", "main", "marker_form", "memory",
    "palette", "pane", "predict_panel", "process_form", "processes", "projector", "server_card",
    "server_form", "server_grid", "stopped_watch", "servers", "table_view", "theme", "theme_first", "toolbar", "watch",
    "workbench",
}  # fmt: skip
LONGEST = 150


def code_of(text: str) -> str:
    """A module without its comments."""
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = code_of(text)
    assert text.count("\n") <= LONGEST
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code
    )
    assert "https:" not in code.replace('"https:"', "")
    if path.stem != "theme_first":
        assert text.startswith("// @ts-check\n")
    if path.stem != "charts":
        assert not re.search(r"\bChart\b", code.replace("LineChart", ""))
    if path.stem not in ("feed", "join_socket"):
        assert "WebSocket" not in re.sub(r'"[^"]*"', "", code)
    if path.stem not in KNOW_THE_DOM:
        assert not re.search(r"\b(document|window|localStorage|requestAnimationFrame|HTMLElement)\b", code)


@pytest.mark.parametrize("name", ["index.html", "join.html"])
def test_page_has_neither_inline_script_nor_inline_style(name: str) -> None:
    html = (DASHBOARD / name).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html)
    assert not re.search(r"(src|href)=\"(?!/static/|/vendor/|/api/docs\"|#)", html)
