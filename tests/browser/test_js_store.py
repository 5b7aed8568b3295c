"""What the page keeps: pipelines, servers as both see them, and the visible latency."""

from __future__ import annotations

from tests.browser.js_runner import JsRunner

SNAPSHOTS = """
  const T = 1766200000000000;
  const latency = { p50: 1, p90: 2, p99: 3, max: 4, n: 10 };
  const sample = (producer, seq, at_us, epoch = 1) => ({ producer, epoch, seq, sampled_at_us: at_us, cpu_percent: 1,
    memory_percent: 2, disk_percent: 3, net_rx_bytes_per_s: 4, net_tx_bytes_per_s: 5 });
  const entry = (last, age_ms, status = "healthy") => ({ producer: last.producer, status, last, age_ms });
  const snapshot = (pipeline, at_us, producers = [], more = {}) => ({ type: "snapshot", schema: 1, pipeline, run: "r1",
    at_us, totals: { accepted: 5, processed: 5, duplicates: 0, rejected: 0 }, rate_per_s: 50,
    backlog: { waiting: 5, capacity: 100, unit: "jobs" }, latency_ms: { accepted: latency, processed: latency },
    producers, processes: [{ name: "p", pid: 1, cpu_percent: 7, rss_bytes: 9 }], ...more });
"""


def test_history_is_bounded_over_a_simulated_hour(js: JsRunner) -> None:
    body = """const s = new store.Store();
      for (let at = T; at < T + 3600e6; at += 250000) s.receive("http_redis", snapshot("http_redis", at), at);
      const { series } = s.pipeline("http_redis");
      return [series.length, series.at_us.length, series.columns.rate[series.place(0)], s.events.lines.length]"""
    assert js.run("store", SNAPSHOTS + body) == [3600, 3600, 50, 1]


def test_liveness_follows_connection_and_age(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const p = s.pipeline("websocket");
      const states = [p.liveness(T)];
      s.setConnection("websocket", { state: "open" }, T);
      s.receive("websocket", snapshot("websocket", T - 2000), T);
      for (const later of [0, 2.9e6, 3.1e6]) states.push([p.liveness(T + later), Math.round(p.age_ms(T + later))]);
      s.setConnection("websocket", { state: "waiting", detail: "gone", retry_in_ms: 9 }, T + 4e6);
      s.setConnection("websocket", { state: "connecting" }, T + 5e6);
      s.setConnection("websocket", { state: "waiting", detail: "gone", retry_in_ms: 9 }, T + 6e6);
      states.push(p.liveness(T + 6e6));
      s.receive("websocket", snapshot("websocket", T + 7e6), T + 7e6);
      return [states, s.events.lines.map((line) => `${line.kind} ${line.text}`)]"""
    states, events = js.run("store", SNAPSHOTS + body)
    assert states == ["connecting", ["live", 0], ["live", 2900], ["stale", 3100], "lost"]
    assert events == ["connected snapshots arrive", "lost gone; trying again", "connected snapshots arrive"]


def test_a_feed_that_repeats_an_old_state_is_stale_too(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const p = s.pipeline("websocket");
      for (let i = 0; i < 20; i += 1) s.receive("websocket", snapshot("websocket", T), T + i * 250000);
      return [p.isStale(T + 2.5e6), p.isStale(T + 4.75e6)]"""
    assert js.run("store", SNAPSHOTS + body) == [False, True]


def test_a_gap_breaks_the_lines_and_a_new_run_empties_them(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const receive = (at, more) => s.receive("http_redis", snapshot("http_redis", at, [], more), at);
      const rates = () => { const { series } = s.pipeline("http_redis");
        return Array.from({ length: series.length }, (_, age) => series.columns.rate[series.place(age)] || "gap"); };
      receive(T); receive(T + 10e6);
      const broken = rates();
      receive(T + 11e6, { totals: { accepted: 1, processed: 1, duplicates: 0, rejected: 0 } });
      receive(T + 12e6, { run: "r2" });
      return [broken, rates(), s.events.lines.map((line) => line.text)]"""
    broken, fresh, events = js.run("store", SNAPSHOTS + body)
    assert broken == [50, "gap", 50]
    assert fresh == [50]
    assert events[1:] == ["counters went back from 5 to 1 processed samples", "a new run began: r2"]


def test_rows_hold_no_latency_where_nothing_was_counted(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const none = { ...latency, n: 0 };
      s.receive("http_redis", snapshot("http_redis", T, [], { latency_ms: { accepted: none, processed: latency } }), T);
      const { columns } = s.pipeline("http_redis").series;
      const row = ["accepted_p50", "processed_p50", "visible_p50", "backlog_percent", "cpu_percent"];
      return row.map((name) => columns[name][0]).map((each) => (Number.isNaN(each) ? "none" : each))"""
    assert js.run("store", SNAPSHOTS + body) == ["none", 1, "none", 5, 7]


def test_servers_are_merged_sorted_and_judged_by_both_views(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const a = [entry(sample("web-10", 4, T - 2e6), 2000), entry(sample("web-2", 9, T - 9e6), 9000, "silent"),
        entry(sample("__proto__", 1, T), 0)];
      const b = [entry(sample("web-10", 6, T), 0), entry(sample("web-2", 9, T - 9e6), 9000, "silent"),
        entry(sample("only-b", 1, T), 0)];
      s.receive("http_redis", snapshot("http_redis", T, a), T);
      s.receive("websocket", snapshot("websocket", T, b), T);
      s.fleet.update(s.pipelines);
      const row = (name, now) => { const { status, sample, views } = s.fleet.row(name, s.pipelines, now);
        return [status, sample?.seq, ...views.map((v) => `${v.holds} ${v.current} ${Math.round(v.age_ms)}`)]; };
      return [s.fleet.names, s.fleet.names.map((name) => row(name, T + 500000)), row("web-10", T + 4e6)]"""
    names, rows, later = js.run("store", SNAPSHOTS + body)
    assert names == ["__proto__", "only-b", "web-2", "web-10"]
    assert rows == [
        ["healthy", 1, "newest true 500", "nothing false NaN"],
        ["healthy", 1, "nothing false NaN", "newest true 500"],
        ["silent", 9, "newest false 9500", "newest false 9500"],
        ["healthy", 6, "behind true 2500", "newest true 500"],
    ]
    assert later[0] == "unknown"


def test_visible_latency_counts_each_sample_once_and_nothing_from_before_it_looked(js: JsRunner) -> None:
    body = """const v = new visible.VisibleLatency();
      const first = snapshot("websocket", T, [entry(sample("x", 1, T - 50e6), 0), entry(sample("y", 1, T), 0)]);
      const next = snapshot("websocket", T + 1e6, [entry(sample("x", 1, T - 50e6), 0),
        entry(sample("y", 3, T + 1e6), 0), entry(sample("z", 1, T + 1e6), 0)]);
      const counts = [v.fresh(first), v.fresh(first), v.fresh(next), v.fresh(next)].map((taken) => taken.length);
      v.fresh(snapshot("websocket", T + 2e6, [entry(sample("y", 2, T), 0)])); // an older sample comes again
      const older = v.fresh(snapshot("websocket", T + 2e6, [entry(sample("y", 3, T + 1e6), 0)])).length;
      const restarted = v.fresh(snapshot("websocket", T + 2e6, [entry(sample("y", 0, T + 2e6, 2), 0)])).length;
      v.lookAway();
      const away = v.fresh(snapshot("websocket", T + 60e6, [entry(sample("y", 50, T + 59e6, 2), 0)])).length;
      v.shown([T, T + 20000], T + 70000);
      return [counts, older, restarted, away, v.figures(T + 70000).n, Math.round(v.figures(T + 70000).p99)]"""
    assert js.run("visible", SNAPSHOTS + body) == [[0, 0, 2, 0], 0, 1, 0, 2, 70]


def test_a_crash_of_pipeline_b_is_a_refill_for_a_while(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const tell = (kind, source, at) => s.addLabEvent({ at_us: T + at * 1e6, kind, source, text: "x" });
      const said = (second) => loss_watch.isRefilling(s, T + second * 1e6);
      const found = [said(0)];
      tell("crashed", "worker-1", 0); tell("recovered", "websocket", 0); found.push(said(1));
      tell("crashed", "websocket", 2); found.push(said(3), said(11.9), said(12.1));
      s.setLab({ settings: { replay: "off" } }); found.push(said(3));
      return found"""
    assert js.run("store loss_watch", SNAPSHOTS + body) == [False, False, True, True, False, False]


def test_producers_of_a_load_test_that_is_over_are_no_servers(js: JsRunner) -> None:
    body = """const s = new store.Store();
      const tests = (status) => [1, 2].map((i) => entry(sample(`load-http1-1-000${i}`, 9, T), 0, status));
      const others = [entry(sample("web-01", 9, T), 0), entry(sample("load-balancer-1", 9, T), 0, "silent")];
      const look = (at, on_a) => {
        s.receive("http_redis", snapshot("http_redis", T + at, [...others, ...on_a]), T + at);
        s.receive("websocket", snapshot("websocket", T + at, others), T + at);
        s.fleet.update(s.pipelines);
        return [s.fleet.names, s.fleet.left_out];
      };
      return [look(0, []), look(1, tests("healthy")), look(2, tests("silent")),
        look(3, [tests("silent")[0], tests("degraded")[1]]), look(4, [])]"""
    servers = ["load-balancer-1", "web-01"]
    both = ["load-balancer-1", "load-http1-1-0001", "load-http1-1-0002", "web-01"]
    assert js.run("store", SNAPSHOTS + body) == [
        [servers, 0],
        [both, 0],
        [servers, 2],
        [["load-balancer-1", "load-http1-1-0002", "web-01"], 1],
        [servers, 0],
    ]
