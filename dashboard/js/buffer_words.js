// @ts-check
/** What the buffers and Little's law say in words. Pure. */

import * as format from "./format.js";
import { verdictOf } from "./little.js";

/** @typedef {import("./buffer_board.js").Level} Level */
/** @typedef {import("./little.js").Balance} Balance */

/**
 * How much waits; its bound and unit are `boundText`'s.
 * @param {Level} level
 */
export function levelText({ waiting, unit }) {
  return unit === "bytes" ? format.bytes(waiting) : format.count(waiting);
}

/**
 * `of 1,000 jobs`; of bytes the amount has its unit already.
 * @param {Level} level
 */
export function boundText({ place, capacity, unit }) {
  if (place.bound) return `bar full at ${format.bytes(place.bound)}`;
  return Number.isFinite(capacity) ? `of ${format.count(capacity)} ${unit}` : unit;
}

/** @type {Record<Level["state"], string>} */
const STATES = {
  unknown: "not known here",
  calm: "",
  high: "nearly full",
  full: "full",
  closed: "nobody takes it",
};

/** @param {Level} level */
export const stateText = ({ state }) => STATES[state];

const VERDICTS = {
  unknown: "Not known now.",
  balanced: "L and λ · W agree: as much comes out as goes in.",
  filling: "More is inside than λ · W explains: it is filling up, what came in has not come out.",
  emptying: "Less is inside than λ · W explains: it is running empty, what comes out had waited.",
};

/** @param {Balance} balance */
export function littleText(balance) {
  if (balance.l === 0 && balance.product < 1) return "Nothing waits between the promise and the aggregates.";
  return VERDICTS[verdictOf(balance)];
}
