// @ts-check
/** Figures as text. Pure. Three significant digits; an en dash where there is no figure. */

/** @param {number | null | undefined} value */
export function threeDigits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const rounded = Number(value.toPrecision(3));
  if (rounded === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return rounded.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/**
 * A tick on an axis, no longer than it has to be: `0.1`, `1,000`, `20 k`.
 * @param {number} value
 */
export function tickText(value) {
  const [scaled, unit] =
    Math.abs(value) >= 1e6 ? [value / 1e6, "\u202fM"] : Math.abs(value) >= 1e4 ? [value / 1e3, "\u202fk"] : [value, ""];
  return Number(scaled.toPrecision(6)).toLocaleString("en-US", { maximumFractionDigits: 6 }) + unit;
}

/** @param {number[]} values not empty */
export function medianOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
