// @ts-check
/**
 * What every reader of an answer uses: small checks that throw a `WireError` with the path of what is wrong. Pure.
 */

/** @typedef {Record<string, any>} Fields */

/** A message that cannot be read. Its text is fit for the event list. */
export class WireError extends Error {}

/** @param {unknown} value */
export const quote = (value) => {
  if (typeof value === "number" && value > Number.MAX_SAFE_INTEGER) return `${value}, which is too large`;
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
};

/** @param {string} path @param {string} expected @param {unknown} value @returns {never} */
export function refuse(path, expected, value) {
  throw new WireError(`${path}: expected ${expected}, got ${quote(value)}`);
}

/** @param {unknown} value @returns {value is Fields} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Beyond the exact integers no figure of the lab can be. @param {unknown} value */
export const isAmount = (value) => typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;

/** @param {Fields} fields @param {string} path @returns {Fields} */
export function object(fields, path) {
  if (!isObject(fields)) refuse(path, "an object", fields);
  return fields;
}

/** @param {Fields} fields @param {string[]} names @param {string} path */
export function amounts(fields, names, path) {
  for (const name of names) {
    if (!isAmount(fields[name])) refuse(`${path}.${name}`, "a number >= 0", fields[name]);
  }
}

/** @param {Fields} fields @param {string} name @param {string} path */
export function text(fields, name, path) {
  if (typeof fields[name] !== "string") refuse(`${path}.${name}`, "a text", fields[name]);
}

/** @param {unknown} value @param {string} path @returns {Fields[]} */
export function list(value, path) {
  if (!Array.isArray(value)) refuse(path, "an array", value);
  return value;
}
