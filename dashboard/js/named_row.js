// @ts-check
/**
 * The named columns of a history row: what a snapshot says of a pipeline's processes and buffers, and the lab of what
 * waits before them. Pure.
 */

import { SOCKET_BAR_BYTES } from "./buffer_board.js";
import { NAMED } from "./series.js";

/** @typedef {import("./buffers_wire.js").Upstream} Upstream */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/** The column of what waits in the servers' outboxes. */
export const OUTBOX = `${NAMED.buffers}outbox`;

/** Processes with a line of their own on the charts; further ones are in the sum only. */
const PROCESSES_DRAWN = 14;

/** @param {Snapshot} snapshot @param {Upstream | null} upstream null: not known now */
export function namedRow({ processes, buffers = [] }, upstream) {
  /** @type {Record<string, number>} */
  const row = {};
  for (const { name, cpu_percent, rss_bytes } of processes.slice(0, PROCESSES_DRAWN)) {
    row[NAMED.cpu + name] = cpu_percent;
    row[NAMED.rss + name] = rss_bytes;
  }
  if (upstream) {
    const { waiting, capacity, socket_bytes } = upstream;
    row[OUTBOX] = percentOf(waiting, capacity);
    row[`${NAMED.buffers}socket`] = percentOf(socket_bytes, SOCKET_BAR_BYTES);
  }
  for (const { name, waiting, capacity } of buffers) row[NAMED.buffers + name] = percentOf(waiting, capacity);
  return row;
}

/** @param {number | null} waiting @param {number | null} bound */
function percentOf(waiting, bound) {
  return waiting !== null && bound !== null && bound > 0 ? Math.min(100, (100 * waiting) / bound) : NaN;
}
