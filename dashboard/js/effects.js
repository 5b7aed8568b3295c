// @ts-check
/**
 * What the orders of this page did: for each of the newest ones the figures that it is expected to move, before and
 * now, and what the lab reported of the process that it was for. Pure. Bounded.
 *
 * The figures of an order go on for `FOLLOWED_S`; then they stay, so that a later order does not change what is said of
 * an earlier one. A load test is followed until it is over, as it warms up first; then it says what was furthest from
 * before while it ran.
 */

import { figureOf } from "./figures.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./store.js").Store} Store */
/**
 * `test`: it started a load test.
 * @typedef {{label: string, figures: string[], process?: string, server?: string, test?: boolean}} Ordered
 */
/**
 * `values`: per figure and pipeline what it was and what it is.
 * @typedef {object} Effect
 * @property {string} label
 * @property {number} at_us
 * @property {boolean} over whether it is no longer followed
 * @property {Array<{name: string, texts: Array<[string, string]>}>} figures
 * @property {string} report of a process or a server
 */

/**
 * `most`: per figure and pipeline what was furthest from `before`.
 * @typedef {{ordered: Ordered, ids: string[], before: number[][], most: number[][], effect: Effect}} Followed
 */

export const EFFECTS_KEPT = 6;
export const FOLLOWED_S = 20;
/** What is said of a load test this soon after its order may be of the one before it. */
const TEST_BEGINS_S = 3;
/** A load test whose end nobody told is not followed for longer: an hour at most, its warm-up, its saving. */
const TEST_MOST_S = 2 * 3600;
const FIGURES_MOST = 3;

export class Effects {
  /** @type {Followed[]} newest first */
  #kept = [];

  /** What a reload brings back. */
  get kept() {
    return this.#kept;
  }

  /** @param {Followed[]} followed from before a reload, newest first */
  restore(followed) {
    this.#kept = [...this.#kept, ...followed].slice(0, EFFECTS_KEPT);
  }

  /** Whether a load test is followed. */
  get testing() {
    return this.#kept.some(({ ordered, effect }) => ordered.test && !effect.over);
  }

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
    this.#kept.unshift({ ordered, ids, before, most: before.map((each) => [...each]), effect });
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
   * @param {string} [test] state of the load test; "" where it is not known
   * @returns {Effect[]} newest first
   */
  follow(store, now_us, test = "") {
    for (const { ordered, ids, before, most, effect } of this.#kept) {
      if (effect.over) continue;
      const now = this.look(ids, store.pipelines);
      now.forEach((values, i) => {
        most[i] = values.map((value, k) => further(before[i][k], most[i][k], value));
      });
      effect.over = isOver(ordered, (now_us - effect.at_us) / 1e6, test);
      const shown = ordered.test && effect.over ? most : now;
      effect.figures = ids.map((id, i) => {
        const { name, text } = figureOf(id);
        return { name, texts: shown[i].map((value, k) => [text(before[i][k]), text(value)]) };
      });
      effect.report = ordered.test ? TEST_REPORTS[Number(effect.over)] : reportOf(ordered, effect.at_us, store);
    }
    return this.#kept.map(({ effect }) => effect);
  }
}

/** Of a load test, while it runs and afterwards. */
const TEST_REPORTS = ["followed until it is over", "over; what was furthest from before while it ran"];

/** @param {number} before @param {number} most so far @param {number} value */
function further(before, most, value) {
  if (!Number.isFinite(value)) return most;
  return Math.abs(most - before) >= Math.abs(value - before) ? most : value;
}

/** @param {Ordered} ordered @param {number} since_s @param {string} test */
function isOver(ordered, since_s, test) {
  if (!ordered.test) return since_s > FOLLOWED_S;
  const ended = test !== "" && test !== "running" && since_s > TEST_BEGINS_S;
  return ended || since_s > TEST_MOST_S;
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
