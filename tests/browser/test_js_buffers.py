"""The pure modules of the buffers: the lab's answer, levels with bound and peak, Little's law."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.browser.fake_journeys import buffers, upstream
from tests.browser.js_runner import JsRunner


def plain(value: Any) -> Any:
    """As it is on the wire."""
    return json.loads(msgspec.json.encode(value))


def test_buffers_of_the_lab_are_read_and_a_wrong_answer_is_named(js: JsRunner) -> None:
    check = "return buffers_wire.checkBuffers(value)"
    found = js.run("buffers_wire", check, upstream(5))
    assert found["at_us"] == 5
    assert found["upstream"]["websocket"] == {"waiting": 2, "capacity": 30_000, "socket_bytes": None}
    empty = js.run("buffers_wire", check, {"fleet": {}, "sockets": {}})
    assert empty["upstream"]["http_redis"] == {"waiting": None, "capacity": None, "socket_bytes": None}
    wrong = upstream(5) | {"sockets": {"websocket": {"bytes": -1}}}
    assert "$.sockets.websocket.bytes: expected" in js.error_of("buffers_wire", check, wrong)
    assert "$.fleet: expected an object" in js.error_of("buffers_wire", check, {"sockets": {}})


def test_levels_stand_in_the_order_of_the_way_with_bound_and_state(js: JsRunner) -> None:
    body = """const board = new buffer_board.BufferBoard("http_redis");
      const told = buffers_wire.checkBuffers(value[0]).upstream.http_redis;
      const levels = board.levels(told, [...value[1], { name: "new one", waiting: 1, capacity: 0, unit: "x" }], 0);
      const { boundText, levelText } = buffer_words;
      return levels.map((each) => [each.place.id, `${levelText(each)} ${boundText(each)}`, each.state])"""
    found = js.run(
        "buffer_board buffer_words buffers_wire",
        body,
        [upstream(5, waiting=25_000, socket_bytes=2_000_000), plain(buffers("http_redis", full=True))],
    )
    assert found == [
        ["outbox", "25,000 of 30,000 samples", "high"],
        ["socket", "2.0 MB bar full at 1.0 MB", "full"],
        ["group commit", "256 of 256 batches", "full"],
        ["Redis queue", "1,000 of 1,000 jobs", "full"],
        ["workers", "2 of 2 workers", "calm"],
        ["stream", "3 of 10,000 entries", "calm"],
        ["feed", "0 of 1 snapshot", "calm"],
        ["new one", "1 of 0 x", "closed"],
    ]


def test_a_full_ring_is_no_trouble_and_an_unknown_buffer_no_zero(js: JsRunner) -> None:
    body = """const board = new buffer_board.BufferBoard("websocket");
      const levels = board.levels(null, value, 0);
      return levels.map((each) => [each.place.id, buffer_words.levelText(each), each.share, each.state])"""
    found = js.run("buffer_board buffer_words", body, plain(buffers("websocket")))
    assert found[:2] == [["outbox", "–", 0, "unknown"], ["socket", "–", 0, "unknown"]]
    assert found[3] == ["ring", "15,000", 1, "calm"]


def test_the_peak_is_held_for_ten_seconds(js: JsRunner) -> None:
    body = """const board = new buffer_board.BufferBoard("websocket");
      const fold = (waiting, at) => board.levels(null, [{ name: "fold", waiting, capacity: 100, unit: "" }], at)[2];
      return [[40, 0], [90, 1e6], [5, 2e6], [5, 10.9e6], [5, 11.1e6]].map(([n, at]) => fold(n, at).peak_share)"""
    assert js.run("buffer_board", body) == [0.4, 0.9, 0.9, 0.9, 0.05]


LITTLE = """const law = new little.LittlesLaw();
  const looks = (from_s, to_s, inside, processed) => {
    for (let s = from_s; s <= to_s; s += 0.25) law.look(inside(s), Math.round(processed(s)), s * 1e6);
  };
  const told = (w_ms) => [law.balance(w_ms), little.verdictOf(law.balance(w_ms))];
"""


def test_littles_law_holds_in_a_steady_system(js: JsRunner) -> None:
    body = LITTLE + "looks(0, 30, () => 25, (s) => 5000 * s); return told(5)"
    balance, verdict = js.run("little", body)
    assert (balance["l"], balance["rate_per_s"], balance["product"]) == pytest.approx((25, 5000, 25))
    assert balance["residual"] == pytest.approx(0)
    assert verdict == "balanced"


@pytest.mark.parametrize(
    "inside, processed, w_ms, wanted",
    [
        ("500 * s", "100 * s", 20, "filling"),  # 600 a second come, 100 go
        ("5000 - 500 * s", "1000 * s", 8000, "emptying"),  # what goes had waited for long
        ("200", "0", 0, "filling"),  # the workers stand still
        ("0.4", "50 * s", 3, "balanced"),
    ],
)
def test_the_residual_says_when_a_system_is_not_steady(
    js: JsRunner, inside: str, processed: str, w_ms: float, wanted: str
) -> None:
    assert (
        js.run("little", f"{LITTLE} looks(0, 10, (s) => {inside}, (s) => {processed}); return told({w_ms})")[
            1
        ]
        == wanted
    )


def test_littles_law_says_nothing_before_it_can(js: JsRunner) -> None:
    """No look, one look, no mean latency; and counters that went back begin anew."""
    body = (
        LITTLE
        + """const none = told(5)[1];
      law.look(1, 10, 0);
      const one = told(5)[1];
      looks(1, 5, () => 1, (s) => 10 * s);
      const blind = told(NaN)[1];
      law.look(1, 3, 6e6);
      return [none, one, blind, told(5)[1],
        little.insideOf({ accepted: 9, processed: 5, duplicates: 1, rejected: 7, dead_lettered: 2 }),
        little.insideOf({ accepted: 5, processed: 9, duplicates: 0 })]"""
    )
    assert js.run("little", body) == ["unknown"] * 4 + [1, 0]


def test_the_time_inside_lies_between_two_moments_of_the_same_samples(js: JsRunner) -> None:
    body = """return value.map(([accepted, processed, n]) =>
      little.timeInside_ms({ accepted: { mean: accepted ?? NaN, n }, processed: { mean: processed, n } }))
      .map((each) => (Number.isNaN(each) ? null : each))"""
    times = [(5, 12, 9), (5, 12, 0), (5.08, 5, 9), (900, 20, 9), (None, 3, 9)]
    assert js.run("little", body, times) == [7, None, 0, None, None]


def test_where_nothing_waits_it_is_said_even_if_no_time_inside_is_known(js: JsRunner) -> None:
    body = """return value.map(([l, product]) => buffer_words.littleText({ l, product: product ?? NaN, w_ms: NaN,
      rate_per_s: 493, residual: product === null ? NaN : l - product }).split(/[ :]/)[0])"""
    balances = [(0, None), (0.004, None), (0, 0.2), (0, 3), (0.3, None), (3, 3)]
    found = js.run("buffer_words", body, balances)
    assert found == ["Nothing", "Nothing", "Nothing", "Less", "Not", "L"]


def test_one_is_counted_in_the_singular(js: JsRunner) -> None:
    body = "return value.map(([n, unit]) => format.many(n, unit))"
    counted = [
        (1, "jobs"),
        (1, "batches"),
        (1, "entries"),
        (0, "jobs"),
        (1200, "batches"),
        (1, ""),
        (None, "jobs"),
    ]
    found = js.run("format", body.replace("(n, unit)", "(n ?? NaN, unit)"), counted)
    assert found == ["1 job", "1 batch", "1 entry", "0 jobs", "1,200 batches", "1 ", "– jobs"]


def test_what_waits_upstream_is_drawn_among_the_buffers_while_it_is_known(js: JsRunner) -> None:
    """The chart's lines are the history's named columns: outbox and socket stand first, as on the way."""
    body = """const pipeline = new pipeline_state.PipelineState(config.PIPELINES[0]);
      const totals = { accepted: 5, processed: 5, duplicates: 0, rejected: 0 };
      const figures = { p50: 1, p99: 2, n: 1 };
      const receive = (at_us) => pipeline.receive({ run: "r1", at_us, totals, rate_per_s: 1, producers: [],
        processes: [], backlog: { waiting: 0, capacity: 1 }, latency_ms: { accepted: figures, processed: figures },
        buffers: [{ name: "Redis queue", waiting: 1, capacity: 4, unit: "jobs" }] }, at_us);
      const newest = () => ["outbox", "socket", "Redis queue"].map((name) => {
        const value = pipeline.series.values(`buffer ${name}`)[pipeline.series.place(0)];
        return value === undefined || Number.isNaN(value) ? "-" : value;
      });
      let now_us = 1e6;
      receive(now_us);
      const found = [newest()];
      for (const told of [{ waiting: 30, capacity: 120, socket_bytes: 500_000 },
        { waiting: 30, capacity: 20, socket_bytes: null }, { waiting: null, capacity: null, socket_bytes: 9e6 }]) {
        now_us += 100e6; // long enough for the mean to be the newest value
        pipeline.upstream = { told, at_us: now_us - 1e6 };
        receive(now_us);
        found.push(newest());
      }
      receive(now_us + 5e6); // nobody has told for five seconds
      return [...found, newest(), [...pipeline.series.named.keys()]]"""
    assert js.run("pipeline_state config", body) == [
        ["-", "-", 25],
        [25, 50, 25],
        [100, "-", 25],
        ["-", 100, 25],
        ["-", "-", 25],
        ["buffer Redis queue", "buffer outbox", "buffer socket"],
    ]


def test_levels_on_the_chart_are_a_mean_of_two_seconds(js: JsRunner) -> None:
    """Two workers are 0, 50 or 100 % busy, twelve times a second; a queue that fills is seen all the same."""
    body = """const rows = new named_row.NamedRows();
      const level = (waiting, at_us) => rows.next({ processes: [], buffers: [
        { name: "workers", waiting, capacity: 2 }] }, null, at_us)["buffer workers"];
      level(2, 0);
      const flapping = [], full = [];
      for (let n = 1; n <= 80; n += 1) flapping.push(level(2 * (n % 2), n * 250e3));
      for (let n = 81; n <= 100; n += 1) full.push(level(2, n * 250e3));
      const late = flapping.slice(40);
      return [Math.min(...late) > 40, Math.max(...late) < 60, full[7] > 75, full[19] > 95]"""
    assert js.run("named_row", body) == [True, True, True, True]
