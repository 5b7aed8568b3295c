// @ts-check
/** From a history to the points of a line. Pure. */

import { CHART_WINDOW_S } from "./config.js";

/** @typedef {import("./series.js").Series} Series */
/**
 * Seconds before now (negative), and the value.
 * @typedef {{x: number, y: number}} Point
 */

/**
 * Overwrite `points` with the last minute of a column, oldest first. The objects are used again from frame to
 * frame.
 * @param {Point[]} points
 * @param {Series} series
 * @param {Float64Array} values the column
 * @param {number} now_us
 */
export function fillPoints(points, series, values, now_us) {
  // One row more than fits, so that the line runs to the left edge.
  const rows = Math.min(series.length, series.countSince(now_us - CHART_WINDOW_S * 1e6) + 1);
  while (points.length < rows) points.push({ x: 0, y: 0 });
  points.length = rows;
  for (let i = 0; i < rows; i += 1) {
    const place = series.place(rows - 1 - i);
    points[i].x = (series.at_us[place] - now_us) / 1e6;
    points[i].y = values[place];
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
