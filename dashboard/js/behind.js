// @ts-check
/**
 * Which pipeline falls behind: what waits for it grows, or has no room to grow any more. Its latencies are then those of
 * a moment, and still rising. Pure.
 */

import { median, valuesBetween } from "./baseline.js";
import { OUTBOX } from "./named_row.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */

/** Kinds of events after which the lab is another one: figures from before are not compared. */
export const ORDERS = ["control", "fault", "fault_over"];
/** Where samples wait before work: the queue of work, and the outboxes before it; in percent of their bounds. */
const WAITING = ["backlog_percent", OUTBOX];
/** A growth of less than this share of the bound, in percent, is chance. */
const LEAST_GROWTH = 2;
/** From here on it is full. */
const FULL = 90;

/** @param {number[]} values oldest first */
function isGrowing(values) {
  const third = Math.floor(values.length / 3);
  if (third === 0) return false;
  const [first, middle, last] = [0, 1, 2].map((i) => median(values.slice(i * third, (i + 1) * third)));
  return last >= FULL || (first < middle && middle < last && last - first >= LEAST_GROWTH);
}

/** @param {PipelineState} pipeline @param {number} since_us @param {number} now_us */
export function fallsBehind({ series }, since_us, now_us) {
  return WAITING.some((column) => isGrowing(valuesBetween(series, column, since_us, now_us)));
}
