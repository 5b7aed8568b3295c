// @ts-check
/**
 * Little's law (J. D. C. Little, 1961): in a system that is steady, the mean number inside is the rate times the mean
 * time inside: L = λ · W. All three are measured apart, so that the residual L − λW says whether the figures agree. It is
 * not zero while something fills up or runs empty: what went in has then not come out. Pure: the time comes in.
 */

import { LATENCY_WINDOW_S } from "./config.js";

/** @typedef {import("./types.js").Latency} Latency */
/** @typedef {{at_us: number, inside: number, processed: number}} Look */
/** @typedef {{l: number, rate_per_s: number, w_ms: number, product: number, residual: number}} Balance */

/** An ack is stamped just after what it promises; an earlier processing within this is the same moment. */
const SAME_MS = 1;
/** Looks kept at most: 10 s at 20 snapshots a second. */
const LOOKS_KEPT = 200;

/**
 * Samples that were promised to be kept and are not in the aggregates yet.
 * @param {Record<string, number>} totals
 */
export function insideOf({ accepted, processed, duplicates, dead_lettered = 0 }) {
  return Math.max(0, accepted - processed - duplicates - dead_lettered);
}

/**
 * Mean time between the two moments, ms; NaN where it cannot be told: nothing was counted, or the two figures are of
 * different samples (some were accepted late and are not processed yet).
 * @param {{accepted: Latency, processed: Latency}} latency_ms
 */
export function timeInside_ms({ accepted, processed }) {
  const between_ms = processed.mean - accepted.mean;
  if (accepted.n === 0 || processed.n === 0 || !(between_ms > -SAME_MS)) return NaN;
  return Math.max(0, between_ms);
}

/** Looks at one system, over the window from which the pipelines tell their mean latencies. */
export class LittlesLaw {
  /** @type {Look[]} */
  #looks = [];

  /**
   * @param {number} inside samples inside now
   * @param {number} processed samples that have left it so far
   * @param {number} now_us
   */
  look(inside, processed, now_us) {
    const looks = this.#looks;
    const last = looks.at(-1);
    if (last && (processed < last.processed || now_us < last.at_us)) looks.length = 0;
    looks.push({ at_us: now_us, inside, processed });
    while (looks.length > LOOKS_KEPT || looks[0].at_us < now_us - LATENCY_WINDOW_S * 1e6) looks.shift();
  }

  /**
   * @param {number} w_ms mean time inside
   * @returns {Balance} NaN where the looks do not tell yet
   */
  balance(w_ms) {
    const looks = this.#looks;
    const seconds = looks.length > 1 ? (looks[looks.length - 1].at_us - looks[0].at_us) / 1e6 : NaN;
    const rate_per_s = (looks[looks.length - 1]?.processed - looks[0]?.processed) / seconds;
    // Each look holds from the one before it: a mean over time, not over looks.
    const area = looks.reduce((sum, { at_us, inside }, i) => {
      return i === 0 ? 0 : sum + (inside * (at_us - looks[i - 1].at_us)) / 1e6;
    }, 0);
    const l = area / seconds;
    const product = (rate_per_s * w_ms) / 1000;
    return { l, rate_per_s, w_ms, product, residual: l - product };
  }
}

/**
 * What the residual says. Samples come one by one and looks are few: a difference below one sample, or a fifth, is none.
 * @param {Balance} balance
 * @returns {"unknown" | "balanced" | "filling" | "emptying"}
 */
export function verdictOf({ l, product, residual }) {
  if (!Number.isFinite(residual)) return "unknown";
  if (Math.abs(residual) <= Math.max(1, 0.2 * Math.max(l, product))) return "balanced";
  return residual > 0 ? "filling" : "emptying";
}
