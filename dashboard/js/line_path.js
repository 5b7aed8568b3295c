// @ts-check
/** Readings as the path of a small line (SVG). Pure. */

/** Readings further apart than this are not joined, s. */
const GAP_S = 5;

/** @param {number} value */
const short = (value) => String(Math.round(value * 10) / 10);

/**
 * @param {Array<[number, number]>} readings seconds and value, oldest first
 * @param {{width: number, height: number, from_s: number, to_s: number, low: number, high: number}} box its size, the
 *   time at its left and right end, the values at its lower and upper one
 * @returns {string} for the attribute `d`; empty where nothing is to be drawn
 */
export function linePath(readings, { width, height, from_s, to_s, low, high }) {
  const parts = [];
  let before_s = -Infinity;
  for (const [at_s, value] of readings) {
    if (at_s < from_s || !Number.isFinite(value)) continue;
    const x = ((at_s - from_s) / (to_s - from_s)) * width;
    const share = (Math.min(high, Math.max(low, value)) - low) / (high - low);
    parts.push(`${at_s - before_s > GAP_S ? "M" : "L"}${short(x)} ${short(height * (1 - share))}`);
    before_s = at_s;
  }
  return parts.join("");
}

/** The last reading's time; NaN where there is none. @param {Array<[number, number]>} readings */
export const lastTime_s = (readings) => (readings.length > 0 ? readings[readings.length - 1][0] : NaN);
