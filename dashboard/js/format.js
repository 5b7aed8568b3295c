// @ts-check
/**
 * Figures as text. Pure. Every figure comes with its unit, either in the text or from the caller's label;
 * a figure that does not exist (NaN) is an en dash, never a zero.
 */

const NONE = "–";
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** @param {number} value @param {number} digits */
const fixed = (value, digits) => (digits === 0 ? whole.format(value) : value.toFixed(digits));

/**
 * A count: `12,345`.
 * @param {number} value
 */
export const count = (value) => (Number.isFinite(value) ? whole.format(value) : NONE);

/**
 * The unit of a count: of 1 `batch`, else `batches`.
 * @param {number} value @param {string} plural
 */
export function unitOf(value, plural) {
  return value === 1 ? plural.replace(/ies$/, "y").replace(/(?<=ch)es$|s$/, "") : plural;
}

/** A count with its unit: `1 server`, `1,200 servers`. @param {number} value @param {string} plural */
export const many = (value, plural) => `${count(value)} ${unitOf(value, plural)}`;

/**
 * A rate without its unit, steady in width: `50.0`, `12,345`.
 * @param {number} value
 */
export const rate = (value) => (Number.isFinite(value) ? fixed(value, value < 1000 ? 1 : 0) : NONE);

/**
 * Three significant digits, as far as a latency needs them.
 * @param {number} value
 */
const three = (value) => fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);

/**
 * A latency: always ms below 10 s, so that two pipelines can be compared at a glance.
 * @param {number} ms
 */
export function latency(ms) {
  if (!Number.isFinite(ms)) return NONE;
  return ms < 10_000 ? `${three(ms)} ms` : `${three(ms / 1000)} s`;
}

/**
 * A mean count, with three significant digits: `0.52`, `12.3`, `1,234`.
 * @param {number} value
 */
export const amount = (value) => (Number.isFinite(value) ? three(value) : NONE);

/**
 * A difference of such counts, with its sign.
 * @param {number} value
 */
export function signed(value) {
  if (!Number.isFinite(value)) return NONE;
  return `${value < 0 ? "\u2212" : "+"}${three(Math.abs(value))}`;
}

/**
 * A latency as its figure and its unit.
 * @param {number} ms
 * @returns {[string, string]}
 */
export function latencyParts(ms) {
  const [figure, unit = "ms"] = latency(ms).split(" ");
  return [figure, unit];
}

/** @param {number} value */
export const percent = (value) => (Number.isFinite(value) ? `${value.toFixed(1)} %` : NONE);

/**
 * Bytes in decimal units: `84 MB`.
 * @param {number} bytes
 */
export function bytes(bytes) {
  if (!Number.isFinite(bytes)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 999.5 && step < units.length - 1) {
    bytes /= 1000;
    step += 1;
  }
  return `${fixed(bytes, bytes < 9.95 && step > 0 ? 1 : 0)} ${units[step]}`;
}

/** @param {number} value */
export const byteRate = (value) => (Number.isFinite(value) ? `${bytes(value)}/s` : NONE);

/**
 * An age in whole units; below `fresh_ms` it is not counted out.
 * @param {number} ms
 * @param {number} fresh_ms
 */
export function age(ms, fresh_ms) {
  if (!Number.isFinite(ms)) return NONE;
  if (ms < fresh_ms) return `< ${fresh_ms / 1000} s`;
  if (ms < 120_000) return `${Math.floor(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`;
}

const short = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });

/**
 * A number as it was set: `200`, `0.25`, `2,000`.
 * @param {number} value
 */
export const plain = (value) => short.format(value);

/**
 * A running time in whole seconds: `7 s`, `2 min 5 s`.
 * @param {number} seconds
 */
export function seconds(seconds) {
  const passed = Math.floor(seconds);
  return passed < 60 ? `${passed} s` : `${Math.floor(passed / 60)} min ${passed % 60} s`;
}

/**
 * A time that was measured: `0.42 s`, `12.3 s`.
 * @param {number} seconds
 */
export const spell = (seconds) => (Number.isFinite(seconds) ? `${three(seconds)} s` : NONE);

/**
 * A time of day in the viewer's time zone: `14:05:09`.
 * @param {number} at_us
 */
export function timeOfDay(at_us) {
  const date = new Date(at_us / 1000);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * Share of a logarithmic scale, 0 at `lowest`, 1 at `highest`, clamped.
 * @param {number} value @param {number} lowest @param {number} highest
 */
export function logShare(value, lowest, highest) {
  if (!(value > lowest)) return 0;
  return Math.min(1, Math.log(value / lowest) / Math.log(highest / lowest));
}
