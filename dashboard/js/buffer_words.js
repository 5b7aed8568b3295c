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
 * `of 1,000 jobs`, `of 1 batch`; of bytes the amount has its unit already.
 * @param {Level} level
 */
export function boundText({ place, capacity, unit }) {
  if (place.bound) return `bar full at ${format.bytes(place.bound)}`;
  if (!Number.isFinite(capacity)) return unit;
  return `of ${format.many(capacity, unit)}`;
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

/** An L below this reads as 0.00. */
const NOTHING = 0.005;

/** Where nothing waits, W need not be known for that. @param {Balance} balance */
export function littleText(balance) {
  if (balance.l < NOTHING && !(balance.product >= 1)) return "Nothing waits between the promise and the aggregates.";
  return VERDICTS[verdictOf(balance)];
}
