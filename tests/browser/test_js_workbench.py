"""What working the page rests on, module by module: view, baseline, tables, CSV, memory, predictions, shortcuts."""

from __future__ import annotations

import pytest

from tests.browser.js_runner import JsRunner

FILLED = """const made = (rows, of = (i) => i, step_us = 250_000) => {
  const s = new series.Series(3600);
  for (let i = 0; i < rows; i += 1) s.push(1e9 + i * step_us, { rate: of(i), processed_p99: 10 });
  return s;
};
"""


def test_the_view_keeps_its_bounds_and_comes_back_after_a_reload(js: JsRunner) -> None:
    body = """const view = new view_state.ViewState();
      let changes = 0;
      view.addEventListener("change", () => { changes += 1; });
      view.setCross(-30); view.setCross(-30); view.setCross(5); view.setCross(-61); view.setCross(-30);
      view.setWindow(900); view.setCross(-600); view.setWindow(300);
      const cross = view.cross_s;
      view.setLayout("side"); view.setTable("rate", true); view.setKeys(false); view.togglePause(7);
      const again = new view_state.ViewState();
      again.restore(JSON.parse(JSON.stringify(view.kept())));
      const odd = new view_state.ViewState();
      odd.restore({ window_s: 7, layout: "upside", keys: "no", tables: [1, null, "cpu"] });
      odd.restore(null);
      return [changes, cross, [view.end_us(99), again.end_us(99)], again.kept(), odd.kept()]"""
    changes, cross, ends, again, odd = js.run("view_state", body)
    assert changes == 10
    assert cross is None  # it lay outside the shorter span
    assert ends == [7, 99]  # a page that is loaded anew is live
    assert again == {"window_s": 300, "layout": "side", "keys": False, "tables": ["rate"]}
    assert odd == {"window_s": 60, "layout": "overlay", "keys": True, "tables": ["cpu"]}


def test_a_long_span_keeps_every_extreme_in_few_points_and_its_gaps(js: JsRunner) -> None:
    body = f"""{FILLED}
      const s = made(3000, (i) => (i === 1234 ? 500 : i === 2345 ? NaN : i % 7));
      const points = [];
      chart_points.fillPoints(points, s, s.columns.rate, s.at_us[s.place(0)], 900);
      const short = [];
      chart_points.fillPoints(short, s, s.columns.rate, s.at_us[s.place(100)], 60);
      return [points.length <= chart_points.MOST_POINTS + 4, Math.max(...points.map(({{y}}) => y || 0)),
        points.filter(({{y}}) => Number.isNaN(y)).length, points.every(({{x}}, i) => !i || x >= points[i - 1].x),
        short.length, short.at(-1).x]"""
    few, highest, gaps, in_order, rows, last = js.run("series chart_points", body)
    assert (few, highest, gaps, in_order) == (True, 500, 1, True)
    assert rows == 242  # one more than fits on the left
    assert last == 0  # rows after the right end, as the page is paused, are left out


def test_a_baseline_is_a_copy_and_is_compared_by_its_median(js: JsRunner) -> None:
    body = f"""{FILLED}
      const live = made(40);
      const end_us = live.at_us[live.place(0)];
      const frozen = baseline.freeze([{{ series: live }}], end_us);
      for (let i = 0; i < 4000; i += 1) live.push(2e9 + i, {{ rate: 999 }});
      const [copy] = frozen.series;
      return [copy.length, baseline.medianBefore(copy, "rate", end_us, 2.5),
        Number.isNaN(baseline.medianBefore(copy, "no such column", end_us, 10)), baseline.median([3, 1, 2, 10]),
        [[20, 10], [10.2, 10], [0, 0], [1, 0], [300, 10], [0.1, 10], [NaN, 1]]
          .map((pair) => baseline.ratioText(...pair))]"""
    length, middle, missing, even, texts = js.run("series baseline", body)
    assert (length, middle, missing, even) == (40, 34, True, 2.5)
    assert texts == ["2.0×", "same", "same", "", "30×", "0.01×", ""]


def test_tables_and_csv_say_what_the_lines_show(js: JsRunner) -> None:
    body = f"""{FILLED}
      const [a, b] = [made(241), made(241, (i) => i * 2 + 1, 250_000)];
      const lines = [
        {{ letter: "A", name: "p50", series: a, values: a.columns.rate }},
        {{ letter: "A", name: "p99, worst", series: a, values: a.columns.accepted_p99 }},
        {{ letter: "B", name: "p50", series: b, values: b.columns.rate }}];
      const end_us = a.at_us[a.place(0)];
      const csv = chart_export.csvOf(lines, "ms", end_us, 1).split("\\r\\n");
      const {{ heads, rows }} = chart_export.tableOf(lines, end_us, 60);
      return [csv, heads, rows.length, rows[1].seconds, rows[1].values.map((value) => value ?? "none").slice(0, 1),
        rows[29].values[2], chart_export.fileName("lost/../x", "run 7", 1.7669e15, "csv")]"""
    csv, heads, count, second, value, oldest, name = js.run("series chart_export", body)
    assert csv[0] == 'time,pipeline,p50 (ms),"p99, worst (ms)"'
    assert csv[1:3] == ["1970-01-01T00:17:39.000Z,A,236,", "1970-01-01T00:17:39.250Z,A,237,"]
    assert [line.split(",")[1] for line in csv[1:-1]] == ["A"] * 5 + ["B"] * 5
    assert heads == ["A p50", "A p99, worst", "B p50"]
    assert (count, second, value, oldest) == (30, -2, [232], 2 * 8 + 1)
    assert name == "lab-lost-..-x-run-7-20251228T053320Z.csv"


def test_a_history_survives_a_reload_and_anything_else_is_let_be(js: JsRunner) -> None:
    body = f"""{FILLED}
      const s = made(3600, (i) => (i % 5 ? i / 3 : NaN));
      const text = JSON.stringify(history_wire.packSeries(s));
      const back = new series.Series(3600);
      history_wire.unpackSeries(back, JSON.parse(text), 1e15);
      const same = [0, 1, 2, 3599].every((age) => {{
        const [one, two] = [s, back].map((each) => each.columns.rate[each.place(age)]);
        return Number.isNaN(one) ? Number.isNaN(two) : Math.abs(one - two) <= one * 1e-3;
      }});
      const odd = new series.Series(10);
      for (const junk of [null, 7, {{}}, {{ from_us: 1, at_ms: "no" }}, {{ from_us: 1, at_ms: [5, "x", 3, 9] }}]) {{
        history_wire.unpackSeries(odd, junk, 1e15);
      }}
      return [text.length, back.length, same, odd.length]"""
    length, rows, same, odd = js.run("series history_wire", body)
    assert length < 400_000  # of both pipelines and a baseline less than half of what browsers keep
    assert (rows, same) == (3600, True)
    assert odd == 2  # only times that go forward


COMPARED = """const pipeline = (letter) => ({ meta: { id: letter, letter }, snapshot: null, liveness: () => "live" });
  const store = { pipelines: [pipeline("A"), pipeline("B")], processes: [], waiting: {} };
  const look = new comparable.Comparable();
  const go = (seconds, a, b, run = "r") => {
    let said = "";
    for (let s = 0; s <= seconds; s += 1) {
      [a, b].forEach((rate, i) => {
        const totals = { accepted: rate * s, duplicates: 0 };
        store.pipelines[i].snapshot = { run, at_us: 1e9 + s * 1e6, totals };
      });
      said = look.why_not(store, 0);
    }
    return said;
  };
"""


def test_two_pipelines_are_not_comparable_where_their_loads_differ_or_a_generator_is_busy(
    js: JsRunner,
) -> None:
    body = f"""{COMPARED}
      const texts = [go(5, 100, 50), go(20, 100, 100, "b"), go(20, 100, 96, "c"), go(20, 90, 100, "d")];
      texts.push(go(20, 20, 19, "e"));
      store.processes = [{{ name: "fleet", cpu_percent: 97 }}, {{ name: "redis", cpu_percent: 99 }}];
      texts.push(look.why_not(store, 0));
      store.pipelines[1].refilling = true;
      texts.push(look.why_not(store, 0));
      store.pipelines[1].liveness = () => "stale";
      texts.push(look.why_not(store, 0));
      return texts"""
    assert js.run("comparable", body) == [
        "",  # too short a look
        "",
        "",  # 4 %
        "A is offered 10 % fewer samples than B",
        "",  # ten samples apart in ten seconds: chance
        "the generator (fleet) needs all of a core: it cannot keep its times",
        "B is sent again what it had lost",
        "B: old figures",
    ]


def test_what_waits_in_outboxes_is_offered_too(js: JsRunner) -> None:
    body = f"""{COMPARED}
      const step = (s, a, b) => {{
        [a, b].forEach((accepted, i) => {{
          store.pipelines[i].snapshot = {{ run: "r", at_us: 1e9 + s * 1e6, totals: {{ accepted, duplicates: 0 }} }};
        }});
        return look.why_not(store, 0);
      }};
      const said = new Set();
      // For 20 s A takes nothing and its outboxes fill; they are looked at every other second. Then they empty.
      for (let s = 0; s <= 60; s += 1) {{
        const a = s < 20 ? 0 : Math.min(100 * s, 500 * (s - 20));
        if (s % 2 === 0) store.waiting = {{ A: 100 * s - a, B: 0 }};
        said.add(step(s, a, 100 * s));
      }}
      // B alone is offered less: its outboxes are as empty as before.
      let last = "";
      for (let s = 61; s <= 90; s += 1) last = step(s, 100 * s, 6000 + 80 * (s - 60));
      return [[...said], last]"""
    assert js.run("comparable", body) == [[""], "B is offered 20 % fewer samples than A"]


def test_a_prediction_is_judged_by_what_it_said(js: JsRunner) -> None:
    body = """const said = { figure: "processed_p99", ways: ["up", "same"], before: [10, 2], at_us: 5 };
      const told = prediction.outcomes(said, [26, 4]);
      const missing = prediction.outcomes({ ...said, before: [null, 2] }, [26, NaN]);
      return [told, missing.map(({ way }) => way), prediction.wayOf(10, 11, 0.5), prediction.wayOf(10, 8, 0.5),
        prediction.readPrediction(JSON.parse(JSON.stringify(said)))?.figure,
        [null, {}, { ...said, figure: "mood" }, { ...said, ways: ["up"] }, { ...said, ways: ["up", "sideways"] },
          { ...said, before: [1, "2"] }].map(prediction.readPrediction)]"""
    told, missing, small, down, read, junk = js.run("prediction", body)
    assert [each["right"] for each in told] == [True, False]
    assert told[0]["text"] == "You said it would go up. It went up: 10.0 ms → 26.0 ms."
    assert told[1]["text"] == "You said it would stay. It went up: 2.00 ms → 4.00 ms."
    assert (missing, small, down, read) == ([None, None], "same", "down", "processed_p99")
    assert junk == [None] * 6


@pytest.mark.parametrize(
    "press, state, meant",
    [
        ({"key": "k"}, {}, "k"),
        ({"key": "K"}, {}, "k"),
        ({"key": "x"}, {}, None),
        ({"key": "k", "ctrlKey": True}, {}, None),
        ({"key": "k", "repeat": True}, {}, None),
        ({"key": "k"}, {"typing": True}, None),
        ({"key": "k"}, {"dialog": True}, None),
        ({"key": "k"}, {"on": False}, None),
        ({"key": "?"}, {"on": False}, "?"),
    ],
)
def test_a_key_is_a_shortcut_unless_it_means_something_else(
    js: JsRunner, press: dict[str, object], state: dict[str, object], meant: str | None
) -> None:
    value = {
        "press": {"ctrlKey": False, "altKey": False, "metaKey": False, "repeat": False} | press,
        "state": {"typing": False, "dialog": False, "on": True} | state,
    }
    body = """const known = [{ key: "k" }, { key: "?" }];
      return shortcuts.meantBy(known, value.press, value.state)?.key ?? null"""
    assert js.run("shortcuts", body, value) == meant


def test_memory_that_is_forbidden_or_full_fails_nothing(js: JsRunner) -> None:
    body = """memory.forThisTab.keep("x", { a: [1] });
      const back = memory.forThisTab.recall("x");
      sessionStorage.setItem("lab-x", "{no json");
      const broken = memory.forThisTab.recall("x");
      memory.forThisTab.keep("x", "y".repeat(20_000_000));
      memory.forThisTab.keep("x", null);
      return [back, broken, memory.forThisTab.recall("x")]"""
    assert js.run("memory", body) == [{"a": [1]}, None, None]


def test_spans_are_read_as_people_say_them(js: JsRunner) -> None:
    spans = js.run("span", "return value.map(span.spanText)", [0, 7.4, 60, 90, 150, 300, 900])
    assert spans == ["0 s", "7 s", "60 s", "90 s", "2 min 30 s", "5 min", "15 min"]
