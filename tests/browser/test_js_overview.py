"""Unit tests of what the overview draws from: phases, differences, axes, named lines, alerts, cards in view."""

from __future__ import annotations

import pytest

from tests.browser.js_runner import JsRunner
from tests.browser.test_js_difference import FILLED
from tests.browser.test_js_store import SNAPSHOTS


def phases_of(js: JsRunner, events: list[tuple[int, str, str]], seconds: list[float]) -> list[str]:
    """What the head says at each time, with both feeds live throughout."""
    body = """const s = new store.Store();
      const say = (now) => {
        for (const { meta } of s.pipelines) {
          s.setConnection(meta.id, { state: "open" }, now);
          s.receive(meta.id, snapshot(meta.id, now), now);
        }
        return s.phase.phase(s.pipelines, now).text;
      };
      const said = [];
      const events = [...value.events];
      for (const second of value.seconds) {
        while (events.length && events[0][0] <= second) {
          const [at, kind, text] = events.shift();
          s.addLabEvent({ at_us: T + at * 1e6, kind, source: "redis", text });
        }
        said.push(say(T + second * 1e6));
      }
      return said"""
    found: list[str] = js.run("store", SNAPSHOTS + body, {"events": events, "seconds": seconds})
    return found


def test_the_phase_follows_faults_to_their_recovery(js: JsRunner) -> None:
    events = [
        (1, "ready", "worker-1 is ready"),
        (2, "fault", "pause on redis: for 10 s"),
        (4, "fault", "delay on store: 200 ms each way"),
        (6, "fault_over", "delay on store: 200 ms each way is over"),
        (12, "fault_over", "pause on redis: for 10 s is over"),
        (14, "recovered", "well again 0.4 s after delay on store: 200 ms each way"),
        (15, "recovered", "well again 3 s after pause on redis: for 10 s"),
    ]
    assert phases_of(js, events, [0, 1, 2, 4, 6, 12, 14, 15]) == [
        "Steady",
        "Steady",
        "Fault: pause on redis",
        "Fault: delay on store and 1 more",
        "Fault: pause on redis",
        "Recovering from pause on redis and 1 more",
        "Recovering from pause on redis",
        "Steady",
    ]


def test_a_recovery_that_is_never_told_is_not_waited_for_for_ever(js: JsRunner) -> None:
    events = [
        (1, "fault", "hidden fault 3"),
        (2, "fault", "hidden fault 3 was: cut on store"),
        (9, "fault_over", "hidden fault 3 is over"),
    ]
    said = phases_of(js, events, [2, 10, 68, 70])
    assert said == ["Fault: hidden fault 3", *["Recovering from hidden fault 3"] * 2, "Steady"]


def test_what_is_over_at_once_is_recovered_from_at_once(js: JsRunner) -> None:
    events = [
        (1, "fault", "kill on worker-1"),
        (3, "warning", "low on memory"),
        (9, "warning", "not well again 60 s after kill on worker-1"),
    ]
    assert phases_of(js, events, [2, 4, 9]) == [*["Recovering from kill on worker-1"] * 2, "Steady"]


def test_the_phase_tells_of_feeds_that_are_not_there(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const said = () => s.phase.phase(s.pipelines, T).text;
      const none = { accepted: 0, processed: 0, duplicates: 0, rejected: 0 };
      const texts = [said()];
      for (const [id, totals] of [["http_redis", none], ["http_redis", PHASE.totals], ["websocket", PHASE.totals]]) {
        s.setConnection(id, { state: "open" }, T);
        s.receive(id, snapshot(id, T, [], { totals }), T);
        texts.push(said());
      }
      return texts"""
    assert js.run("store", SNAPSHOTS + FILLED + body) == [
        "Waiting for the feeds",
        "No samples yet",
        "One feed only",
        "Steady",
    ]


def test_latency_charts_share_an_axis_of_either_scale_and_others_have_their_own(js: JsRunner) -> None:
    body = """const specs = [{ scale: "logarithmic", least: 100 }, { scale: "logarithmic", least: 100 },
        { scale: "linear", least: 10, most: 100 }];
      const axes = new axis.RowAxes(specs);
      const extents = [{ lowest: 2, highest: 30 }, { lowest: 0.4, highest: 700 }, { lowest: 0, highest: 97 }];
      const first = axes.fit(extents);
      axes.shared = "linear";
      return [first, axes.fit(extents), axes.fit(extents.map(() => ({ lowest: NaN, highest: NaN })))]"""
    logarithmic, linear, empty = js.run("axis", body)
    shared = {"lowest": 0.1, "highest": 1000, "scale": "logarithmic"}
    assert logarithmic[:2] == [shared, shared]
    assert logarithmic[2] == {"lowest": 0, "highest": 100, "step": 50, "scale": "linear"}
    assert linear[0] == linear[1] == {"lowest": 0, "highest": 800, "step": 200, "scale": "linear"}
    assert empty[0]["highest"] == 10


NAMED = """const s = new series.Series(5);
  const row = (at, named) => s.push(at, {}, named);
"""


def test_named_columns_come_and_go_within_a_bound(js: JsRunner) -> None:
    body = """row(1, { "cpu a": 1 }); row(2, { "cpu a": 2, "cpu b": 3, "rss a": 4 });
      const before = Number.isNaN(s.values("cpu b")[0]);
      for (let i = 0; i < 500; i += 1) row(3 + i, { "cpu a": i, [`cpu x${i}`]: 1 });
      const bound = s.named.size;
      return [before, bound, s.values("cpu a")[s.place(0)], s.values("none").length, s.namesOf("cpu ", 1).length]"""
    assert js.run("series", NAMED + body) == [True, 40, 499, 0, 2]


def test_a_line_of_its_own_has_who_is_not_alone_and_was_there_lately(js: JsRunner) -> None:
    body = """const own = (names) => ({ series: { namesOf: () => names } });
      const spec = (lines) => ({ named: "cpu ", lines });
      const names = ({ lines }) => lines.map((each) => each.map(({ name }) => name));
      const pipelines = [own(["cpu ingest", "cpu redis"]), own(["cpu pipeline-b"])];
      return [chart_lines.namedLines(spec([{}]), pipelines), chart_lines.namedLines(spec([]), pipelines),
        chart_lines.namedLines({ lines: [{}] }, pipelines)].map(names)"""
    together, alone, none = js.run("chart_lines", body)
    assert together == [["ingest", "redis"], []]
    assert alone == [["ingest", "redis"], ["pipeline-b"]]
    assert none == []


def test_names_at_the_ends_of_lines_never_overlap(js: JsRunner) -> None:
    body = "return value.map((wanted) => chart_points.spreadLabels(wanted, 10, 0, 50))"
    spread, free, crowded = js.run("chart_points", body, [[48, 47, 46], [30, 5], [1, 1, 1, 1, 1, 49]])
    assert spread == [45, 35, 25]
    assert free == [30, 5]
    assert crowded == [5, 15, 25, 35, 45, None]


def test_alerts_have_the_worst_level_of_each_metric(js: JsRunner) -> None:
    body = """const levels = value.map((texts) => alerts.alertLevels(texts));
      return levels.map((each) => [[...each], alerts.worst(each)])"""
    texts = [
        ["cpu warning", "memory critical", "cpu warning"],
        ["disk critical", "disk warning"],
        ["odd", ""],
    ]
    assert js.run("alerts", body, texts) == [
        [[["cpu", "warning"], ["memory", "critical"]], "critical"],
        [[["disk", "critical"]], "critical"],
        [[], ""],
    ]


def test_only_cards_in_view_are_drawn_of_many(js: JsRunner) -> None:
    body = """const grid = (scroll_px) => ({ columns: 6, row_px: 180, scroll_px, view_px: 600 });
      return value.map(([cards, scroll]) => Object.values(card_window.cardWindow(cards, grid(scroll))))"""
    few, top, middle, end = js.run("card_window", body, [[50, 0], [2000, 0], [2000, 18_000], [2000, 1e9]])
    assert few == [0, 50, 0, 0, False]
    rows = 334
    assert top == [0, 54, 0, (rows - 9) * 180, True]
    assert middle == [98 * 6, 107 * 6, 98 * 180, (rows - 107) * 180, True]
    assert end == [(rows - 9) * 6, 2000, (rows - 9) * 180, 0, True]


def test_a_server_has_two_minutes_of_readings_at_every_rate(js: JsRunner) -> None:
    body = """const h = new server_history.ServerHistories(2);
      for (let i = 0; i < 3000; i += 1) {
        const taken = T + i * 100000;
        h.receive(0, snapshot("http_redis", taken, [entry({ ...sample("x", i, taken), cpu_percent: i })]));
      }
      h.receive(1, snapshot("websocket", T, [entry(sample("x", 0, T))]));
      const readings = h.log(0, "x").readings("cpu_percent");
      return [readings.length, readings[0], readings.at(-1), h.longest("x") === h.log(0, "x"), h.log(1, "y")]"""
    length, first, last, longest, none = js.run("server_history", SNAPSHOTS + body)
    assert (length, longest, none) == (120, True, None)
    assert 100 < last[0] - first[0] < 125
    assert last[1] == pytest.approx(last[0] * 10, abs=1)


def test_histories_of_servers_are_bounded_and_forget_who_is_gone(js: JsRunner) -> None:
    body = """const h = new server_history.ServerHistories(1);
      const named = (from, many) => snapshot("http_redis", T,
        Array.from({ length: many }, (_, i) => entry(sample(`s${from + i}`, 0, T))));
      h.receive(0, named(0, 3000));
      const most = h.logs[0].size;
      h.receive(0, named(5000, 10));
      return [most, [...h.logs[0].keys()]]"""
    most, names = js.run("server_history", SNAPSHOTS + body)
    assert most == 2000
    assert names == [f"s{5000 + i}" for i in range(10)]


def test_a_small_line_is_broken_where_readings_are_missing(js: JsRunner) -> None:
    body = """const box = { width: 100, height: 10, from_s: 0, to_s: 100, low: 0, high: 100 };
      return line_path.linePath([[-5, 1], [0, 0], [1, 50], [2, NaN], [50, 100], [100, 900]], box)"""
    assert js.run("line_path", body) == "M0 10L1 5M50 0M100 0"


def test_counts_that_cannot_be_read_are_refused(js: JsRunner) -> None:
    body = "loss_watch.checkCounts(value)"
    good = {"pipelines": {"http_redis": {"counts": {"lost_store": 1}}, "websocket": {"counts": {}}}}
    assert js.error_of("loss_watch", body, good) == ""
    good["pipelines"]["websocket"] = {"counts": {"lost_memory": -1}}
    assert "$.pipelines.websocket.counts.lost_memory" in js.error_of("loss_watch", body, good)
    assert js.error_of("loss_watch", body, {"pipelines": {}}) != ""
