// @ts-check
/**
 * The page's head: which run this is and with which settings, what it goes through, whether its parts answer, and the
 * time.
 */

import { CLOCK_GAP_MS, LAB_SILENT_AFTER_MS } from "./config.js";
import { byId, fieldsOf, setAttribute, setText } from "./dom.js";
import { latency, many, timeOfDay } from "./format.js";

/** @typedef {import("./store.js").Store} Store */

/**
 * Settings in the order in which they are shown; others of the lab are left out.
 * @type {Record<string, (value: unknown) => string>}
 */
const FACTS = {
  servers: (value) => many(Number(value), "servers"),
  rate: (value) => `${value} sample/s each`,
  transport: (value) => (value === "twin" ? "all down both" : `transport ${value}`),
  workers: (value) => many(Number(value), "workers"),
  fsync: (value) => `fsync ${value}`,
  seed: (value) => `seed ${value}`,
};

export class Header {
  #field = fieldsOf(byId("top"));
  #notice = byId("clock-notice");
  #heard_us = -Infinity;

  get themeButton() {
    return this.#field("theme");
  }

  get projectorButton() {
    return this.#field("projector");
  }

  /** The control API answered. @param {number} now_us */
  heard(now_us) {
    this.#heard_us = now_us;
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    setText(this.#field("clock"), timeOfDay(now_us));
    if (store.lab) setText(this.#field("facts"), facts(store.lab));
    const phase = store.phase.phase(store.pipelines, now_us);
    setText(this.#field("phase"), phase.text);
    setAttribute(this.#field("phase"), "data-phase", phase.state);
    store.pipelines.forEach((pipeline, i) => {
      const liveness = pipeline.liveness(now_us);
      this.#link(`link-${i}`, liveness, liveness === "live");
    });
    const answers = now_us - this.#heard_us < LAB_SILENT_AFTER_MS * 1000;
    this.#link("link-lab", answers ? "answers" : "silent", answers);
    const warning = clockWarning(store);
    this.#notice.hidden = warning === "";
    setText(this.#notice, warning);
  }

  /** @param {string} name @param {string} text @param {boolean} well */
  #link(name, text, well) {
    setText(this.#field(name), text);
    setAttribute(this.#field(name), "data-well", String(well));
  }
}

/** @param {import("./types.js").LabInfo} lab */
function facts({ settings, run }) {
  const known = Object.keys(FACTS).filter((name) => settings[name] !== undefined);
  return [`run ${run}`, ...known.map((name) => FACTS[name](settings[name]))].join(" · ");
}

/**
 * Visible latency ends on the browser's clock; where that one is off and nobody knows how far, the figure must not be
 * compared.
 * @param {Store} store
 */
function clockWarning(store) {
  const { within_us } = store.offset.estimate();
  const known = `is corrected for it, to \u00b1\u00a0${latency(within_us / 1000)}`;
  const told = `visible latency ${Number.isFinite(within_us) ? known : "is not comparable here"}.`;
  for (const { clock_gap_us } of store.pipelines) {
    const gap_ms = clock_gap_us / 1000;
    const ahead = gap_ms > CLOCK_GAP_MS.highest;
    if (!Number.isFinite(gap_ms) || (gap_ms >= CLOCK_GAP_MS.lowest && !ahead)) continue;
    const apart = `about ${latency(Math.abs(gap_ms))} ${ahead ? "ahead of" : "behind"} the lab’s`;
    return `This browser’s clock is ${apart}: ${told}`;
  }
  return "";
}
