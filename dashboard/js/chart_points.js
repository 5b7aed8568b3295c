// @ts-check
/** From a history to the points of a line, and where the names at their ends go. Pure. */

import { CHART_WINDOW_S } from "./config.js";

/** @typedef {import("./series.js").Series} Series */
/**
 * Seconds before the right end (negative), and the value.
 * @typedef {{x: number, y: number}} Point
 */

/** Rows drawn one by one; of more, each of `MOST_POINTS / 2` equal spans of time gives its lowest and highest. */
export const MOST_POINTS = 600;

/**
 * Overwrite `points` with the last `window_s` of a column, oldest first; rows newer than `end_us` are left out. The
 * objects are used again from frame to frame.
 * @param {Point[]} points
 * @param {Series} series
 * @param {ArrayLike<number>} values the column
 * @param {number} end_us time at the right end
 * @param {number} [window_s]
 */
export function fillPoints(points, series, values, end_us, window_s = CHART_WINDOW_S) {
  const newer = series.countSince(end_us + 1);
  // One row more than fits, so that the line runs to the left edge.
  const rows = Math.min(series.length, series.countSince(end_us - window_s * 1e6) + 1) - newer;
  if (rows > MOST_POINTS) {
    points.length = thinned(points, series, values, end_us, { rows, newer, span_us: (window_s * 2e6) / MOST_POINTS });
    return;
  }
  points.length = Math.max(0, Math.min(points.length, rows));
  for (let i = 0; i < rows; i += 1) {
    const place = series.place(newer + rows - 1 - i);
    put(points, i, (series.at_us[place] - end_us) / 1e6, values[place]);
  }
}

/**
 * Lowest and highest of each span of time, in the order in which they came; a gap stays a gap. Spans are cut at fixed
 * times, so that a line does not tremble while it moves.
 * @param {Point[]} points @param {Series} series @param {ArrayLike<number>} values @param {number} end_us
 * @param {{rows: number, newer: number, span_us: number}} of
 * @returns {number} how many points
 */
function thinned(points, series, values, end_us, { rows, newer, span_us }) {
  let count = 0;
  let span = NaN;
  let low = -1;
  let high = -1;
  const flush = () => {
    if (low < 0) return;
    const [first, second] = series.at_us[low] <= series.at_us[high] ? [low, high] : [high, low];
    put(points, count++, (series.at_us[first] - end_us) / 1e6, values[first]);
    if (first !== second) put(points, count++, (series.at_us[second] - end_us) / 1e6, values[second]);
    low = high = -1;
  };
  for (let age = newer + rows - 1; age >= newer; age -= 1) {
    const place = series.place(age);
    const at = Math.floor(series.at_us[place] / span_us);
    const gap = Number.isNaN(values[place]);
    if (at !== span || gap) flush();
    span = at;
    if (gap) put(points, count++, (series.at_us[place] - end_us) / 1e6, NaN);
    else if (low < 0) low = high = place;
    else if (values[place] < values[low]) low = place;
    else if (values[place] > values[high]) high = place;
  }
  flush();
  return count;
}

/** @param {Point[]} points @param {number} i @param {number} x @param {number} y */
function put(points, i, x, y) {
  if (i < points.length) {
    points[i].x = x;
    points[i].y = y;
  } else {
    points.push({ x, y });
  }
}

/**
 * Lowest and highest value of some lines; NaN where there is none.
 * @param {Point[][]} lines
 */
export function extentOf(lines) {
  let lowest = Infinity;
  let highest = -Infinity;
  for (const points of lines) {
    for (const { y } of points) {
      if (y < lowest) lowest = y;
      if (y > highest) highest = y;
    }
  }
  return lowest <= highest ? { lowest, highest } : { lowest: NaN, highest: NaN };
}

/**
 * Places of labels down a chart's edge: each as near to its line's end as the others let it be, in the order of the
 * lines. Where there is no room for all, the last ones down get none.
 * @param {number[]} wanted middles, in pixels
 * @param {number} height of a label
 * @param {number} top @param {number} bottom ends of the chart
 * @returns {Array<number | null>}
 */
export function spreadLabels(wanted, height, top, bottom) {
  const room = Math.floor((bottom - top) / height);
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]).slice(0, room);
  /** @type {Array<number | null>} */
  const places = wanted.map(() => null);
  let lowest = bottom - height / 2;
  for (const i of [...order].reverse()) {
    places[i] = Math.min(wanted[i], lowest);
    lowest = /** @type {number} */ (places[i]) - height;
  }
  let highest = top + height / 2;
  for (const i of order) {
    places[i] = Math.max(/** @type {number} */ (places[i]), highest);
    highest = /** @type {number} */ (places[i]) + height;
  }
  return places;
}
