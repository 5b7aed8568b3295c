"""What the viewer chose and what the orders moved, module by module: kept over a reload, followed to the end."""

from __future__ import annotations

from tests.browser.js_runner import JsRunner

ORDERED = """
  const pipeline = { snapshot: null, cost: () => ({ cpu_percent: 9 }) };
  const seen = { pipelines: [pipeline], events: { lines: [] } };
  const rate = (value) => { pipeline.snapshot = { rate_per_s: value, totals: {} }; };
  const followed = new effects.Effects();
  const order = (more) => {
    followed.add({ label: "it", figures: ["rate"], ...more }, followed.look(["rate"], [pipeline]), 1e9);
  };
  const said = (second, test) => followed.follow(seen, 1e9 + second * 1e6, test)
    .map(({ over, figures, report }) => [over, figures[0].texts[0], report]);
"""


def test_a_choice_is_kept_and_anything_else_is_let_be(js: JsRunner) -> None:
    body = """sessionStorage.clear();
      const found = [choices.chosen("far", false), choices.chosen("filter", "none")];
      choices.choose("far", true); choices.choose("filter", "web-0"); choices.choose("long", "x".repeat(201));
      found.push(choices.chosen("far", false), choices.chosen("filter", ""), choices.chosen("filter", true),
        choices.chosen("long", "-"), choices.chosen("toString", "-"));
      for (const odd of ['"text"', "[1]", "{", "null", "7"]) {
        sessionStorage.setItem("lab-choices", odd);
        found.push(choices.chosen("far", "-"));
      }
      return found"""
    assert js.run("choices", body) == [False, "none", True, "web-0", True, "-", "-", *["-"] * 5]


def test_a_list_of_choices_stands_where_it_stood_as_far_as_that_is_offered(js: JsRunner) -> None:
    body = """sessionStorage.clear();
      const list = () => Object.assign(document.createElement("select"), { id: "what" });
      const offers = [["kill", "kill"], ["delay", "delay"], ["cut", "cut"]];
      const first = list();
      choices.keepChoice(first);
      choices.offer(first, offers);
      const found = [first.value];
      first.value = "delay"; first.dispatchEvent(new Event("change"));
      choices.offer(first, offers.slice(1)); found.push(first.value);
      choices.offer(first, offers.slice(2)); found.push(first.value);
      const loaded = list();
      choices.offer(loaded, offers); found.push(loaded.value);
      const without = list();
      choices.offer(without, offers.slice(2)); found.push(without.value);
      return found"""
    assert js.run("choices", body) == ["kill", "delay", "cut", "delay", "cut"]


def test_an_order_is_followed_for_a_while_and_then_stays(js: JsRunner) -> None:
    body = """rate(50); order({});
      rate(60); const found = [said(19)];
      rate(70); found.push(said(21)); rate(80); found.push(said(22));
      return found"""
    assert js.run("effects", ORDERED + body) == [
        [[False, ["50.0 samples/s", "60.0 samples/s"], ""]],
        [[True, ["50.0 samples/s", "70.0 samples/s"], ""]],
        [[True, ["50.0 samples/s", "70.0 samples/s"], ""]],
    ]


def test_a_load_test_is_followed_until_it_is_over_and_ends_with_what_it_moved(js: JsRunner) -> None:
    body = """rate(50); order({ test: true });
      const found = [said(1, "done"), followed.testing]; // of the load test before it
      rate(51); found.push(said(20, "running"));
      rate(551); found.push(said(40, "running"));
      rate(NaN); said(41, "running");
      rate(48); found.push(said(60, "running"), said(61, ""));
      found.push(said(62, "done"), followed.testing);
      rate(999); found.push(said(63, "running"));
      return found"""
    running, over = "followed until it is over", "over; what was furthest from before while it ran"
    before = "50.0 samples/s"
    ended = [[True, [before, "551.0 samples/s"], over]]
    assert js.run("effects", ORDERED + body) == [
        [[False, [before, before], running]],
        True,
        [[False, [before, "51.0 samples/s"], running]],
        [[False, [before, "551.0 samples/s"], running]],
        [[False, [before, "48.0 samples/s"], running]],
        [[False, [before, "48.0 samples/s"], running]],
        ended,
        False,
        ended,
    ]
    lost = "rate(50); order({ test: true }); return [said(7199), said(7201)].map(([each]) => each[0])"
    assert js.run("effects", ORDERED + lost) == [False, True]  # an end that nobody tells


def test_what_was_moved_survives_a_reload_within_its_run(js: JsRunner) -> None:
    body = """rate(NaN); order({ label: "first" }); rate(50); order({ label: "second", test: true }); rate(70);
      const before = said(5, "running");
      const kept = JSON.parse(JSON.stringify(effects_wire.packEffects(followed.kept, "r1")));
      const again = new effects.Effects();
      again.restore(effects_wire.unpackEffects(kept, "r1"));
      const after = again.follow(seen, 1e9 + 6e6, "done").map(({ label, over, figures }) =>
        [label, over, figures[0].texts[0]]);
      const [newest] = kept.followed;
      const unsound = [null, 3, {}, { ordered: {}, effect: {} }, { ...newest, ids: ["unknown"] },
        { ...newest, most: [] }, { ...newest, effect: { ...newest.effect, figures: [{ name: 1 }] } }];
      const odd = [null, {}, { run: "r1", followed: 7 }, { run: "r1", followed: unsound }, { ...kept, run: "r0" }];
      const read = (each) => effects_wire.unpackEffects(each, "r1");
      const many = new effects.Effects();
      many.restore(read({ run: "r1", followed: Array(50).fill(newest) }));
      return [before.length, after, odd.map((each) => read(each).length), many.kept.length]"""
    before, after, odd, many = js.run("effects effects_wire", ORDERED + body)
    assert before == 2
    assert after == [
        ["second", True, ["50.0 samples/s", "70.0 samples/s"]],
        ["first", False, ["–", "70.0 samples/s"]],
    ]
    assert odd == [0, 0, 0, 0, 0]
    assert many == 6
