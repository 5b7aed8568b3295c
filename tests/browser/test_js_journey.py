"""The pure modules of the twin waterfall: traces, choice, layout, clocks, words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.browser.fake_journeys import HOPS_US, trace
from tests.browser.js_runner import JsRunner
from tests.browser.test_js_store import SNAPSHOTS

TRACED = (
    SNAPSHOTS
    + """
  const HOPS = ["sent", "received", "applied", "published"];
  const hops = (from, ...after) => HOPS.map((name, i) => [name, from + after[i]]);
  const trace = (seq, at, ...after) => ({ producer: "x", epoch: 1, seq, sampled_at_us: at, hops: hops(at, ...after) });
  const log = new trace_log.TraceLog(2);
  const seen = (pipeline, at, traces) => {
    log.receive(pipeline, snapshot(["http_redis", "websocket"][pipeline], at, [], { traces }), at + 100);
    const arrivals = log.takeArrivals();
    log.painted(arrivals, at + 5000, 0);
    return arrivals.length;
  };
"""
)


def plain(value: Any) -> Any:
    """As it is on the wire."""
    return json.loads(msgspec.json.encode(value))


def test_every_stage_ends_at_a_hop_of_the_trace_and_each_hop_ends_a_stage(js: JsRunner) -> None:
    stages = js.run("journey_stages", "return journey_stages.STAGES")
    for pipeline, hops in HOPS_US.items():
        ends = [stage["to"] for stage in stages[pipeline]]
        assert ends == [*hops, "published", "snapshot sent", "arrived", "painted"]


def test_a_trace_counts_with_the_first_snapshot_that_brings_it(js: JsRunner) -> None:
    body = """const one = trace(1, T, 10, 20, 30, 40);
      const two = trace(2, T + 500000, 10, 20, 30, 40);
      const counts = [seen(0, T + 1000, []), seen(0, T + 250000, [one]), seen(0, T + 500000, [one]),
        seen(0, T + 750000, [two, one])];
      const [journey] = log.since(0);
      return [counts, log.since(0).length, journey.seq, journey.ways[1],
        journey.ways[0].map(([name, at]) => [name, at - T])]"""
    counts, known, seq, other, way = js.run("trace_log", TRACED + body)
    assert counts == [0, 1, 0, 1]
    assert (known, seq, other) == (2, 1, None)
    assert way == [
        ["taken", 0], ["sent", 10], ["received", 20], ["applied", 30], ["published", 40],
        ["snapshot sent", 250_000], ["arrived", 250_100], ["painted", 255_000],
    ]  # fmt: skip


def test_what_nobody_saw_coming_is_left_out(js: JsRunner) -> None:
    """The first snapshot, the first one after a gap, and the first one after the page was hidden."""
    body = """const traces = Array.from({ length: 6 }, (_, i) => trace(i, T + i, 1, 2, 3, 4));
      const counts = [seen(0, T, traces.slice(0, 1)), seen(0, T + 250000, traces.slice(0, 2)),
        seen(0, T + 9e6, traces.slice(0, 3)), seen(0, T + 9.25e6, traces.slice(0, 4))];
      log.receive(0, snapshot("http_redis", T + 9.5e6, [], { traces: traces.slice(0, 5) }), T + 9.5e6);
      log.lookAway();
      return [...counts, log.takeArrivals().length, seen(0, T + 9.75e6, traces)]"""
    assert js.run("trace_log", TRACED + body) == [0, 1, 0, 1, 0, 0]


def test_both_ways_meet_by_identity_and_none_goes_back_in_time(js: JsRunner) -> None:
    """The snapshot of pipeline A is stamped before its last hop; the browser's clock is 2 s ahead."""
    body = """const one = trace(1, T, 10, 20, 30, 9000);
      for (const pipeline of [0, 1]) log.receive(pipeline, snapshot("websocket", T), T);
      for (const pipeline of [0, 1]) {
        log.receive(pipeline, snapshot("websocket", T + 8000, [], { traces: [one] }), T + 2e6 + 9500);
      }
      log.painted(log.takeArrivals(), T + 2e6 + 12000, 2e6);
      const [{ ways }] = log.since(0);
      return ways.map((way) => way.slice(4).map(([name, at]) => [name, at - T]))"""
    way = [["published", 9000], ["snapshot sent", 9000], ["arrived", 9500], ["painted", 12_000]]
    assert js.run("trace_log", TRACED + body) == [way, way]


def test_the_log_is_bounded_in_number_and_time(js: JsRunner) -> None:
    body = """seen(0, T, []);
      for (let i = 1; i <= 1000; i += 1) {
        seen(0, T + i * 250000, [0, 1, 2].map((k) => trace(3 * i + k, T + i * 250000 - 900, 1, 2, 3, 4)));
      }
      const busy = log.since(0);
      const later = T + 250e6 + 61e6;
      seen(0, later, []);
      seen(0, later + 1000, [trace(9999, later, 1, 2, 3, 4)]);
      return [busy.length, busy.at(-1).seq, log.since(0).length]"""
    assert js.run("trace_log", TRACED + body) == [300, 3002, 1]


def journey(name: str, *ways: float | None) -> dict[str, Any]:
    """A sample whose ways took so many µs; None: it was not seen there."""
    found = [w and [["taken", 0], ["applied", w / 2], ["painted", w]] for w in ways]
    return {"key": name, "ways": found}


def choose(js: JsRunner, how: str, journeys: list[dict[str, Any]]) -> Any:
    return js.run("journey_choice", f"return journey_choice.{how}(value)?.key ?? null", journeys)


def test_the_sample_near_the_middle_is_so_on_both_ways(js: JsRunner) -> None:
    some = [
        journey("low", 10, 10),
        journey("split", 50, 900),
        journey("middle", 40, 40),
        journey("high", 99, 99),
    ]
    some += [journey("odd", 45, 1), journey("half", 40, None)]
    assert choose(js, "medianLike", some) == "middle"
    assert choose(js, "medianLike", [journey("first", 5, 5), journey("second", 5, 5)]) == "second"
    assert choose(js, "medianLike", [journey("a", 5, None), journey("b", None, 7)]) == "b"
    assert choose(js, "medianLike", []) is None


def test_the_slowest_is_so_on_either_way(js: JsRunner) -> None:
    some = [journey("a", 10, 20), journey("b", 900, None), journey("c", 30, 40), journey("d", 900, 3)]
    assert choose(js, "slowest", some) == "b"
    assert choose(js, "slowest", []) is None


def test_bars_follow_one_another_on_one_axis_and_add_up(js: JsRunner) -> None:
    body = """const { STAGES } = journey_stages;
      const ways = value.map(({ sampled_at_us, hops }) => [["taken", sampled_at_us], ...hops]);
      ways[1].splice(3, 1); // decoded is not told
      const falls = journey_layout.waterfalls([STAGES.http_redis, STAGES.websocket], ways);
      const axis = { end: 1, step: 0.5 };
      const ends = [true, false].map((whole) => journey_layout.axisOf(falls, whole, axis).end);
      const told = ({ from_ms, to_ms }) => (Number.isNaN(to_ms) ? null : [from_ms, to_ms]);
      return [falls.map(({ bars, ...more }) => ({ bars: bars.map(told), ...more })), ends]"""
    ways = [plain(trace("http_redis", 1, 1_000_000)), plain(trace("websocket", 1, 1_002_000))]
    (a, b), ends = js.run("journey_layout journey_stages", body, ways)
    assert a["bars"][:3] == [[0, 1.2], [1.2, 2.1], [2.1, 2.35]]
    assert b["bars"][:5] == [[2, 3.2], [3.2, 3.75], None, [3.75, 3.96], [3.96, 43.96]]
    assert a["bars"][7:] == [None, None, None]
    for fall in (a, b):
        assert fall["whole_ms"] == pytest.approx(sum(fall["sums_ms"].values()))
    assert (a["processed_ms"], b["processed_ms"]) == pytest.approx((12.4, 1.96))
    assert ends == [60, 15]


def test_a_way_that_was_not_seen_has_no_bars(js: JsRunner) -> None:
    body = """const falls = journey_layout.waterfalls(Array(2).fill(journey_stages.STAGES.websocket), [null,
        [["taken", 5000], ["sent", 6000]]]);
      return falls.map(({ bars, whole_ms }) => [bars.filter((b) => !Number.isNaN(b.to_ms)).length, whole_ms || null])"""
    assert js.run("journey_layout journey_stages", body) == [[0, None], [1, 1]]


CLOCK = "const c = new clock_offset.ClockOffset(); const S = 1e6; "


@pytest.mark.parametrize(
    "messages, offset_us, within_us",
    [
        # stamped, arrived, asked
        ([], 0, None),
        ([(1000, 1400, None)], 0, None),  # the way here may have taken that long
        ([(1000, 400, None)], -600, None),  # it cannot have come before it was sent
        ([(1000, 1400, 700), (5000, 5300, 4900)], 0, 300),
        ([(1000, 9000, 8000)], 7500, 500),
        ([(1000, 9000, 8000), (2000, 9400, 5000)], 7200, 200),
        ([(1000, 9000, 8000), (5000, 5200, 4900)], 0, 200),  # the clock was set meanwhile
    ],
)
def test_the_clocks_are_compared_by_what_cannot_be(
    js: JsRunner, messages: list[tuple[int, int, int | None]], offset_us: float, within_us: float | None
) -> None:
    body = (
        CLOCK
        + """for (const [stamped, arrived, asked] of value) c.observe(stamped, arrived, asked ?? undefined);
      const { offset_us, within_us } = c.estimate();
      return [offset_us + 0, Number.isFinite(within_us) ? within_us : null]"""
    )
    assert js.run("clock_offset", body, messages) == [offset_us, within_us]


def test_old_bounds_of_the_clocks_are_forgotten(js: JsRunner) -> None:
    """A clock that drifts by 1 ms a minute is followed."""
    body = (
        CLOCK
        + """for (let minute = 0; minute < 60; minute += 0.25) {
        const at = minute * 60 * S, ahead = 50000 + minute * 1000;
        c.observe(at, at + ahead + 200, at + ahead - 200);
      }
      return c.estimate()"""
    )
    estimate = js.run("clock_offset", body)
    assert estimate["offset_us"] == pytest.approx(50_000 + 59_500, abs=2_000)


def test_the_waterfall_in_words(js: JsRunner) -> None:
    body = """const { clockText, processedText, screenText, titleText } = journey_words;
      const fall = (processed_ms, whole_ms) => ({ bars: [], processed_ms, whole_ms, sums_ms: {} });
      const way = [["taken", 1766200000000000]];
      return [titleText(null, false), titleText({ producer: "web-01", seq: 4211, ways: [way, null] }, false),
        processedText([fall(12.5, 140), fall(1.5, 139)]), screenText([fall(12.5, 140), fall(1.5, 139)]),
        processedText([fall(3, NaN), fall(NaN, 5)]), processedText([fall(8693, 0), fall(1.5, 0)]),
        clockText({ offset_us: 0, within_us: 400 }), clockText({ offset_us: -2e6, within_us: 3000 }),
        clockText({ offset_us: 0, within_us: Infinity })]"""
    nothing, half, processed, screen, alone, far, agrees, behind, unknown = js.run("journey_words", body)
    assert nothing == "No traced sample has come yet."
    assert half.startswith("Server web-01, sample 4,211, taken ")
    assert half.endswith("Not seen from B yet. No newer one has come.")
    assert processed == "Processed: A after 12.5 ms, B after 1.50 ms, B 11.0 ms sooner (8.3 ×)."
    assert screen == "On this screen: A after 140 ms, B after 139 ms, about the same."
    assert alone == ""
    assert far.endswith("B 8,692 ms sooner (5,795 ×).")
    assert agrees == "This browser’s clock agrees with the lab’s within 0.40 ms."
    assert behind.startswith("This browser’s clock is 2,000 ms behind the lab’s (± 3.00 ms)")
    assert unknown == "How far this browser’s clock is off is not known yet."
