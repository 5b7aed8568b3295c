// @ts-check
/** What a history said at a moment. Pure. */

import { GAP_S } from "./config.js";

/** @typedef {import("./series.js").Series} Series */

/**
 * Value of the newest row that is not after `at_us`; NaN where it is more than `GAP_S` older, or there is none.
 * @param {Series} series @param {ArrayLike<number>} values the column @param {number} at_us
 */
export function valueAt(series, values, at_us) {
  const age = series.countSince(at_us + 1);
  if (age >= series.length) return NaN;
  const place = series.place(age);
  return at_us - series.at_us[place] > GAP_S * 1e6 ? NaN : (values[place] ?? NaN);
}
