"""A phone's modules one by one: names, intervals, outbox, frames, readings, and what the dashboard tells of phones."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.browser.js_runner import JsRunner

OUTBOX = """const box = new join_outbox.Outbox(value.capacity ?? 5);
  const add = (n) => { for (let i = 0; i < n; i += 1) box.add({ seq: box.made }, box.made * 10); };
  const parts = () => [box.acked, box.rejected, box.dropped].map((each) => each.newest(9));
"""


def outbox(js: JsRunner, body: str, **value: Any) -> Any:
    return js.run("join_outbox", OUTBOX + body, value)


@pytest.mark.parametrize(
    "typed, name",
    [
        ("anna", "anna"),
        ("  Zoë B. ", "Zoe-B."),
        ("Jürgen Weiß", "Jurgen-Weiss"),
        ("<b>x</b>", "bxb"),
        ("--a", "a"),
        ("名前", ""),
        ("", ""),
        ("a" * 40, "a" * 24),
    ],
)
def test_a_name_is_made_fit_for_the_wire(js: JsRunner, typed: str, name: str) -> None:
    found, hint = js.run("join_name", "return [join_name.wireName(value), join_name.nameHint(value)]", typed)
    assert found == name
    assert (f"phone-{name}" in hint) == bool(name)


def test_intervals_are_a_set_however_they_come(js: JsRunner) -> None:
    chance = random.Random(7)
    steps = [[chance.random() < 0.7, chance.randrange(40)] for _ in range(600)]
    body = """const set = new join_intervals.Intervals();
      const plain = new Set();
      for (const [add, n] of value) {
        if (add) { set.add(n); plain.add(n); } else { set.remove(n); plain.delete(n); }
        const parts = set.newest(99);
        const apart = parts.every(([low, high], i) => low <= high && (i === 0 || parts[i - 1][1] + 1 < low));
        const members = parts.flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => low + i));
        const equal = members.length === plain.size && members.every((each) => plain.has(each) && set.has(each));
        if (!apart || !equal || set.size !== plain.size) return [add, n, parts];
      }
      return "equal";"""
    assert js.run("join_intervals", body, steps) == "equal"


def test_what_is_sent_is_acked_once_and_gives_its_time(js: JsRunner) -> None:
    body = """add(4); const sent = box.take(3); const taken = box.ack(sent);
      return [sent, taken, box.pending, box.waiting, box.report()]"""
    sent, taken, pending, waiting, report = outbox(js, body)
    assert (sent, taken, pending, waiting) == ([0, 1, 2], 20, 1, 1)
    assert report == {"acked": [[0, 2]], "rejected": [], "dropped": []}


def test_a_full_outbox_drops_the_oldest_and_counts_them_by_name(js: JsRunner) -> None:
    assert outbox(js, "add(8); return [parts(), box.waiting, box.take(9)]") == [
        [[], [], [[0, 2]]],
        5,
        [3, 4, 5, 6, 7],
    ]


def test_an_ack_that_comes_after_the_drop_still_counts(js: JsRunner) -> None:
    body = "add(2); const sent = box.take(2); add(6); box.ack(sent); return [parts(), box.waiting]"
    assert outbox(js, body) == [[[[0, 1]], [], [[2, 2]]], 5]


def test_what_failed_is_sent_again_in_order_unless_it_was_dropped(js: JsRunner) -> None:
    body = "add(3); const sent = box.take(2); add(4); box.giveBack(sent); return [box.take(9), parts()]"
    assert outbox(js, body) == [[2, 3, 4, 5, 6], [[], [], [[0, 1]]]]


def test_a_reject_is_final_and_a_promise_stands(js: JsRunner) -> None:
    body = "add(3); box.take(3); box.reject([1]); box.ack([1, 0]); box.reject([0]); return [parts(), box.waiting]"
    assert outbox(js, body) == [[[[0, 0]], [[1, 1]], []], 1]


def test_a_pipeline_that_lost_its_memory_is_given_back_what_is_kept(js: JsRunner) -> None:
    body = """add(5); box.ack(box.take(5)); box.reject([4]); add(2);
      box.resume([]); const lost_all = box.take(9);
      box.resume([[0, 4]]); return [lost_all, box.take(9), parts()]"""
    assert outbox(js, body) == [[2, 3, 4, 5, 6], [5, 6], [[[0, 4]], [], []]]


def test_after_a_cut_what_is_held_counts_as_acked(js: JsRunner) -> None:
    body = "add(5); box.take(3); box.resume([[0, 1]]); return [parts(), box.take(9)]"
    assert outbox(js, body) == [[[[0, 1]], [], []], [2, 3, 4]]


def test_frames_are_acked_in_order_and_rejected_by_number(js: JsRunner) -> None:
    body = """const w = new join_frames.FrameWindow();
      w.sent([0], 1); w.sent([1, 2], 2); w.sent([3], 3);
      return [w.reject(1), w.ack(2), w.oldest_ms, w.ack(2), w.size, w.clear(), w.oldest_ms]"""
    assert js.run("join_frames", body) == [[1, 2], [0], 3, [], 1, [3], None]


@pytest.mark.parametrize("deed", ["w.ack(2)", "w.reject(1)"])
def test_an_answer_to_what_was_never_sent_is_an_error(js: JsRunner, deed: str) -> None:
    body = f"const w = new join_frames.FrameWindow(); w.sent([0], 1); {deed}"
    assert js.error_of("join_frames", body).startswith("pipeline B: ")


def test_answers_are_read_and_nonsense_is_not(js: JsRunner) -> None:
    good = [
        '{"type":"ack","frames":3}',
        '{"type":"resume","next_seq":2,"held":[[0,1]]}',
        '{"type":"reject","frame":1,"error":"rate_limited","detail":"later"}',
        '{"type":"reject","frame":1,"error":"schema","detail":"$.seq"}',
    ]
    read = js.run("join_frames", "return value.map((each) => join_frames.readAnswer(each))", good)
    assert [each["type"] for each in read] == ["ack", "resume", "reject", "reject"]
    assert [each.get("final") for each in read[2:]] == [False, True]
    for text in (
        "",
        "[]",
        "null",
        '{"type":"ack"}',
        '{"type":"ack","frames":-1}',
        '{"type":"resume","held":[1]}',
    ):
        assert js.error_of("join_frames", "join_frames.readAnswer(value)", text).startswith("pipeline B"), (
            text
        )


def test_effort_fades_and_readings_stay_within_their_bounds(js: JsRunner) -> None:
    body = """const r = new join_readings.Readings();
      const calm = () => 0.5;
      const idle = r.read(10, calm);
      for (let i = 0; i < 20; i += 1) r.work(25, 11);
      r.moved(400, 100);
      const busy = r.read(12, calm);
      const later = r.read(30, () => 0.999);
      r.base = { cpu: 0, memory: 0, disk: 100 };
      return [idle, busy, later, r.read(40, () => 0), r.effort(13) < r.effort(12)]"""
    idle, busy, later, least, fades = js.run("join_readings", body)
    assert (idle["cpu_percent"], idle["net_tx_bytes_per_s"]) == (20, 0)
    assert busy["cpu_percent"] > 80
    assert (busy["net_tx_bytes_per_s"], busy["net_rx_bytes_per_s"]) == (200, 50)
    assert 20 < later["cpu_percent"] < 23
    assert (least["cpu_percent"], least["memory_percent"], least["disk_percent"]) == (0, 0, 100)
    assert fades


def test_latency_is_the_newest_and_the_middle_of_the_last_50(js: JsRunner) -> None:
    body = """const l = new join_latency.AcceptedLatency();
      const none = [l.last_ms, l.median_ms].map(Number.isNaN);
      for (let i = 0; i < 200; i += 1) l.add(1000 * i, 1000 * i + i);
      l.add(null, 5);
      return [none, l.last_ms, l.median_ms]"""
    assert js.run("join_latency", body) == [[True, True], 199, 175]


def test_what_became_of_phones_samples_is_one_line(js: JsRunner) -> None:
    counts = {
        "processed": 7,
        "overwritten": 1,
        "waiting_outbox": 2,
        "lost_outbox": 3,
        "lost_memory": 1,
        "rejected": 0,
    }
    lines = js.run(
        "join_wire", "return value.map((each) => join_wire.guestLine(each))", [{"counts": counts}, {}, None]
    )
    assert lines == ["8 of 14 processed, 2 waiting, 3 dropped by phones, 1 lost", "", ""]


@pytest.mark.parametrize("name", ["on", "url", "most", "beyond"])
def test_a_wrong_answer_about_joining_is_told(js: JsRunner, name: str) -> None:
    state: dict[str, Any] = {"on": True, "url": "u", "beyond": True, "most": 2, "joined": 0, "why_not": ""}
    assert js.error_of("join_wire", "join_wire.checkJoinState(value)", state) == ""
    state[name] = None
    assert f"/api/join.{name}" in js.error_of("join_wire", "join_wire.checkJoinState(value)", state)
