"""The ledger view's pure modules: the audit's check, cells, places, words; and the colours in which fates are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from metrics_core.fates import FATES
from tests.browser.fake_audit import audit, battered, healthy
from tests.browser.fake_lab import FakeLab
from tests.browser.fake_snapshots import EPOCH_US
from tests.browser.js_runner import JsRunner

LATER_US = EPOCH_US + 600_000_000
LAYOUTS = [(554, 1, 50), (554, 2, 50), (554, 1.25, 50), (330, 3, 200), (1010, 1, 5), (40, 1, 1)]


def test_the_page_knows_every_fate_by_a_pattern_of_its_own(js: JsRunner) -> None:
    fates = js.run("fates", "return fates.FATES")
    assert {fate["id"] for fate in fates} == set(FATES)
    patterns = {"/".join(fate["dots"]) for fate in fates}
    assert len(patterns) == len(FATES)
    assert all(len(line) == 3 for pattern in patterns for line in pattern.split("/"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fates_are_seen_on_their_ground_and_losses_are_told_by_brightness(
    fake_lab: FakeLab, open_page: Any, scheme: str
) -> None:
    """3 : 1 against the ground (WCAG 1.4.11), and a loss differs from what is processed without any colour."""
    page = open_page(fake_lab.url, color_scheme=scheme)
    body = """async () => {
      const { readFatePalette } = await import("/static/js/ledger_canvas.js");
      const { FATES } = await import("/static/js/fates.js");
      const light = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0.05);
      const contrast = (a, b) => Math.max(light(a), light(b)) / Math.min(light(a), light(b));
      const { colours, ground } = readFatePalette();
      return FATES.map(({ id }, i) => [id, contrast(colours[i], ground), contrast(colours[i], colours[0])]);
    }"""
    found = page.evaluate(body)
    assert {fate: value for fate, value, _ in found if value < 3} == {}
    lost = {fate: value for fate, _, value in found if fate.startswith("lost_")}
    assert len(lost) == 4
    assert {fate: value for fate, value in lost.items() if value < 1.4} == {}


def test_a_right_audit_is_read_and_a_wrong_one_is_named(js: JsRunner) -> None:
    check = "return audit_wire.checkAudit(value).at_us"
    for right in (battered(2), healthy(1), audit({}, {})):
        assert js.run("audit_wire", check, json.loads(json.dumps(right))) == EPOCH_US

    def complaint(**parts: Any) -> str:
        wrong = json.loads(json.dumps(battered(1)))
        wrong["pipelines"]["websocket"] |= parts
        return js.error_of("audit_wire", check, wrong)

    def of_run(run: Any) -> str:
        return complaint(producers={"web-01": {str(EPOCH_US): [run]}})

    at = f"$.pipelines.websocket.producers.web-01.{EPOCH_US}[0]"
    assert of_run([0, 1, "eaten"]) == f'{at}: unknown fate "eaten"'
    assert of_run([5, 4, "processed"]) == f'{at}: expected 0 <= low <= high, got [5,4,"processed"]'
    assert of_run([0.5, 4, "processed"]).startswith(f"{at}: expected 0 <= low <= high")
    assert of_run("processed") == f'{at}: expected [low, high, fate], got "processed"'
    assert complaint(ok="yes") == '$.pipelines.websocket.ok: expected true or false, got "yes"'
    assert complaint(counts={"processed": -1}).startswith("$.pipelines.websocket.counts.processed")
    assert complaint(equations=[{"text": "a = b", "left": 1, "right": 1}]).endswith("got nothing")
    assert complaint(producers={"web-01": {"today": []}}).endswith('expected epochs in µs, got "today"')
    crowd = complaint(producers={f"s{i}": {} for i in range(20_001)})
    assert crowd == "$.pipelines.websocket.producers: expected at most 20000, got 20001"


def test_cells_hold_the_newest_samples_of_all_epochs_at_one_place_for_both_pipelines(js: JsRunner) -> None:
    a = {
        "web-1": {
            str(EPOCH_US): [(0, 7, "processed"), (8, 9, "lost_producer")],
            str(LATER_US): [(0, 2, "rejected")],
        }
    }
    b = {"web-1": {str(EPOCH_US): [(0, 9, "overwritten")]}, "web-0": {str(LATER_US): [(3, 4, "processed")]}}
    body = """const { servers, known } = ledger_model.buildLedger(value, { samples: 6, servers: 9 });
      const { identityAt, ordinalOf, codeAt } = ledger_model;
      const web1 = servers[1];
      return { known, names: servers.map(({ producer }) => producer), first: web1.first, total: web1.total,
        cells: servers.map(({ cells }) => cells.map((each) => [...each])),
        identities: [7, 10, 12, 13].map((ordinal) => identityAt(web1, ordinal)),
        ordinals: [[EPOCH, 9], [EPOCH, 10], [LATER, 2], [5, 0]].map(([epoch, seq]) => ordinalOf(web1, epoch, seq)),
        codes: [codeAt(web1, 6, 0), codeAt(web1, 12, 0), codeAt(web1, 12, 1)] };"""
    body = body.replace("EPOCH", str(EPOCH_US)).replace("LATER", str(LATER_US))
    found = js.run("ledger_model", body, audit(a, b))
    processed, overwritten, rejected, lost = (
        js.run("fates", "return fates.codeOf(value)", fate)
        for fate in ("processed", "overwritten", "rejected", "lost_producer")
    )
    assert found["names"] == ["web-0", "web-1"]
    assert (found["known"], found["first"], found["total"]) == (2, 7, 13)
    assert found["cells"] == [
        [[0, 0, 0, 0, 0], [0, 0, 0, processed, processed]],
        [[processed, lost, lost, rejected, rejected, rejected], [overwritten] * 3 + [0, 0, 0]],
    ]
    seqs = [(each and (each["epoch"], each["seq"])) for each in found["identities"]]
    assert seqs == [(EPOCH_US, 7), (LATER_US, 0), (LATER_US, 2), None]
    assert found["ordinals"] == [9, -1, 12, -1]
    assert found["codes"] == [0, rejected, 0]


def test_the_ledger_is_bounded_to_the_servers_that_started_last(js: JsRunner) -> None:
    side = {f"s-{i}": {str(EPOCH_US + i % 7): [(0, 2000, "processed")]} for i in range(300)}
    body = """const { servers, known } = ledger_model.buildLedger(value);
      return [known, servers.map(({ producer }) => producer), servers.map(({ cells }) => cells[0].length)]"""
    known, names, lengths = js.run("ledger_model", body, audit(side, side))
    assert known == 300
    assert len(names) == 200
    assert names == sorted(names, key=lambda name: int(name[2:]))
    assert {int(name[2:]) % 7 for name in names} == {2, 3, 4, 5, 6}
    assert set(lengths) == {600}


@pytest.mark.parametrize("width, ratio, servers", LAYOUTS)
def test_every_shown_sample_has_a_place_of_its_own_and_is_found_there(
    js: JsRunner, width: int, ratio: float, servers: int
) -> None:
    body = """const [width, ratio, servers] = value;
      const layout = ledger_layout.ledgerLayout(width, ratio, servers);
      const places = new Set();
      const wrong = [];
      for (const total of [1, 599, 600, 601, 12345]) {
        places.clear();
        for (let ordinal = Math.max(0, total - 600); ordinal < total; ordinal += 1) {
          const place = ledger_layout.placeOf(layout, total, ordinal);
          const inside = place && place.x >= 0 && place.x + layout.cell <= layout.columns * layout.cell
            && place.y + layout.cell <= layout.pitch;
          if (!inside || places.has(`${place.x} ${place.y}`)) wrong.push([total, ordinal]);
          else if (ledger_layout.ordinalAt(layout, total, place.x + 1, place.y + 1) !== ordinal) wrong.push(ordinal);
          places.add(`${place?.x} ${place?.y}`);
        }
        const newest = ledger_layout.placeOf(layout, total, total - 1);
        if (newest.x !== (layout.columns - 1) * layout.cell) wrong.push(["not at the right", total]);
      }
      return [wrong, layout]"""
    wrong, layout = js.run("ledger_layout", body, [width, ratio, servers])
    assert wrong == []
    assert layout["cell"] == 3 * layout["dot"]
    if width > 100:
        assert layout["left"] + layout["columns"] * layout["cell"] <= width * ratio


def test_rectangles_cover_a_run_of_samples_exactly(js: JsRunner) -> None:
    body = """const layout = ledger_layout.ledgerLayout(554, 1, 50);
      const wrong = [];
      for (const [from, to] of [[401, 401], [400, 403], [401, 406], [402, 999], [403, 404], [700, 702]]) {
        const cells = new Map();
        for (const [x, y, width, height] of ledger_layout.rectangles(layout, 1000, from, to)) {
          for (let at_x = x; at_x < x + width; at_x += layout.cell) {
            for (let at_y = y; at_y < y + height; at_y += layout.cell) {
              cells.set(`${at_x} ${at_y}`, (cells.get(`${at_x} ${at_y}`) ?? 0) + 1);
            }
          }
        }
        const wanted = [];
        for (let i = from; i <= to; i += 1) {
          const { x, y } = ledger_layout.placeOf(layout, 1000, i);
          wanted.push(`${x} ${y}`);
        }
        const exact = wanted.length === cells.size && wanted.every((place) => cells.get(place) === 1);
        if (!exact) wrong.push([from, to, [...cells]]);
      }
      return [wrong, layout.rows]"""
    assert js.run("ledger_layout", body) == [[], 4]


def test_the_cursor_goes_from_sample_to_sample_and_stays_inside(js: JsRunner) -> None:
    body = """const ledger = ledger_model.buildLedger(value);
      const seen = [];
      let cursor = null;
      for (const key of ["", "ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowDown", "ArrowDown", "Home", "ArrowLeft",
        "ArrowUp", "End", "PageDown", "PageUp"]) {
        cursor = ledger_cursor.step(ledger, cursor, key);
        seen.push(`${cursor.producer} ${cursor.seq}`);
      }
      const gone = { producer: "db-01", epoch: cursor.epoch, seq: 3 };
      return [seen, ledger_cursor.whereIs(ledger, gone), ledger_cursor.step({ servers: [], known: 0 }, null, "End")]"""
    seen, gone, nowhere = js.run("ledger_cursor ledger_model", body, healthy(2, 700))
    assert seen == [
        *("db-01 699", "db-01 698", "db-01 697", "db-01 698"),
        *("web-01 698", "web-01 698", "web-01 100", "web-01 100"),
        *("db-01 100", "db-01 699", "web-01 699", "db-01 699"),
    ]
    assert gone is None
    assert nowhere is None


def test_a_ledger_whose_equations_hold_says_how_much_was_lost(js: JsRunner) -> None:
    body = """return value.map(([holds, counts]) => ledger_words.verdictText({ ok: false, counts,
      equations: [{ holds: true }, { holds }] }))"""
    looks = [
        (True, {"processed": 9, "lost_memory": 12_000, "lost_store": 13, "lost_outbox": 4}),
        (True, {"lost_store": 1}),
        (True, {"lost_outbox": 4}),
        (False, {"lost_memory": 12_000}),
    ]
    hurt = "≠ the ledger does not hold"
    said = ["≠ 12,013 acked samples lost", "≠ 1 acked sample lost", hurt, hurt]
    assert js.run("ledger_words", body, looks) == said


def test_the_ledger_speaks_in_words(js: JsRunner) -> None:
    told = battered(1)["pipelines"]["http_redis"]
    body = """const { pictureText, auditLines, sampleText, shownText, verdictText } = ledger_words;
      const identity = (seq) => ({ producer: "web-01", epoch: EPOCH, seq });
      const text = (seq, fate) => sampleText("A", value, identity(seq), fates.codeOf(fate) ?? 0);
      return { picture: pictureText("A", value, 1), lines: auditLines({ ...value, error: "E", truncated: true }),
        verdicts: [verdictText(value), verdictText({ ok: true }), verdictText({ ok: false, error: "E" })],
        shown: [shownText(0, 0), shownText(50, 50), shownText(200, 2000)],
        samples: [text(200, "rejected"), text(301, "lost_store"), text(7, "none")] };"""
    found = js.run("ledger_words fates", body.replace("EPOCH", str(EPOCH_US)), told)
    assert found["picture"].startswith("Samples of pipeline A from 1 server: Processed 6")
    assert found["verdicts"] == ["≠ the ledger does not hold", "✓ the ledger holds", "! not audited now"]
    signs = [(line["sign"], line["holds"]) for line in found["lines"]]
    assert signs == [("!", False), ("!", False), ("✓", True), ("≠", False)]
    assert found["lines"][3]["text"] == "acked = processed + …: 640 ≠ 637"
    rejected, lost, absent = found["samples"]
    assert rejected.endswith("rejected. Reason: schema: $[0].cpu_percent: expected a number <= 100")
    assert lost.endswith("lost: store. A only: acked, and Redis no longer has it.")
    assert absent.endswith("not sent down pipeline A.")
    assert found["shown"] == [
        "No sample has been created yet.",
        "50 servers, the newest 600 samples of each, the newest at the right.",
        (
            "Shown are the 200 of 2,000 servers that started last, and the newest 600 samples of each, the newest at "
            "the right. The counts are of all."
        ),
    ]
