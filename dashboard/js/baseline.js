// @ts-check
/**
 * A baseline: a pipeline's history frozen at a moment, drawn below the live lines and compared with them. Pure.
 *
 * The frozen rows are copies, so later ones change nothing. Of the window before the freeze each column has its median.
 */

import { COLUMNS, Series } from "./series.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/**
 * `series` in the order of the pipelines.
 * @typedef {{at_us: number, series: Series[]}} Baseline
 */

/**
 * Values of a column between two times, without gaps.
 * @param {Series} series @param {string} column @param {number} since_us @param {number} until_us
 */
export function valuesBetween(series, column, since_us, until_us) {
  const found = [];
  const values = series.values(column);
  for (let age = series.countSince(since_us) - 1; age >= 0; age -= 1) {
    const place = series.place(age);
    const value = values[place];
    if (series.at_us[place] <= until_us && Number.isFinite(value)) found.push(value);
  }
  return found;
}

/** @param {number[]} values @returns {number} NaN where there is none */
export function median(values) {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Median of a column over the `window_s` before `at_us`.
 * @param {Series} series @param {string} column @param {number} at_us @param {number} window_s
 */
export function medianBefore(series, column, at_us, window_s) {
  return median(valuesBetween(series, column, at_us - window_s * 1e6, at_us));
}

/**
 * Freeze what the charts show at `at_us`; rows that are newer, as the page is paused, come along and are not drawn.
 * @param {PipelineState[]} pipelines @param {number} at_us
 * @returns {Baseline}
 */
export function freeze(pipelines, at_us) {
  return { at_us, series: pipelines.map(({ series }) => copyOf(series)) };
}

/** @param {Series} series */
function copyOf(series) {
  const copy = new Series(series.capacity);
  copy.at_us.set(series.at_us);
  for (const name of COLUMNS) copy.columns[name].set(series.columns[name]);
  for (const [name, values] of series.named) copy.named.set(name, values.slice());
  copy.length = series.length;
  copy.next = series.next;
  return copy;
}

/**
 * How a figure stands against its baseline: `1.8×`, `same`; empty where one is missing.
 * @param {number} now @param {number} before
 */
export function ratioText(now, before) {
  if (!Number.isFinite(now) || !Number.isFinite(before)) return "";
  if (now === before) return "same";
  if (before <= 0 || now <= 0) return "";
  const ratio = now / before;
  if (ratio > 0.95 && ratio < 1.05) return "same";
  return `${ratio >= 9.95 ? Math.round(ratio).toLocaleString("en-US") : ratio >= 0.1 ? ratio.toFixed(1) : ratio.toPrecision(1)}×`;
}
