// @ts-check
/**
 * Charts as a table, as CSV and as the name of a file. Pure.
 *
 * A table has one row per step, with what stood at its end; CSV has every row of the history. Times are seconds before
 * the right end in a table, UTC in CSV.
 */

import { valueAt } from "./lookup.js";

/** @typedef {import("./series.js").Series} Series */
/**
 * One line of a chart: whose it is, what it is called, where its values are.
 * @typedef {{letter: string, name: string, series: Series, values: ArrayLike<number>}} Line
 */

/** Rows of a table. */
export const TABLE_ROWS = 30;

/** @param {Line} line */
const heading = ({ letter, name }) => `${letter} ${name}`.trim();

/**
 * @param {Line[]} lines @param {number} end_us @param {number} window_s
 * @returns {{heads: string[], rows: Array<{seconds: number, values: number[]}>}} newest first; a missing value is NaN
 */
export function tableOf(lines, end_us, window_s) {
  const step_s = window_s / TABLE_ROWS;
  const rows = Array.from({ length: TABLE_ROWS }, (_, i) => {
    const at_us = end_us - i * step_s * 1e6;
    return { seconds: -i * step_s, values: lines.map(({ series, values }) => valueAt(series, values, at_us)) };
  });
  return { heads: lines.map(heading), rows };
}

/** @param {string | number} cell */
const quoted = (cell) => (/[",\n\r]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));

/**
 * Every row of the time span; pipelines have rows of their own, as their snapshots come at times of their own. Columns
 * are named with their unit.
 * @param {Line[]} lines @param {string} unit @param {number} end_us @param {number} window_s
 */
export function csvOf(lines, unit, end_us, window_s) {
  const head = ["time", "pipeline", ...new Set(lines.map(({ name }) => `${name || "value"} (${unit})`))];
  const out = [head.map(quoted).join(",")];
  for (const letter of new Set(lines.map((line) => line.letter))) {
    const own = lines.filter((line) => line.letter === letter);
    const [{ series }] = own;
    const names = own.map(({ name }) => `${name || "value"} (${unit})`);
    for (let age = series.countSince(end_us - window_s * 1e6) - 1; age >= 0; age -= 1) {
      const place = series.place(age);
      if (series.at_us[place] > end_us) break;
      const cells = head.slice(2).map((name) => {
        const value = own[names.indexOf(name)]?.values[place] ?? NaN;
        return Number.isFinite(value) ? Number(value.toPrecision(7)) : "";
      });
      if (cells.every((cell) => cell === "")) continue;
      out.push([new Date(series.at_us[place] / 1000).toISOString(), letter, ...cells].map(quoted).join(","));
    }
  }
  return `${out.join("\r\n")}\r\n`;
}

/**
 * `lab-processed-run-7-20260131T142500Z.csv`, of letters that every system takes.
 * @param {string} what @param {string} run @param {number} at_us @param {string} ending
 */
export function fileName(what, run, at_us, ending) {
  const time = new Date(at_us / 1000).toISOString().replace(/[-:]|\.\d+/g, "");
  return `lab-${what}-${run}-${time}`.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 120) + `.${ending}`;
}
