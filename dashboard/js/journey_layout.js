// @ts-check
/**
 * A traced sample as two waterfalls on one time axis: one bar per stage, from the hop before to its own. Pure.
 */

import { linearAxis } from "./axis.js";
import { PROCESSED_HOP } from "./journey_stages.js";

/** @typedef {import("./journey_stages.js").Doing} Doing */
/** @typedef {import("./journey_stages.js").Stage} Stage */
/** @typedef {import("./trace_log.js").Way} Way */

/** A bar in ms from the axis's beginning; NaN where the trace does not know the stage. */
/** @typedef {{stage: Stage, from_ms: number, to_ms: number}} Bar */

/**
 * One pipeline's waterfall: bars in the order of its stages, and the ms until it was processed, until it was painted,
 * and by what the sample did; NaN where not known.
 * @typedef {object} Waterfall
 * @property {Bar[]} bars
 * @property {number} processed_ms
 * @property {number} whole_ms
 * @property {Record<Doing, number>} sums_ms
 */

/** An axis that never ends below this; its beginning is the first hop of either way. */
const LEAST_MS = 1;

/**
 * @param {Stage[]} stages
 * @param {Way | null} way
 * @param {number} origin_us
 * @returns {Waterfall}
 */
export function waterfall(stages, way, origin_us) {
  const at_ms = new Map((way ?? []).map(([name, at_us]) => [name, (at_us - origin_us) / 1000]));
  const sums_ms = { working: 0, waiting: 0, moving: 0 };
  let before_ms = way ? (way[0][1] - origin_us) / 1000 : NaN;
  const first_ms = before_ms;
  const bars = stages.map((stage) => {
    const to_ms = at_ms.get(stage.to);
    if (to_ms === undefined || stage.to === way?.[0][0]) return { stage, from_ms: NaN, to_ms: NaN };
    const bar = { stage, from_ms: before_ms, to_ms };
    sums_ms[stage.doing] += to_ms - before_ms;
    before_ms = to_ms;
    return bar;
  });
  const processed_ms = (at_ms.get(PROCESSED_HOP) ?? NaN) - first_ms;
  return { bars, processed_ms, whole_ms: before_ms - first_ms, sums_ms };
}

/**
 * Both ways from one beginning.
 * @param {Stage[][]} stages by pipeline
 * @param {Array<Way | null>} ways
 */
export function waterfalls(stages, ways) {
  const origin_us = Math.min(...ways.map((way) => (way ? way[0][1] : Infinity)));
  return ways.map((way, i) => waterfall(stages[i], way, origin_us));
}

/**
 * The axis: the whole way, or as far as the later pipeline has processed the sample; bars beyond its end are cut.
 * @param {Waterfall[]} falls
 * @param {boolean} whole
 * @param {{end: number, step: number}} before the axis in use
 */
export function axisOf(falls, whole, before) {
  const ends = falls.flatMap(({ bars }) => {
    const shown = whole ? bars : bars.filter(({ stage }) => stage.to === PROCESSED_HOP);
    return shown.map(({ to_ms }) => to_ms).filter(Number.isFinite);
  });
  return linearAxis(Math.max(0, ...ends), LEAST_MS, before);
}
