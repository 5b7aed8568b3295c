"""The HTML page as text: self-contained, shut in, foreign text escaped. How it looks: tests/browser."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from load_tests.reports.html_page import in_json, in_script, render_html
from load_tests.runs.folder import SavedComparison, SavedRun
from metrics_core.errors import LabError
from tests.support.saved_runs import EPOCH, make_comparison, make_run

EVIL = "</script><img src=x onerror=alert(1)>"
LARGEST = 1_500_000


class Reader(HTMLParser):
    """Collects start tags, and the texts of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.texts.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attributes, text = self.texts[-1]
            self.texts[-1] = (tag, attributes, text + data)


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(make_comparison())


def test_it_loads_nothing(page: str) -> None:
    for tag, attributes in Reader(page).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert str(attributes.get("href") or "#").startswith("#")


def test_the_policy_allows_exactly_what_is_inside(page: str) -> None:
    reader = Reader(page)
    policy = next(attributes["content"] for tag, attributes in reader.tags if attributes.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for _, attributes, text in reader.texts:
        if attributes.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == 4


def test_it_is_small_enough_also_when_much_was_measured(page: str) -> None:
    assert len(page.encode()) < LARGEST
    names = [f"http1:workers={workers}" for workers in range(1, 9)]
    long = make_comparison(
        names, rounds=4, noise=2, missing={"load-00": {EPOCH: [[2 * n, 2 * n] for n in range(4000)]}}
    )
    for blocks in long.blocks.values():
        blocks[0] = make_run(blocks[0].run.plan.arm, number=500, duration_s=3_000)
    assert len(render_html(long).encode()) < LARGEST


def test_sections_are_in_their_order(page: str) -> None:
    crossed = render_html(make_comparison(crossed=True, rounds=1))
    wanted = ["headline", "fairness", "factorial", "latency", "series", "bill", "ledger", "spread", "method"]
    assert re.findall(r'<section class="band" id="([a-z]+)"', crossed) == wanted
    wanted.remove("factorial")
    assert re.findall(r'<section class="band" id="([a-z]+)"', page) == wanted


def test_a_loss_is_the_first_line_of_the_page(page: str) -> None:
    assert 'id="loss"' not in page
    lossy = render_html(make_run(missing={"load-00": {EPOCH: [[12, 18]]}}))
    body = lossy.partition("<body>")[2].lstrip()
    assert body.startswith(
        '<p class="loss" id="loss" role="alert"><b aria-hidden="true">!</b> 7 samples were acknowledged and then lost'
    )


@pytest.mark.parametrize(
    "saved",
    [
        make_run(
            EVIL, status="failed", reasons=[EVIL], missing={EVIL: {EVIL: [[1, 2]]}}, events=[(1.0, EVIL)]
        ),
        make_comparison((EVIL, "http2"), rounds=1, findings=[EVIL], events=[(1.0, EVIL)]),
    ],
    ids=["run", "comparison"],
)
def test_foreign_text_is_text(saved: SavedRun | SavedComparison) -> None:
    html = render_html(saved)
    reader = Reader(html)
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    points = next(text for _, attributes, text in reader.texts if attributes.get("id") == "points")
    assert "<" not in points
    assert EVIL in str(msgspec.json.decode(points))


def test_a_script_cannot_be_ended_from_inside() -> None:
    assert in_script('a = "</script>" + "<!--"\r\n') == 'a = "<\\/script>" + "<\\!--"\n'
    assert "</" not in in_json({"a": "</script>"})
    assert msgspec.json.decode(in_json({"a": "</b>\u2028"})) == {"a": "</b>\u2028"}


def test_arms_without_blocks_costs_or_clocks_make_a_page() -> None:
    bare = make_comparison(rounds=1)
    bare.blocks["http2"].clear()
    for saved in bare.blocks["websocket"]:
        saved.run.cost.processes.clear()
        saved.run.clocks.clear()
        saved.histograms.clear()
        saved.series.cpu_percent.clear()
        saved.run.cost.note = "the processes could not be seen"
    html = render_html(bare)
    assert "the processes could not be seen" in html
    assert "Nothing was delivered" in html


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LabError, match="chartkick, which is not installed"):
        render_html(make_run())
