// @ts-check
/** The page's head: which run this is and with which settings, and the time. */

import { CLOCK_GAP_MS } from "./config.js";
import { byId, fieldsOf, setText } from "./dom.js";
import { latency, timeOfDay } from "./format.js";

/** @typedef {import("./store.js").Store} Store */

/**
 * Settings in the order in which they are shown; others of the lab are left out.
 * @type {Record<string, (value: unknown) => string>}
 */
const FACTS = {
  servers: (value) => `${value} servers`,
  rate: (value) => `${value} sample/s each`,
  transport: (value) => (value === "twin" ? "all down both" : `transport ${value}`),
  workers: (value) => `${value} workers`,
  fsync: (value) => `fsync ${value}`,
  seed: (value) => `seed ${value}`,
};

export class Header {
  #field = fieldsOf(byId("top"));
  #notice = byId("clock-notice");

  get themeButton() {
    return this.#field("theme");
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    setText(this.#field("clock"), timeOfDay(now_us));
    if (store.lab) setText(this.#field("facts"), facts(store.lab));
    const warning = clockWarning(store);
    this.#notice.hidden = warning === "";
    setText(this.#notice, warning);
  }
}

/** @param {import("./types.js").LabInfo} lab */
function facts({ settings, run }) {
  const known = Object.keys(FACTS).filter((name) => settings[name] !== undefined);
  return [...known.map((name) => FACTS[name](settings[name])), `run ${run}`].join(" · ");
}

/**
 * Visible latency ends on the browser's clock; where that one is off, the figure must not be compared.
 * @param {Store} store
 */
function clockWarning(store) {
  for (const { clock_gap_us } of store.pipelines) {
    const gap_ms = clock_gap_us / 1000;
    const ahead = gap_ms > CLOCK_GAP_MS.highest;
    if (!Number.isFinite(gap_ms) || (gap_ms >= CLOCK_GAP_MS.lowest && !ahead)) continue;
    const apart = `about ${latency(Math.abs(gap_ms))} ${ahead ? "ahead of" : "behind"} the lab’s`;
    return `This browser’s clock is ${apart}: visible latency is not comparable here.`;
  }
  return "";
}
