// @ts-check
/** One pipeline's pane: what goes through it now, how long it takes, what it counted. */

import { keepOpen } from "./choices.js";
import { fieldsOf, fromTemplate, setAttribute, setChildren, setShare, setText } from "./dom.js";
import * as format from "./format.js";
import { COUNTERS, MORE, TILES } from "./pane_words.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./types.js").Latency} Latency */
/** @typedef {ReturnType<typeof fieldsOf>} Field */

/** Ends of the small latency bars, ms; the same in both panes so that they can be compared by eye. */
const RANGE_MS = { lowest: 0.1, highest: 10_000 };

const CLOCKS = /** @type {const} */ (["accepted", "processed", "visible"]);

/** @param {string} name @param {string} unit @param {string} definition */
function tile(name, unit, definition) {
  const element = fromTemplate("tile-template");
  const field = fieldsOf(element);
  setText(field("name"), name);
  setText(field("unit"), unit);
  setText(field("definition"), definition);
  return { element, field };
}

export class Pane {
  /** @param {PipelineState} pipeline */
  constructor(pipeline) {
    const { meta } = pipeline;
    this.pipeline = pipeline;
    this.element = fromTemplate("pane-template");
    this.element.dataset.pipeline = meta.letter;
    this.field = fieldsOf(this.element);
    this.field("mark").classList.add(`mark-${meta.letter.toLowerCase()}`);
    setText(this.field("path"), meta.path);
    setAttribute(this.field("latency"), "aria-label", `Latency of pipeline ${meta.letter}`);

    /** @type {Map<string, ReturnType<typeof tile>>} */
    this.tiles = new Map();
    for (const [id, name, unit, definition] of TILES) {
      this.tiles.set(id, tile(name, unit, id === "backlog" ? meta.backlog : definition));
    }
    this.tiles.forEach(({ element }, id) => {
      element.dataset.tile = id;
      this.field("main").append(element);
    });
    const more = /** @type {HTMLDetailsElement} */ (this.element.querySelector("details.more"));
    keepOpen(more, `more-${meta.letter}`);
    this.clocks = CLOCKS.map((name) => this.#clockRow(name));
    this.counters = COUNTERS.map(([, ...texts]) => tile(texts[0], texts[1], texts[2]));
    this.field("counters").append(...this.counters.map((each) => each.element));
  }

  /** @param {typeof CLOCKS[number]} name */
  #clockRow(name) {
    const row = fromTemplate("latency-template");
    const field = fieldsOf(row);
    setText(field("name"), name[0].toUpperCase() + name.slice(1));
    setText(field("definition"), this.pipeline.meta.clocks[name]);
    this.field("latency").append(row);
    return field;
  }

  /** @param {string} label @param {number} now_us */
  draw(label, now_us) {
    const { pipeline, field } = this;
    setText(field("label"), label);
    this.#drawBadge(now_us);
    const { snapshot } = pipeline;
    const alerts = snapshot?.alerts ?? [];
    setText(field("alerts"), alerts.length ? alerts.join("; ") : "No alerts.");
    setAttribute(field("alerts"), "data-alert", String(alerts.length > 0));
    if (!snapshot) return;
    this.#drawTiles(snapshot);
    const { accepted, processed } = snapshot.latency_ms;
    const clocks = [accepted, processed, pipeline.visible.figures(now_us)];
    clocks.forEach((figures, i) => drawClock(this.clocks[i], figures));
    COUNTERS.forEach(([name], i) => {
      setText(this.counters[i].field("value"), format.count(snapshot.totals[name]));
    });
    this.#drawMore(snapshot.totals);
  }

  /** @param {string} id @param {string} value @param {string} [unit] */
  #tile(id, value, unit) {
    const field = /** @type {ReturnType<typeof tile>} */ (this.tiles.get(id)).field;
    setText(field("value"), value);
    if (unit !== undefined) setText(field("unit"), unit);
  }

  /** @param {import("./types.js").Snapshot} snapshot */
  #drawTiles({ rate_per_s, latency_ms, backlog: { waiting, capacity, unit } }) {
    this.#tile("rate", format.rate(rate_per_s));
    const { p50, p99, n } = latency_ms.processed;
    this.#tile("p50", ...format.latencyParts(n ? p50 : NaN));
    this.#tile("p99", ...format.latencyParts(n ? p99 : NaN));
    const bound = capacity > 0 ? `of ${format.many(capacity, unit ?? "")}` : (unit ?? "");
    this.#tile("backlog", format.count(waiting), bound.trim());
    const { lost, made, refilling } = this.pipeline;
    const about = Number.isFinite(made) ? `of ${format.count(made)} made` : "not audited yet";
    this.#tile("lost", format.count(lost), refilling && lost > 0 ? "being sent again" : about);
  }

  /** @param {number} now_us */
  #drawBadge(now_us) {
    const { pipeline } = this;
    const liveness = pipeline.liveness(now_us);
    const age = format.age(pipeline.age_ms(now_us), 1000);
    const texts = {
      connecting: pipeline.connection.state === "idle" ? "Waiting for the lab" : "Connecting …",
      live: `Live · ${age} old`,
      stale: `Stale · ${age} old`,
      lost: pipeline.snapshot ? `Reconnecting · ${age} old` : "Reconnecting …",
    };
    setText(this.field("badge"), texts[liveness]);
    setAttribute(this.element, "data-liveness", liveness);
  }

  /** @param {Record<string, number>} totals */
  #drawMore(totals) {
    const list = this.field("more");
    const known = MORE.filter(([name]) => totals[name] !== undefined);
    setChildren(list, known.length * 2, () => document.createElement(list.children.length % 2 ? "dd" : "dt"));
    known.forEach(([name, title, unit, definition], i) => {
      setText(list.children[2 * i], `${title}: ${format.count(totals[name])} ${unit}`);
      setText(list.children[2 * i + 1], definition);
    });
  }
}

/** @param {Field} field @param {Latency} figures */
function drawClock(field, { p50, p99, n }) {
  setText(field("p50"), n ? format.latency(p50) : "–");
  setText(field("p99"), n ? format.latency(p99) : "–");
  setText(field("n"), format.count(n));
  const share = (/** @type {number} */ ms) => format.logShare(ms, RANGE_MS.lowest, RANGE_MS.highest);
  setAttribute(field("range"), "data-empty", String(n === 0));
  setShare(field("range"), "--from", share(p50));
  setShare(field("range"), "--to", share(p99));
}
