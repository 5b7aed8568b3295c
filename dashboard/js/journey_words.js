// @ts-check
/** What the twin waterfall says in words. Pure. */

import { PIPELINES } from "./config.js";
import * as format from "./format.js";

/** @typedef {import("./journey_layout.js").Waterfall} Waterfall */
/** @typedef {import("./trace_log.js").Journey} Journey */

/** Times that differ by less are the same for one sample. */
const SAME = 1.05;
/** Beyond this the clocks are said to be apart. */
const KNOWN_WITHIN_US = 5e6;

/**
 * Which sample this is.
 * @param {Journey | null} journey
 * @param {boolean} fresh
 */
export function titleText(journey, fresh) {
  if (!journey) return "No traced sample has come yet.";
  const { producer, seq, ways } = journey;
  const first_us = Math.min(...ways.map((way) => (way ? way[0][1] : Infinity)));
  const absent = PIPELINES.filter((_, i) => ways[i] === null).map(({ letter }) => letter);
  const missing = absent.length ? ` Not seen from ${absent.join(" and ")} yet.` : "";
  const old = fresh ? "" : " No newer one has come.";
  return `Server ${producer}, sample ${format.count(seq)}, taken ${format.timeOfDay(first_us)}.${missing}${old}`;
}

/** @param {string} what @param {number[]} times_ms of A and of B */
function compare(what, [a, b]) {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return "";
  const [fast, slow] = a < b ? [a, b] : [b, a];
  const times = `${what}: A after ${format.latency(a)}, B after ${format.latency(b)}`;
  if (!(slow > fast * SAME)) return `${times}, about the same.`;
  const times_so_long = slow / fast;
  const factor = fast > 0 ? ` (${times_so_long < 100 ? times_so_long.toFixed(1) : format.count(times_so_long)} ×)` : "";
  return `${times}, ${a < b ? "A" : "B"} ${format.latency(slow - fast)} sooner${factor}.`;
}

/** When it was processed by both. @param {Waterfall[]} falls */
export function processedText(falls) {
  return compare("Processed", falls.map(({ processed_ms }) => processed_ms));
}

/** When both had brought it to this screen. @param {Waterfall[]} falls */
export function screenText(falls) {
  return compare("On this screen", falls.map(({ whole_ms }) => whole_ms));
}

/**
 * How this browser's clock, which ends the way, stands to the lab's.
 * @param {{offset_us: number, within_us: number}} estimate
 */
export function clockText({ offset_us, within_us }) {
  if (!(within_us < KNOWN_WITHIN_US)) return "How far this browser’s clock is off is not known yet.";
  const within = format.latency(within_us / 1000);
  if (offset_us === 0) return `This browser’s clock agrees with the lab’s within ${within}.`;
  const apart = format.latency(Math.abs(offset_us) / 1000);
  const side = offset_us > 0 ? "ahead of" : "behind";
  return `This browser’s clock is ${apart} ${side} the lab’s (± ${within}); the last two steps are corrected.`;
}
