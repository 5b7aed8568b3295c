// @ts-check
/**
 * Predict, then reveal: a viewer says which way a figure of each pipeline will go, the charts are covered while
 * something is done to the lab, and then both are told. Pure.
 */

import { figureOf } from "./figures.js";

/** @typedef {"up" | "same" | "down"} Way */
/**
 * `before`: the figure of each pipeline when the prediction was made; JSON has null for a figure that was not there.
 * @typedef {{figure: string, ways: Way[], before: Array<number | null>, at_us: number}} Prediction
 */
/** @typedef {{way: Way | null, right: boolean, text: string}} Outcome */

export const WAYS = /** @type {const} */ (["up", "same", "down"]);
/** A change within this share of what it was is none. */
const SAME_SHARE = 0.15;
/** Figures that one can predict. */
export const PREDICTABLE = ["rate", "processed_p99", "accepted_p50", "backlog", "cpu", "duplicates"];

const SAID = { up: "go up", same: "stay", down: "go down" };
const DID = { up: "It went up", same: "It stayed", down: "It went down" };

/**
 * Which way a figure went; null where one of the two is missing.
 * @param {number | null} before @param {number | null} now @param {number} least
 * @returns {Way | null}
 */
export function wayOf(before, now, least) {
  if (before === null || now === null || !Number.isFinite(before) || !Number.isFinite(now)) return null;
  if (Math.abs(now - before) <= Math.max(least, SAME_SHARE * Math.abs(before))) return "same";
  return now > before ? "up" : "down";
}

/**
 * What came of it, per pipeline.
 * @param {Prediction} prediction
 * @param {Array<number>} now the figure of each pipeline
 * @returns {Outcome[]}
 */
export function outcomes({ figure, ways, before }, now) {
  const { text, least } = figureOf(figure);
  return now.map((value, i) => {
    const way = wayOf(before[i], value, least);
    const said = `You said it would ${SAID[ways[i]]}.`;
    if (way === null) return { way, right: false, text: `${said} There is no figure to tell.` };
    const change = `${text(before[i] ?? NaN)} → ${text(value)}`;
    return { way, right: way === ways[i], text: `${said} ${DID[way]}: ${change}.` };
  });
}

/**
 * A prediction out of a page's memory; null where it is none.
 * @param {any} kept
 * @returns {Prediction | null}
 */
export function readPrediction(kept) {
  const { figure, ways, before, at_us } = kept ?? {};
  const sound =
    PREDICTABLE.includes(figure) &&
    Number.isFinite(at_us) &&
    [ways, before].every((list) => Array.isArray(list) && list.length === 2) &&
    ways.every((/** @type {any} */ way) => WAYS.includes(way)) &&
    before.every((/** @type {any} */ value) => value === null || Number.isFinite(value));
  return sound ? { figure, ways, before, at_us } : null;
}
