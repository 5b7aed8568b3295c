"""The fault panel's and the marks' pure modules, and how often the lab is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.fake_faults import FakeFaults
from tests.browser.js_runner import JsRunner


def test_the_engines_own_tables_are_read_and_a_wrong_answer_is_named(js: JsRunner) -> None:
    engine = FakeFaults()
    engine.begin("delay", "store", 200, 30)
    engine.begin("kill", "redis", hidden=True)
    check = "return faults_wire.checkFaults(value).catalog.length"
    assert js.run("faults_wire", check, engine.state()) == 18
    wrong: dict[str, Any] = {"catalog": [{"kind": "kill", "targets": [1]}], "faults": []}
    assert js.error_of("faults_wire", check, wrong) == "$.catalog[0].targets: expected texts, got 1"
    wrong = {"catalog": [], "faults": [{"id": 1, "began_us": 1, "kind": "kill", "target": "redis"}]}
    assert js.error_of("faults_wire", check, wrong) == "$.faults[0].state: expected a text, got nothing"
    assert js.error_of("faults_wire", check, []) == "$: expected an object, got []"


def test_a_fault_is_told_with_its_clock_and_its_recovery(js: JsRunner) -> None:
    body = """const { faultName, faultClock } = faults_wire;
      const kind = { grade: { unit: "ms each way" } };
      const fault = (more) => ({ id: 7, kind: "delay", target: "*", grade: 200, for_s: 90, state: "active",
        began_us: 0, ended_us: null, recovered_s: null, text: "", ...more });
      const over = { state: "over", ended_us: 30e6 };
      return [faultName(fault({}), kind), faultName(fault({ kind: "?", target: "?" }), undefined),
        faultName(fault({ grade: null, target: "redis" }), undefined),
        ...[fault({}), fault({ for_s: null }), fault(over), fault({ ...over, recovered_s: 1.834 }),
          fault({ ...over, ended_us: 0, recovered_s: 0.4 }),
          fault({ state: "failed", text: "delay on *: did not take place: no route" }), fault({ state: "failed" }),
        ].map((each) => faultClock(each, 65e6))]"""
    assert js.run("faults_wire", body) == [
        *("delay on * (all), 200 ms each way", "hidden fault 7", "delay on redis"),
        *("for 1 min 5 s of 90 s", "for 1 min 5 s"),
        *("lasted 30.0 s, recovery not seen", "lasted 30.0 s, recovered in 1.83 s", "recovered in 0.40 s"),
        *("failed: no route", "failed: no reason given"),
    ]


@pytest.mark.parametrize(
    "typed, grade, seconds",
    [
        ("", {"grade": 1}, {"for_s": 0}),
        (" 0.25 ", {"grade": 0.25}, {"for_s": 0.25}),
        ("0", {"grade": 0}, {"for_s": 0}),
        ("7", "a number (share of replies, 0 to 1)", {"for_s": 7}),
        ("-1", "a number (share of replies, 0 to 1)", "seconds, or nothing"),
        ("many", "a number (share of replies, 0 to 1)", "seconds, or nothing"),
        ("Infinity", "a number (share of replies, 0 to 1)", "seconds, or nothing"),
    ],
)
def test_what_is_typed_is_checked_in_words(
    js: JsRunner, typed: str, grade: dict[str, float] | str, seconds: dict[str, float] | str
) -> None:
    body = """const kind = { undoable: true, grade: { unit: "share of replies", default: 1, low: 0, high: 1 } };
      const plain = { undoable: false, grade: null };
      return [faults_wire.readGrade(kind, value), faults_wire.readDuration(kind, value),
        faults_wire.readGrade(plain, value), faults_wire.readDuration(plain, value)]"""
    found = js.run("faults_wire", body, typed)
    for answer, wanted in zip(found, (grade, seconds, {}, {}), strict=True):
        if isinstance(wanted, str):
            assert wanted in answer["problem"]
        else:
            assert answer == wanted


def test_marks_are_bounded_to_the_time_axis_and_say_what_happened(js: JsRunner) -> None:
    body = """const kept = new marks.Marks();
      const add = (s, kind, source, text) => kept.add({ at_us: s * 1e6, kind, source, text });
      for (let s = 0; s < 500; s += 1) add(s / 10, "crashed", "old", "");
      const bounded = kept.kept.length;
      add(100, "ready", "worker-1", "x");
      add(101, "fault", "store", "delay on store: 200 ms each way, for 20 s");
      add(102, "crashed", "a-process-with-a-very-long-name", "killed");
      add(103, "fault", "lab", "hidden fault 3");
      add(104, "fault", "redis", "hidden fault 3 was: pause on redis: for 10 s");
      add(105, "fault_over", "redis", "x");
      add(111, "recovered", "redis", "x");
      const seen = kept.inView(110e6, -2e6).map(({ x, label, broke }) => [x, label, broke]);
      return [bounded, seen, marks.marksText(kept.inView(110e6, -2e6)), marks.marksText([])]"""
    bounded, seen, text, nothing = js.run("marks", body)
    assert bounded == 50
    assert seen == [
        [-11, "delay store", True],
        [-10, "crashed a-process-with-…", True],
        [-9, "hidden fault 3", True],
        [-8, "hidden fault 3 revealed", False],
        [-7, "over redis", False],
        [-1, "recovered redis", False],
    ]
    assert text == (
        "marked: recovered redis 1 s ago, over redis 7 s ago, hidden fault 3 revealed 8 s ago, hidden fault 3 9 s ago, "
        "crashed a-process-with-… 10 s ago, and 1 older"
    )
    assert nothing == ""


def test_labels_never_cover_each_other_and_what_broke_comes_first(js: JsRunner) -> None:
    body = """const label = (at, broke = false) => ({ at, width: 50, broke });
      const crowd = Array.from({ length: 12 }, (_, i) => label(60 + 8 * i, i === 0));
      const placed = marks.placeLabels(crowd, 0, 200);
      const boxes = placed.flatMap((place) => (place ? [[place.lane, place.from]] : []));
      const covered = boxes.filter(([lane, from], i) =>
        boxes.some(([other, start], k) => k !== i && other === lane && Math.abs(start - from) < 50));
      const outside = boxes.filter(([, from]) => from < 0 || from + 50 > 200);
      return [boxes.length, covered, outside, placed[0], marks.placeLabels([label(200), label(0)], 0, 200)]"""
    placed, covered, outside, broken, ends = js.run("marks", body)
    assert 6 <= placed < 12
    assert covered == outside == []
    assert broken == {"lane": 0, "from": 60}
    assert ends == [{"lane": 0, "from": 150}, {"lane": 0, "from": 0}]


def test_the_poller_asks_while_wanted_one_question_at_a_time(js: JsRunner) -> None:
    body = """let asked = 0;
      let answer = () => {};
      const p = new poller.Poller(() => { asked += 1; return new Promise((done) => { answer = done; }); }, 1);
      const answered = () => { answer(); return new Promise((done) => setTimeout(done, 30)); };
      const counts = [asked];
      p.want(true); p.want(true);
      counts.push(asked); // at once, and once
      void p.now(); void p.now();
      counts.push(asked); // one is under way
      answer(); await null; await null; await null;
      counts.push(asked); // what came up meanwhile, once
      await answered();
      counts.push(asked); // after the interval
      p.want(false);
      await answered(); await answered();
      counts.push(asked);
      return counts"""
    assert js.run("poller", body) == [0, 1, 1, 2, 3, 3]


def test_a_failed_request_is_one_sentence(js: JsRunner) -> None:
    body = """const answers = { "/a": [404, "no"], "/b": [422, '{"detail": "grade: too high"}'], "/c": [200, "{"],
        "/d": [201, '{"id": 1}'] };
      const original = globalThis.fetch;
      const sent = [];
      globalThis.fetch = async (path, { method, headers, body }) => {
        sent.push([method, headers["Content-Type"] ?? "", headers.Authorization, body ?? ""]);
        if (!answers[path]) throw new TypeError("refused");
        return new Response(answers[path][1], { status: answers[path][0] });
      };
      const headers = { Authorization: "Bearer t" };
      const said = [];
      for (const path of ["/a", "/b", "/c", "/x"]) {
        await request.request(path, { headers }).catch(({ message, status }) => said.push([message, status]));
      }
      said.push(await request.request("/d", { headers, body: { kind: "kill" } }));
      globalThis.fetch = original;
      return [said, sent.at(0), sent.at(-1)]"""
    said, first, last = js.run("request", body)
    assert said == [
        ["/a: HTTP status 404", 404],
        ["grade: too high", 422],
        ["/c: the answer is not JSON, or was cut off", 200],
        ["/x does not answer", 0],
        {"id": 1},
    ]
    assert first == ["GET", "", "Bearer t", ""]
    assert last == ["POST", "application/json", "Bearer t", '{"kind":"kill"}']
