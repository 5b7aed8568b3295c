// @ts-check
/**
 * What the orders of this page did: for each of the newest ones the figures that it is expected to move, before and
 * now, and what the lab reported of the process that it was for. Pure. Bounded.
 *
 * The figures of an order go on for `FOLLOWED_S`; then they stay, so that a later order does not change what is said of
 * an earlier one.
 */

import { figureOf } from "./figures.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {{label: string, figures: string[], process?: string, server?: string}} Ordered */
/**
 * `values`: per figure and pipeline what it was and what it is.
 * @typedef {object} Effect
 * @property {string} label
 * @property {number} at_us
 * @property {boolean} over whether it is no longer followed
 * @property {Array<{name: string, texts: Array<[string, string]>}>} figures
 * @property {string} report of a process or a server
 */

export const EFFECTS_KEPT = 6;
export const FOLLOWED_S = 20;
const FIGURES_MOST = 3;

/**
 * Figures that a knob is expected to move.
 * @type {Record<string, string[]>}
 */
export const MOVED_BY = {
  rate_factor: ["rate", "processed_p99"],
  servers: ["rate", "cpu"],
  batch: ["accepted_p50", "processed_p99"],
  transport: ["rate"],
  replay: ["duplicates"],
  workers: ["backlog", "processed_p99"],
  ring_capacity: ["overwritten"],
  compression: ["cpu"],
  fsync: ["accepted_p50"],
  stop: ["rate"],
  start: ["rate"],
  restart: ["rate"],
  latency: ["accepted_p50", "processed_p99"],
  invalid: ["rejected"],
  test: ["rate", "processed_p99", "cpu"],
  process: ["backlog", "processed_p99"],
};

export class Effects {
  /** @type {Array<{ordered: Ordered, ids: string[], before: number[][], effect: Effect}>} newest first */
  #kept = [];

  /**
   * An order was carried out.
   * @param {Ordered} ordered
   * @param {number[][]} looked what `look` gave when it was sent
   * @param {number} at_us when it was sent
   */
  add(ordered, looked, at_us) {
    const ids = [...new Set(ordered.figures)].slice(0, FIGURES_MOST);
    const before = ids.map((id) => looked[ordered.figures.indexOf(id)]);
    const effect = { label: ordered.label, at_us, over: false, figures: [], report: "" };
    this.#kept.unshift({ ordered, ids, before, effect });
    this.#kept.length = Math.min(this.#kept.length, EFFECTS_KEPT);
  }

  /**
   * The figures of each pipeline as they are.
   * @param {string[]} ids @param {PipelineState[]} pipelines
   */
  look(ids, pipelines) {
    return ids.map((id) => pipelines.map((pipeline) => figureOf(id).of(pipeline)));
  }

  /**
   * @param {Store} store @param {number} now_us
   * @returns {Effect[]} newest first
   */
  follow(store, now_us) {
    for (const { ordered, ids, before, effect } of this.#kept) {
      if (effect.over) continue;
      const now = this.look(ids, store.pipelines);
      effect.figures = ids.map((id, i) => {
        const { name, text } = figureOf(id);
        return { name, texts: now[i].map((value, k) => [text(before[i][k]), text(value)]) };
      });
      effect.report = reportOf(ordered, effect.at_us, store);
      effect.over = now_us - effect.at_us > FOLLOWED_S * 1e6;
    }
    return this.#kept.map(({ effect }) => effect);
  }
}

/** @param {Ordered} ordered @param {number} at_us @param {Store} store */
function reportOf({ process, server }, at_us, store) {
  if (process) {
    const told = store.events.lines.filter((line) => line.source === process && line.at_us >= at_us - 1e6);
    return told.slice(-2).map(({ kind, text }) => (text === "" ? kind : text)).join("; ");
  }
  if (!server || server === "*") return "";
  const seen = store.pipelines
    .map(({ snapshot }) => snapshot?.producers.find(({ producer }) => producer === server))
    .find((producer) => producer?.last);
  if (!seen?.last) return `${server} is not seen`;
  return `${server} is ${seen.status}: CPU ${seen.last.cpu_percent.toFixed(1)} %, memory ${seen.last.memory_percent.toFixed(1)} %`;
}
