"""Feed messages and the feed's connection: what is read, what is refused, and when it is tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from metrics_core.alerts import DEFAULTS, AlertRules, Threshold
from metrics_core.snapshot import BufferView
from metrics_core.trace import Trace
from tests.browser.fake_lab import now_us
from tests.browser.fake_snapshots import SnapshotMaker, producer_names
from tests.browser.js_runner import JsRunner


def snapshot(**changes: Any) -> dict[str, Any]:
    """A valid snapshot of pipeline B with two producers, with some keys changed."""
    maker = SnapshotMaker("websocket", producer_names(2), started_us=now_us() - 1_000_000)
    return dict(json.loads(maker.encode(now_us())), **changes)


def producer(**changes: Any) -> list[dict[str, Any]]:
    """The first producer of a snapshot, with some keys of its last sample changed."""
    entry = snapshot()["producers"][0]
    return [dict(entry, last=dict(entry["last"], **changes))]


BUFFER = {"name": "ring", "waiting": 3, "capacity": 512, "unit": "samples"}
TRACE = {
    "producer": "web-01",
    "epoch": 1,
    "seq": 7,
    "sampled_at_us": 5,
    "hops": [["sent", 6], ["received", 9]],
}


def test_real_snapshots_of_both_pipelines_are_read(js: JsRunner) -> None:
    for pipeline in ("http_redis", "websocket"):
        maker = SnapshotMaker(pipeline, producer_names(3), started_us=now_us() - 5_000_000)
        maker.rules = AlertRules({metric: Threshold(0, 0) for metric in DEFAULTS})
        maker.buffers = [BufferView("ring", 3, 512, "samples")]
        maker.traces = [Trace("web-01", 1, 7, 5, [("sent", 6), ("received", 9)])]
        text = maker.encode(now_us()).decode()
        read = js.run("wire", "return wire.decodeMessage(value)", text)
        assert read == json.loads(text)
        assert read["producers"][0]["alerts"] == ["cpu critical", "memory critical", "disk critical"]
        assert (read["buffers"], read["traces"]) == ([BUFFER], [TRACE])


def test_unknown_keys_and_a_producer_without_a_sample_are_fine(js: JsRunner) -> None:
    entry = dict(snapshot()["producers"][0], last=None, window=None, novelty=1)
    text = json.dumps(snapshot(producers=[entry], novelty={"a": 1}))
    assert js.run("wire", "return wire.decodeMessage(value).producers[0].last", text) is None


@pytest.mark.parametrize(
    "message, complaint",
    [
        ("{oops", 'not JSON: "{oops"'),
        ("", 'not JSON: ""'),
        ("[]", "$: expected an object, got []"),
        ("null", "$: expected an object, got null"),
        ('{"type": "mystery"}', 'unknown message type "mystery"'),
        ("{}", "unknown message type nothing"),
        (snapshot(schema=2), "$.schema: expected 1, got 2"),
        (snapshot(pipeline="third"), '$.pipeline: expected "http_redis" or "websocket", got "third"'),
        (snapshot(run=None), "$.run: expected a text, got null"),
        (snapshot(at_us="now"), '$.at_us: expected a number >= 0, got "now"'),
        (snapshot(rate_per_s=-1), "$.rate_per_s: expected a number >= 0, got -1"),
        (snapshot(totals={"accepted": 1}), "$.totals.processed: expected a number >= 0, got nothing"),
        (snapshot(backlog=[]), "$.backlog: expected an object, got []"),
        (
            snapshot(latency_ms={"accepted": {}}),
            "$.latency_ms.accepted.p50: expected a number >= 0, got nothing",
        ),
        (
            snapshot(latency_ms={"accepted": {"p50": 1, "p99": 2, "n": 3}}),
            "$.latency_ms.accepted.mean: expected a number >= 0, got nothing",
        ),
        (snapshot(buffers={}), "$.buffers: expected an array, got {}"),
        (snapshot(buffers=[{"name": "ring"}]), "$.buffers[0].unit: expected a text, got nothing"),
        (
            snapshot(buffers=[dict(BUFFER, waiting=-1)]),
            "$.buffers[0].waiting: expected a number >= 0, got -1",
        ),
        (snapshot(traces=[dict(TRACE, seq="7")]), '$.traces[0].seq: expected a number >= 0, got "7"'),
        (snapshot(traces=[dict(TRACE, hops=None)]), "$.traces[0].hops: expected an array, got null"),
        (
            snapshot(traces=[dict(TRACE, hops=[["sent", 1], ["received"]])]),
            '$.traces[0].hops[1]: expected a name and a time, got ["received"]',
        ),
        (
            snapshot(producers=[dict(snapshot()["producers"][0], alerts=[7])]),
            "$.producers[0].alerts[0]: expected a text, got 7",
        ),
        (snapshot(producers={}), "$.producers: expected an array, got {}"),
        (snapshot(producers=[7]), "$.producers[0]: expected an object, got 7"),
        (snapshot(producers=producer(seq="x")), '$.producers[0].last.seq: expected a number >= 0, got "x"'),
        (
            snapshot(producers=producer(cpu_percent=None)),
            "$.producers[0].last.cpu_percent: expected a number >= 0, got null",
        ),
        (snapshot(processes=[{"name": "x"}]), "$.processes[0].pid: expected a number >= 0, got nothing"),
        (
            json.dumps(snapshot()).replace('"rate_per_s": ', '"rate_per_s": 1e999, "was": '),
            "$.rate_per_s: expected a number >= 0, got Infinity, which is too large",
        ),
    ],
)
def test_malformed_messages_are_refused_with_their_path(js: JsRunner, message: Any, complaint: str) -> None:
    text = message if isinstance(message, str) else json.dumps(message)
    assert js.error_of("wire", "wire.decodeMessage(value)", text) == complaint


def test_oversized_and_binary_messages_are_refused(js: JsRunner) -> None:
    many = js.error_of("wire", "wire.decodeMessage(value)", json.dumps(snapshot(producers=[0] * 20_001)))
    assert many == "$.producers: expected at most 20000 entries, got 20001"
    binary = js.error_of("wire", "wire.decodeMessage(new ArrayBuffer(4))")
    assert binary == "expected a text message, got a binary one"


FAKE_SURROUNDINGS = """
  const sockets = [], timers = new Map(), log = [];
  let next = 1;
  class Socket {
    constructor(url) { this.url = url; this.closed = false; sockets.push(this); }
    close() { this.closed = true; }
  }
  const around = {
    Socket,
    chance: () => 0.5,
    setTimer: (callback, delay) => { timers.set(next, { callback, delay }); return next++; },
    clearTimer: (timer) => timers.delete(timer),
  };
  const fire = () => { const [[key, { callback, delay }]] = timers; timers.delete(key); callback(); return delay; };
  const listener = {
    snapshot: (snapshot) => log.push(`snapshot ${snapshot.pipeline}`),
    connection: ({ state, retry_in_ms, detail }) => log.push([state, retry_in_ms, detail].filter(Boolean).join(" ")),
    fault: (text) => log.push(`fault ${text}`),
  };
  const f = new feed.Feed("websocket", "ws://x/v1/feed", listener, around);
  f.start();
"""


def test_feed_comes_back_with_growing_waits_and_starts_over_after_a_snapshot(js: JsRunner) -> None:
    body = """
      const waits = [];
      for (let i = 0; i < 7; i += 1) {
        sockets.at(-1).onclose({ code: 1006, reason: "" });
        waits.push(fire());
      }
      sockets.at(-1).onopen();
      sockets.at(-1).onmessage({ data: value });
      sockets.at(-1).onclose({ code: 1012, reason: "restarting" });
      waits.push(fire());
      return [waits, sockets.length, timers.size, log.slice(0, 3), log.slice(-5)]"""
    waits, sockets, timers, first, last = js.run("feed", FAKE_SURROUNDINGS + body, json.dumps(snapshot()))
    assert waits == [150, 300, 600, 1200, 2400, 3000, 3000, 150]
    assert (sockets, timers) == (9, 1)
    assert first == ["connecting", "waiting 150 closed with code 1006", "connecting"]
    assert last == ["connecting", "open", "snapshot websocket", "waiting 150 restarting", "connecting"]


def test_feed_gives_up_a_socket_that_neither_opens_nor_speaks(js: JsRunner) -> None:
    body = """
      const opening = fire();
      const closed = sockets[0].closed;
      fire();
      sockets[1].onopen();
      const silence = fire();
      return [opening, closed, silence, sockets[1].closed, log.filter((line) => line.startsWith("waiting"))]"""
    opening, closed, silence, closed_too, waits = js.run("feed", FAKE_SURROUNDINGS + body)
    assert (opening, closed, silence, closed_too) == (5000, True, 10_000, True)
    assert waits == ["waiting 150 no answer within 5 s", "waiting 300 silent for 10 s"]


def test_feed_reports_what_it_cannot_read_and_goes_on(js: JsRunner) -> None:
    other = SnapshotMaker("http_redis", producer_names(1), started_us=now_us() - 1_000_000).encode(now_us())
    body = """
      sockets[0].onopen();
      for (const data of value) sockets[0].onmessage({ data });
      return [log.slice(2), sockets.length, timers.size]"""
    messages = ["{", '{"type": "mystery"}', other.decode(), json.dumps(snapshot())]
    log, sockets, timers = js.run("feed", FAKE_SURROUNDINGS + body, messages)
    assert log == [
        'fault not JSON: "{"',
        'fault unknown message type "mystery"',
        "fault $.pipeline: http_redis on the feed of websocket",
        "snapshot websocket",
    ]
    assert (sockets, timers) == (1, 1)


def test_stopped_feed_holds_neither_socket_nor_timer(js: JsRunner) -> None:
    body = """
      sockets[0].onopen();
      f.stop();
      return [sockets[0].closed, sockets[0].onmessage, timers.size, log.at(-1)]"""
    assert js.run("feed", FAKE_SURROUNDINGS + body) == [True, None, 0, "idle"]
