// @ts-check
/** The named columns of a history row: what a snapshot says of a pipeline's processes and buffers. Pure. */

import { NAMED } from "./series.js";

/** @typedef {import("./types.js").Snapshot} Snapshot */

/** Processes with a line of their own on the charts; further ones are in the sum only. */
const PROCESSES_DRAWN = 14;

/** @param {Snapshot} snapshot */
export function namedRow({ processes, buffers = [] }) {
  /** @type {Record<string, number>} */
  const row = {};
  for (const { name, cpu_percent, rss_bytes } of processes.slice(0, PROCESSES_DRAWN)) {
    row[NAMED.cpu + name] = cpu_percent;
    row[NAMED.rss + name] = rss_bytes;
  }
  for (const { name, waiting, capacity } of buffers) {
    row[NAMED.buffers + name] = capacity > 0 ? (100 * waiting) / capacity : NaN;
  }
  return row;
}
