// @ts-check
/** Which of the traced samples is worth a look. Pure. */

import { PROCESSED_HOP } from "./journey_stages.js";

/** @typedef {import("./trace_log.js").Journey} Journey */
/** @typedef {import("./trace_log.js").Way} Way */

/**
 * From the first hop to the last; NaN where there is no way.
 * @param {Way | null} way
 */
export function span_us(way) {
  return way ? way[way.length - 1][1] - way[0][1] : NaN;
}

/**
 * Whether it is known to be in the aggregates of every pipeline.
 * @param {Journey} journey
 */
export function isWhole({ ways }) {
  return ways.every((way) => way?.some(([name]) => name === PROCESSED_HOP));
}

/**
 * The sample that is nearest to the middle on every way, of equals the newest; where none came down all ways, the
 * newest of all.
 * @param {Journey[]} journeys oldest first
 * @returns {Journey | null}
 */
export function medianLike(journeys) {
  const whole = journeys.filter(isWhole);
  if (whole.length === 0) return journeys.at(-1) ?? null;
  const off = new Map(whole.map((journey) => [journey, 0]));
  const offOf = (/** @type {Journey} */ journey) => /** @type {number} */ (off.get(journey));
  whole[0].ways.forEach((_, pipeline) => {
    const sorted = [...whole].sort((a, b) => span_us(a.ways[pipeline]) - span_us(b.ways[pipeline]));
    const middle = (sorted.length - 1) / 2;
    sorted.forEach((each, rank) => off.set(each, offOf(each) + Math.abs(rank - middle)));
  });
  return whole.reduce((best, each) => (offOf(each) <= offOf(best) ? each : best));
}

/**
 * The sample that took longest, down any pipeline; of equals the oldest.
 * @param {Journey[]} journeys oldest first
 * @returns {Journey | null}
 */
export function slowest(journeys) {
  const longest_us = (/** @type {Journey} */ { ways }) => Math.max(...ways.map((way) => span_us(way) || 0));
  /** @type {Journey | null} */
  let found = null;
  for (const each of journeys) {
    if (found === null || longest_us(each) > longest_us(found)) found = each;
  }
  return found;
}
