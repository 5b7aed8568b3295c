"""Unit tests of the page's small pure modules, run in the browser they are for."""

from __future__ import annotations

import random

import pytest

from metrics_core.histogram import MAX_VALUE_US, Histogram, bucket_middle, bucket_of
from tests.browser.js_runner import JsRunner


def edge_values() -> list[int]:
    """Values around every power of two, and a thousand seeded ones over all magnitudes."""
    edges = [2**power + step for power in range(53) for step in (-1, 0, 1)]
    chance = random.Random(7)
    return [*edges, *(int(2 ** chance.uniform(0, 53)) for _ in range(1000)), MAX_VALUE_US, 127, 128, 129]


def test_histogram_puts_values_into_the_same_buckets_as_python(js: JsRunner) -> None:
    values = edge_values()
    buckets = js.run("histogram", "return value.map(histogram.bucketOf)", values)
    assert buckets == [bucket_of(value) for value in values]
    numbers = sorted(set(buckets))
    middles = js.run("histogram", "return value.map(histogram.bucketMiddle)", numbers)
    assert middles == [bucket_middle(bucket) for bucket in numbers]


def test_histogram_gives_the_same_quantiles_as_python(js: JsRunner) -> None:
    chance = random.Random(11)
    values = [int(chance.lognormvariate(8, 2)) for _ in range(500)]
    python = Histogram()
    for value in values:
        python.add(value)
    fractions = [0.01, 0.5, 0.9, 0.99, 1]
    body = """const h = new histogram.SlidingHistogram(10);
      for (const each of value.values) h.add(each, 5e6);
      return h.quantiles(value.fractions, 5e6)"""
    found = js.run("histogram", body, {"values": values, "fractions": fractions})
    assert found == python.quantiles_us(fractions)


def test_histogram_counts_negative_values_as_zero_and_forgets_what_left_the_window(js: JsRunner) -> None:
    body = """const h = new histogram.SlidingHistogram(10);
      h.add(-5, 1e6); h.add(100, 1e6); h.add(120, 6e6);
      const states = [];
      for (const now of [6e6, 10.9e6, 11e6, 15.9e6, 16e6]) states.push([h.quantiles([1], now)[0], h.n]);
      h.add(7, 99e6);
      states.push([h.quantiles([0.5], 99e6)[0], h.n]);
      return states.map(([top, n]) => [Number.isNaN(top) ? "none" : top, n])"""
    assert js.run("histogram", body) == [[120, 3], [120, 3], [120, 1], [120, 1], ["none", 0], [7, 1]]


@pytest.mark.parametrize(
    "call, text",
    [
        ("count(12345)", "12,345"),
        ("count(NaN)", "–"),
        ("rate(49.96)", "50.0"),
        ("rate(12345.6)", "12,346"),
        ("latency(0.4213)", "0.42 ms"),
        ("latency(9.996)", "10.0 ms"),
        ("latency(99.96)", "100 ms"),
        ("latency(1234.5)", "1,235 ms"),
        ("latency(12345)", "12.3 s"),
        ("latency(NaN)", "–"),
        ("percent(41.55)", "41.5 %"),
        ("bytes(0)", "0 B"),
        ("bytes(999)", "999 B"),
        ("bytes(1500)", "1.5 kB"),
        ("bytes(84.4e6)", "84 MB"),
        ("bytes(999.9e6)", "1.0 GB"),
        ("byteRate(1.25e6)", "1.3 MB/s"),
        ("age(400, 1000)", "< 1 s"),
        ("age(1999, 2000)", "< 2 s"),
        ("age(61999, 2000)", "61 s"),
        ("age(180000, 2000)", "3 min"),
        ("age(NaN, 2000)", "–"),
    ],
)
def test_figures_are_written_with_their_units(js: JsRunner, call: str, text: str) -> None:
    assert js.run("format", f"return format.{call}") == text


def test_logarithmic_share_is_clamped(js: JsRunner) -> None:
    body = "return [0, 0.05, 0.1, 1, 10, 1e9, NaN].map((v) => format.logShare(v, 0.1, 10))"
    shares = js.run("format", body)
    assert shares == [0, 0, 0, 0.5, 1, 1, 0]


def test_series_never_grows_and_keeps_the_newest_rows(js: JsRunner) -> None:
    body = """const s = new series.Series(5);
      const rate = s.columns.rate;
      for (let i = 0; i < 12; i += 1) s.push(i * 10, { rate: i });
      const newest = [0, 1, 4].map((age) => rate[s.place(age)]);
      const counts = [0, 70, 71, 110, 111].map((since) => s.countSince(since));
      return [s.length, rate.length, rate === s.columns.rate, newest, counts, Number.isNaN(s.columns.cpu_percent[0])]"""
    assert js.run("series", body) == [5, 5, True, [11, 10, 7], [5, 5, 4, 1, 0], True]


def test_chart_points_are_reused_and_cover_the_last_minute_only(js: JsRunner) -> None:
    body = """const s = new series.Series(1000);
      for (let second = 0; second <= 100; second += 1) s.push(second * 1e6, { rate: second });
      const points = [];
      chart_points.fillPoints(points, s, s.columns.rate, 100e6);
      const first = points[0];
      const many = points.length;
      chart_points.fillPoints(points, s, s.columns.rate, 120e6);
      return [many, points.length, points[0] === first, points.at(-1), chart_points.extentOf([points, []])]"""
    many, fewer, reused, last, extent = js.run("series chart_points", body)
    assert (many, fewer, reused) == (62, 42, True)
    assert last == {"x": -20, "y": 100}
    assert extent == {"lowest": 59, "highest": 100}


def test_value_axes_are_round_and_steady(js: JsRunner) -> None:
    body = """let before = { end: 0, step: 0 };
      return value.map((highest) => {
        before = axis.linearAxis(highest, 10, before);
        return [before.end, before.step];
      })"""
    ends = js.run("axis", body, [50, 52, 54, 90, 89, 40, 3, 1234])
    assert ends == [[60, 20], [60, 20], [60, 20], [100, 50], [100, 50], [50, 10], [10, 5], [1500, 500]]
    least = {"lowest": 0.1, "highest": 100}
    body = "return [[1, 10], [0.03, 5000], [NaN, NaN]].map(([a, b]) => axis.logEnds(a, b, value))"
    found = [(round(each["lowest"], 6), each["highest"]) for each in js.run("axis", body, least)]
    assert found == [(0.1, 100), (0.01, 10_000), (0.1, 100)]


def test_axis_numbers_are_narrow(js: JsRunner) -> None:
    body = "return [0, 0.1, 50, 1000, 9999, 20000, 150000, 1500000].map(chart_specs.plain)"
    texts = ["0", "0.1", "50", "1,000", "9,999", "20 k", "150 k", "1.5 M"]
    assert js.run("chart_specs", body) == texts


def test_backoff_grows_to_its_bound_and_never_is_nothing(js: JsRunner) -> None:
    body = """const bounds = { first: 250, longest: 5000 };
      return [1, 2, 5, 6, 1000].map((attempt) =>
        [0, 0.999999].map((chance) => backoff.backoff_ms(attempt, bounds, chance)))"""
    assert js.run("backoff", body) == [[50, 250], [100, 500], [800, 4000], [1000, 5000], [1000, 5000]]


def test_clock_is_finer_than_its_source_and_follows_it_when_it_is_set(js: JsRunner) -> None:
    body = """let truth = 1766200000000.9;
      let fine = 5.25;
      const c = new clock.WallClock(() => Math.floor(truth), () => fine);
      const pass = (ms) => { truth += ms; fine += ms; return c.now_us() / 1000 - truth; };
      const errors = [];
      for (let i = 0; i < 200; i += 1) errors.push(pass(1.37));
      truth += 90_000; // the system's clock is set forward
      for (let i = 0; i < 200; i += 1) errors.push(pass(1.37));
      truth -= 45_000; // and back
      for (let i = 0; i < 200; i += 1) errors.push(pass(1.37));
      return [0, 1, 2].map((part) => Math.max(...errors.slice(part * 200 + 100, part * 200 + 200).map(Math.abs)))"""
    worst: list[float] = js.run("clock", body)
    assert all(error < 0.05 for error in worst), worst


def test_event_log_is_bounded_and_counts_repetitions(js: JsRunner) -> None:
    body = """const log = new event_log.EventLog(3);
      const add = (text) => log.add({ at_us: 1, kind: "k", source: "s", text });
      for (let i = 0; i < 50; i += 1) add("the same");
      ["a", "b", "c", "x".repeat(1000)].forEach(add); // a log of three lines never has five in a row
      return [log.lines.map((line) => [line.text.length, line.count]), log.dropped, log.version]"""
    lines, dropped, version = js.run("event_log", body)
    assert lines == [[1, 1], [1, 1], [301, 1]]
    assert (dropped, version) == (2, 54)


def test_a_noisy_source_does_not_push_the_others_out(js: JsRunner) -> None:
    body = """const log = new event_log.EventLog();
      const add = (source, kind, text) => log.add({ at_us: 1, kind, source, text });
      for (const kind of ["connected", "lost", "connected"]) add("A feed", kind, "x");
      for (let i = 0; i < 1000; i += 1) add("B feed", "unreadable", `message ${i}`);
      return log.lines.map((line) => [line.source, line.kind, line.text, line.count])"""
    assert js.run("event_log", body) == [
        ["A feed", "connected", "x", 1],
        ["A feed", "lost", "x", 1],
        ["A feed", "connected", "x", 1],
        *(["B feed", "unreadable", f"message {i}", 1] for i in range(4)),
        ["B feed", "unreadable", "message 999", 996],
    ]


def test_the_page_writes_curved_apostrophes(js: JsRunner) -> None:
    texts = [
        "pipeline B's ring",
        "the producers' log",
        "can't, and won't",
        "plain",
        "got 'x' and 'y'",
        "expected 'words' here",
    ]
    found = js.run("apostrophe", "return value.map(apostrophe.curved)", texts)
    assert found == ["pipeline B’s ring", "the producers’ log", "can’t, and won’t", *texts[3:]]
