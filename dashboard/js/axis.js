// @ts-check
/** Ends of a chart's value axis: round, and steady while the values only tremble. Pure. */

/**
 * Round ends within a power of ten, and the equal parts that give round ticks.
 * @type {Array<[number, number]>}
 */
const ROUND = [[1, 2], [1.5, 3], [2, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 2]];

/**
 * Upper end of a linear axis from 0, and the step of its ticks.
 * @param {number} highest highest value in view; NaN or 0 where there is none
 * @param {number} least never end below this
 * @param {{end: number, step: number}} before the axis in use
 */
export function linearAxis(highest, least, before) {
  const wanted = Math.max(least, Number.isFinite(highest) ? highest * 1.1 : 0);
  if (wanted <= before.end && wanted > before.end * 0.45) return before;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const [end, parts] = ROUND.find(([round]) => round * power >= wanted * 0.9999) ?? [10, 2];
  return { end: end * power, step: (end * power) / parts };
}

/**
 * Ends of a logarithmic axis: powers of ten, never narrower than the ones given.
 * @param {number} lowest @param {number} highest NaN where there is no value
 * @param {{lowest: number, highest: number}} least
 */
export function logEnds(lowest, highest, least) {
  const low = lowest > 0 ? 10 ** Math.floor(Math.log10(lowest) + 1e-9) : least.lowest;
  const high = highest > 0 ? 10 ** Math.ceil(Math.log10(highest) - 1e-9) : least.highest;
  return { lowest: Math.max(1e-3, Math.min(least.lowest, low)), highest: Math.max(least.highest, high) };
}
