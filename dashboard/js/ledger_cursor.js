// @ts-check
/** Moves through the ledger's samples: by keys from one to another, by the pointer to the one below it. Pure. */

import { ordinalAt } from "./ledger_layout.js";
import { identityAt, ordinalOf } from "./ledger_model.js";

/** @typedef {import("./ledger_layout.js").Layout} Layout */
/** @typedef {import("./ledger_model.js").Identity} Identity */
/** @typedef {import("./ledger_model.js").Ledger} Ledger */

/** Steps of each key: samples (newer is more) and servers. */
const STEPS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
  ["PageUp", [0, -10]],
  ["PageDown", [0, 10]],
  ["Home", [-Infinity, 0]],
  ["End", [Infinity, 0]],
]);

/** Whether a key moves the cursor. @param {string} key */
export const isStep = (key) => STEPS.has(key);

/**
 * Where the cursor's sample is; null where it is no longer among those shown.
 * @param {Ledger} ledger @param {Identity | null} cursor
 */
export function whereIs(ledger, cursor) {
  const server = ledger.servers.findIndex(({ producer }) => producer === cursor?.producer);
  if (!cursor || server < 0) return null;
  const ordinal = ordinalOf(ledger.servers[server], cursor.epoch, cursor.seq);
  return ordinal < ledger.servers[server].first ? null : { server, ordinal };
}

/**
 * The sample one step on; without a cursor the newest of the first server. A step to another server keeps the distance
 * from the newest sample.
 * @param {Ledger} ledger @param {Identity | null} cursor @param {string} key
 * @returns {Identity | null}
 */
export function step(ledger, cursor, key) {
  const at = whereIs(ledger, cursor);
  const [samples, servers] = STEPS.get(key) ?? [0, 0];
  const last = ledger.servers.length - 1;
  if (last < 0) return null;
  const server = at ? Math.max(0, Math.min(last, at.server + servers)) : 0;
  const { first, total } = ledger.servers[server];
  const age = at ? ledger.servers[at.server].total - at.ordinal : 1;
  const ordinal = Math.max(first, Math.min(total - 1, total - age + (at ? samples : 0)));
  return identityAt(ledger.servers[server], ordinal);
}

/**
 * The sample below a point of the picture.
 * @param {Ledger} ledger @param {Layout} layout @param {number} x screen pixels @param {number} y
 * @returns {Identity | null}
 */
export function pointAt(ledger, layout, x, y) {
  const server = Math.floor(y / layout.pitch);
  const found = ledger.servers[server];
  if (!found) return null;
  const ordinal = ordinalAt(layout, found.total, x - layout.left, y - server * layout.pitch);
  return ordinal < found.first ? null : identityAt(found, ordinal);
}
