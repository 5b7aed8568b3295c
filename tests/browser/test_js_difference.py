"""Unit tests of the difference strip: what differs, what is a tie, who falls behind, since when it is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.js_runner import JsRunner
from tests.browser.test_js_store import SNAPSHOTS

FILLED = """
  const PHASE = { totals: { accepted: 5, processed: 5, duplicates: 0, rejected: 0 } };
  const at = (ms, n = 100) => ({ p50: ms / 2, p99: ms, n });
  function filled(p99s, more = {}) {
    const s = new store.Store();
    for (const { meta } of s.pipelines) s.setConnection(meta.id, { state: "open" }, T);
    for (let i = 0; i <= 80; i += 1) {
      s.pipelines.forEach(({ meta }, k) => {
        const p99 = p99s[k] * (1 + 0.02 * (i % 3));
        s.receive(meta.id, snapshot(meta.id, T + i * 250000, [],
          { latency_ms: { accepted: at(1), processed: at(p99) }, ...(more[meta.id] ?? {}) }), T + i * 250000);
      });
    }
    return s;
  }
  const END = T + 20e6;
"""


def differences(js: JsRunner, p99s: list[float], body: str = "", **more: Any) -> dict[str, list[str]]:
    """Each difference's pipeline, words and figures, by its id."""
    script = """const s = filled(value.p99s, value.more);
      for (const { meta } of s.pipelines) s.setCounts(meta.id, { processed: 100 });
      %s
      const found = difference.differences(s.pipelines, END, value.settings, value.why_not);
      return Object.fromEntries(found.map(({ id, who, words, figures }) => [id, [who, words, figures]]))"""
    value = {"p99s": p99s, "more": {}, "settings": {}, "why_not": ""} | more
    found: dict[str, list[str]] = js.run("store difference", SNAPSHOTS + FILLED + script % body, value)
    return found


def test_a_difference_is_told_in_words_and_figures(js: JsRunner) -> None:
    busy = {"http_redis": {"processes": [{"name": "p", "pid": 1, "cpu_percent": 28, "rss_bytes": 9}]}}
    found = differences(js, [24.0, 2.5], more=busy)
    assert found["p99"] == ["B", "processed p99 9.6× lower", "A 24.5 ms, B 2.55 ms"]
    assert found["cpu"] == ["B", "CPU per sample 4.0× lower", "A 5.60 ms, B 1.40 ms"]
    assert found["lost"] == ["", "no sample lost", "A 0, B 0"]
    assert found["restart"] == ["A", "keeps data through a restart", "B’s memory is sent again"]


@pytest.mark.parametrize("p99s", [[5.0, 5.0], [5.0, 5.1], [5.4, 5.0]])
def test_a_difference_inside_the_noise_is_a_tie(js: JsRunner, p99s: list[float]) -> None:
    found = differences(js, p99s)
    assert found["p99"][:2] == ["", "processed p99: a tie"]


def test_where_one_falls_behind_nothing_is_called_a_tie(js: JsRunner) -> None:
    body = """const said = (waiting, outboxes) => {
        const s = new store.Store();
        for (let i = 0; i <= 80; i += 1) {
          s.pipelines.forEach((pipeline, k) => {
            const [at, id] = [T + i * 250000, pipeline.meta.id];
            const told = { waiting: outboxes[k](i), capacity: 1000, socket_bytes: null };
            pipeline.upstream = { told, at_us: at };
            const backlog = { waiting: waiting[k](i), capacity: 100, unit: "jobs" };
            const more = { backlog, latency_ms: { accepted: at_ms(1), processed: at_ms(700) } };
            s.receive(id, snapshot(id, at, [], more), at);
          });
        }
        const found = difference.differences(s.pipelines, T + 20e6, {}, "");
        return [found[0].who, found[0].words];
      };
      const at_ms = (ms) => ({ p50: ms / 2, p99: ms, n: 100 });
      const [still, waves, grows, full] = [() => 3, (i) => 5 * (i % 2), (i) => i, () => 97];
      return [said([still, waves], [still, waves]), said([grows, still], [still, still]),
        said([full, still], [still, still]), said([still, still], [still, (i) => i * 9]),
        said([grows, grows], [still, still]), said([still, still], [(i) => i / 9, still]),
        said([(i) => 80 - i, still], [still, still])]"""
    tie = ["", "processed p99: a tie"]
    behind = "falls behind; processed p99 alike so far"
    both = ["", "both fall behind; processed p99 alike so far"]
    found = js.run("store difference", SNAPSHOTS + body)
    assert found == [tie, ["A", behind], ["A", behind], ["B", behind], both, tie, tie]


def test_an_order_begins_the_comparison_anew(js: JsRunner) -> None:
    body = """const s = filled([24, 2.5]);
      const tell = (kind, at_us) => s.addLabEvent({ at_us: T + at_us * 1e6, kind, source: "lab", text: "x" });
      const words = (seconds) => {
        const now = T + seconds * 1e6;
        return difference.differences(s.pipelines, now, {}, "", last_event.lastEvent_us(s, behind.ORDERS))[0].words;
      };
      const found = [last_event.lastEvent_us(s, behind.ORDERS) === -Infinity, words(20)];
      tell("restarted", 19); found.push(words(20));
      tell("control", 10); found.push(words(14.9), words(15.1));
      tell("fault", 15.5); found.push(words(20));
      s.pipelines.forEach((pipeline) => { pipeline.clock_gap_us = -1e6; });
      found.push(words(20));
      return found"""
    whole = "processed p99 9.6× lower"
    measuring = "processed p99: measuring …"
    assert js.run("store difference behind last_event", SNAPSHOTS + FILLED + body) == [
        True,
        *[whole, whole],
        *[measuring, whole],
        *[measuring, whole],  # the browser's clock is behind the lab's: the order was 5.5 s ago
    ]


def test_what_was_lost_is_counted_against_each_other(js: JsRunner) -> None:
    lose = "s.setCounts('websocket', { processed: 90, lost_memory: 7, lost_outbox: 3, rejected: 4 });"
    assert differences(js, [5, 5], lose)["lost"] == ["A", "lost nothing", "A 0, B 10"]
    more = lose + "s.setCounts('http_redis', { lost_store: 2 });"
    assert differences(js, [5, 5], more)["lost"] == ["A", "lost 8 fewer samples", "A 2, B 10"]
    unknown = "s.pipelines[0].lost = NaN;"
    assert differences(js, [5, 5], unknown)["lost"] == ["", "lost: not audited yet", "A –, B 0"]


def test_the_settings_say_what_a_restart_does(js: JsRunner) -> None:
    settings = {"fsync": "everysec", "replay": "off"}
    found = differences(js, [5, 5], settings=settings)["restart"]
    assert found == ["A", "keeps data through a restart, but for the last second", "B loses its memory"]


def test_what_cannot_be_compared_is_not(js: JsRunner) -> None:
    found = differences(js, [24.0, 2.5], why_not="B takes 40 % fewer samples than A")
    assert found["p99"] == ["", "processed p99: not compared", "–"]
    assert found["lost"][1] == "no sample lost"


def test_too_few_figures_are_no_difference(js: JsRunner) -> None:
    body = """const s = new store.Store();
      s.receive("http_redis", snapshot("http_redis", T), T);
      return difference.differences(s.pipelines, T, {}, "")[0].words"""
    assert js.run("store difference", SNAPSHOTS + body) == "processed p99: too few figures yet"
