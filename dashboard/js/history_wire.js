// @ts-check
/**
 * A history as JSON and back, so that a reload does not empty the charts. Pure. Not here: where it is kept
 * (`memory.js`).
 *
 * Times are whole ms from the first row on and values have four significant digits: 15 minutes of both pipelines take
 * about 0.6 MB, of the 5 MB that a browser gives. What is read back may be anything; only what is sound is taken.
 */

import { COLUMNS } from "./series.js";

/** @typedef {import("./series.js").Series} Series */

/** Rows kept; the newest. */
const ROWS_KEPT = 3600;

/** @param {number} value */
const short = (value) => (Number.isFinite(value) ? Number(value.toPrecision(4)) : null);

/** @param {Series} series */
export function packSeries(series) {
  const rows = Math.min(series.length, ROWS_KEPT);
  const places = Array.from({ length: rows }, (_, i) => series.place(rows - 1 - i));
  const from_us = rows ? series.at_us[places[0]] : 0;
  return {
    from_us,
    at_ms: places.map((place) => Math.round((series.at_us[place] - from_us) / 1000)),
    columns: Object.fromEntries(
      COLUMNS.map((name) => [name, places.map((place) => short(series.columns[name][place]))]),
    ),
  };
}

/**
 * Fill an empty history with what `packSeries` gave.
 * @param {Series} series @param {any} packed @param {number} now_us rows that are not older than this are left out
 */
export function unpackSeries(series, packed, now_us) {
  if (series.length > 0 || !Number.isFinite(packed?.from_us) || !Array.isArray(packed?.at_ms)) return;
  let newest_us = -Infinity;
  for (const [i, at_ms] of packed.at_ms.slice(-ROWS_KEPT).entries()) {
    const at_us = packed.from_us + at_ms * 1000;
    if (!(at_us >= newest_us && at_us < now_us)) continue;
    newest_us = at_us;
    const values = COLUMNS.map((name) => [name, packed.columns?.[name]?.[i] ?? undefined]);
    series.push(at_us, Object.fromEntries(values.filter(([, value]) => typeof value === "number")));
  }
}
